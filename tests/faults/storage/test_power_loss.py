"""Lost events: an older database is restored. Clients that are ahead of it get a snapshot, others go on, and all see the same."""

import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from clients.prove.checker import missing
from clients.prove.trace import Done
from protocol import codec
from protocol import events as ev
from protocol.submissions import UserInput
from tests.faults.harness.aftermath import verify
from tests.faults.harness.conversation import steps
from tests.faults.harness.driver import driving
from tests.faults.harness.follower import Cut, Follower
from tests.faults.harness.lengths import few, fresh_seed, length
from tests.faults.process import machine
from tests.faults.process.process import ServerProcess, Zygote
from tests.support.application import settings_for
from tests.support.live import same_view
from tests.support.models.scripted_model import ScriptedModel, text

Ways = tuple[Callable[[Path, Path], None], Callable[[Path, Path], None]]
"""How a copy is taken, and how it is put back."""
DATABASE: Ways = (machine.copy_database, machine.put_database_back)
BACKUP: Ways = (machine.copy_folder, machine.replace_folder)
OVERWRITTEN: Ways = (machine.copy_folder, machine.overwrite_folder)
ORDERS = [("stopped", "killed"), ("killed", "killed"), ("killed", "stopped"), ("stopped", "stopped")]
"""How the server ends before the copy, and before the copy is put back."""


class LossTrial:
    """A server on one data folder, and clients of one session."""

    def __init__(self, server: ServerProcess, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.data = folder / "data"
        self.talker = Follower("talker", may_lose=True)
        self._turns = 0

    async def stop(self, how: str) -> None:
        """The talker leaves, and the server is stopped or killed."""
        await self.talker.go()
        assert await (self.server.kill() if how == "killed" else self.server.terminate()) in (0, -9)

    async def turns(self, count: int) -> None:
        """The talker has this many turns."""
        for _ in range(count):
            self._turns += 1
            before = self.talker.view.seq
            await self.talker.send(UserInput(text=f"number {self._turns}"))
            await self.talker.until(lambda seq=before: self.talker.view.seq > seq and self.talker.view.state == "idle")  # type: ignore[misc]  # a default that binds the value

    async def come(self, follower: Follower) -> bool:
        """A client comes back; whether it was recovered. It then sees what one sees who was never here."""
        newcomer = Follower("newcomer")
        newcomer.session_id = follower.session_id
        await newcomer.come(self.server.ws)
        await newcomer.go()
        await follower.come(self.server.ws)
        await follower.go()
        assert same_view(follower.view, newcomer.view)
        assert follower.epoch == newcomer.epoch
        expected = ["ready", "synced"] if follower.recovered[-1] else ["ready", "snapshot", "synced"]
        assert [kind for kind in follower.frame_types if kind in ("ready", "snapshot", "synced")] == expected
        return follower.recovered[-1]

    async def stored(self) -> list[ev.Event]:
        """All events of the talker's session."""
        whole = Follower("whole journal")
        whole.session_id, whole.position = self.talker.session_id, ("", 0)
        await whole.come(self.server.ws)
        await whole.go()
        return [codec.decode_event(data) for data in whole.seen]


@contextlib.asynccontextmanager
async def loss_trial(zygote: Zygote, folder: Path) -> AsyncIterator[LossTrial]:
    """A running server, with a talker that has just come to a new session."""
    async with ScriptedModel(lambda _: text("Well, ", "yes, ", "of course.")) as model:
        settings = settings_for(folder / "data", model)
        async with ServerProcess(zygote, folder, settings) as server:
            await server.start()
            one = LossTrial(server, folder)
            await one.talker.come(server.ws)
            try:
                yield one
            finally:
                await one.talker.go()


def ways_and_orders() -> list[object]:
    """Each way with each order; in the short form each way with another order."""
    ways = {"database": DATABASE, "backup": BACKUP, "overwritten": OVERWRITTEN}
    every = [pytest.param(ways[name], *order, id="-".join((name, *order))) for name in ways for order in ORDERS]
    return list(few(every, len(ORDERS) + 1))


@pytest.mark.parametrize(("ways", "copied", "ends"), ways_and_orders())
async def test_a_restored_older_database_begins_a_new_epoch(
    zygote: Zygote, tmp_path: Path, tally: Counter[str], ways: Ways, copied: str, ends: str
) -> None:
    take, put_back = ways
    async with loss_trial(zygote, tmp_path) as one:
        talker, server = one.talker, one.server
        await one.turns(1)
        early = talker.twin("early")
        await one.turns(1)
        at_the_copy = talker.twin("at the copy")
        epoch = talker.epoch
        await one.stop(copied)
        take(one.data, tmp_path / "copy")
        await server.start()
        await talker.come(server.ws)
        assert talker.epoch == epoch, "a stop or a kill begins no new epoch"
        await one.turns(1)
        between = talker.twin("between")
        await one.turns(1)
        ahead, still_ahead = talker.twin("ahead"), talker.twin("still ahead")
        stranger = Follower("of a session that will be gone")
        await stranger.come(server.ws)
        await stranger.go()
        await one.stop(ends)
        put_back(tmp_path / "copy", one.data)
        tally["databases put back"] += 1

        await server.start()
        assert await one.come(early)
        assert await one.come(at_the_copy)
        assert not await one.come(ahead)
        assert not await one.come(between)
        assert early.epoch == ahead.epoch != epoch
        with pytest.raises(Cut):
            await stranger.come(server.ws)
        await talker.come(server.ws)
        assert talker.recovered[-1] is False
        await one.turns(4)
        assert talker.view.seq > still_ahead.view.seq
        assert not await one.come(still_ahead), "its seq is there again, and stands for something else"
        assert await one.come(early)
        assert missing(await one.stored(), decoded(early)) == []


@pytest.mark.parametrize("left", few([0.0, 0.3, 0.6, 0.9, 1.0], 4))
@pytest.mark.parametrize("mark", ["of the last start", "newer than the database"])
async def test_a_power_loss_that_loses_the_end_of_the_log_begins_a_new_epoch(
    zygote: Zygote, tmp_path: Path, tally: Counter[str], left: float, mark: str
) -> None:
    async with loss_trial(zygote, tmp_path) as one:
        talker, server = one.talker, one.server
        await one.stop("stopped")
        server.hooks = (machine.boot(one.data, "the first run"),)
        await server.start()
        old_mark = (one.data / machine.MARK).read_bytes()
        await talker.come(server.ws)
        positions = [talker.twin("0")]
        for number in range(1, 5):
            await one.turns(1)
            positions.append(talker.twin(str(number)))
        epoch = talker.epoch
        await one.stop("killed")
        machine.lose_log(one.data, left)
        if mark == "of the last start":
            with (one.data / machine.MARK).open("r+b") as file:
                file.write(old_mark)
        machine.boot(one.data, "the second run")
        tally["power cuts"] += 1

        await server.start()
        # What ends the cut turn may stand where the lost events stood.
        seen = {event.seq: event for event in decoded(talker)}
        head = max((event.seq for event in await one.stored() if seen.get(event.seq) == event), default=0)
        assert (head == talker.view.seq) == (left == 1.0)
        for position in positions:
            assert await one.come(position.twin(position.name)) == (position.view.seq <= head)
        await talker.come(server.ws)
        assert talker.epoch != epoch
        await one.turns(5)
        for position in positions:
            was_before = position.view.seq <= head
            assert await one.come(position) == was_before
            assert missing(await one.stored(), decoded(position)) == []


@pytest.mark.parametrize("name", few([step.name for step in steps()], 6))
async def test_a_database_restored_from_the_middle_of_a_conversation_begins_a_new_epoch(
    zygote: Zygote, tmp_path: Path, tally: Counter[str], name: str
) -> None:
    """The copy is of a turn under way: what ran in it has an unknown outcome, and the session goes on."""
    data = tmp_path / "data"
    ran: Counter[str] = Counter()
    async with driving(zygote, tmp_path) as driver:
        await driver.server.start()
        await driver.all_come()
        for step in steps():
            await driver.its_moment(step)
            if step.name == name:
                await driver.server.kill()
                await driver.leave()
                machine.copy_database(data, tmp_path / "copy")
                ran = driver.bench.runs()
                await driver.server.start()
                await driver.all_come()
                await driver.its_moment(step)
            await driver.take(step)
        await driver.finish()
        epoch, ahead = driver.talker.epoch, driver.talker.view.seq
        await driver.server.kill()
        await driver.leave()
        machine.put_database_back(tmp_path / "copy", data)
        tally["databases put back"] += 1
        driver.bench.forget_runs_but(ran)
        driver.model.requests.clear()
        driver.record.trace.append(Done("an older database was put back", restored=True))
        driver.talker.may_lose = driver.other.may_lose = True
        await driver.server.start()
        await driver.all_come()
        assert driver.talker.recovered[-1] is False
        assert driver.talker.epoch == driver.other.epoch != epoch
        driver.talker.answers.clear()
        await driver.finish()
        assert driver.talker.view.seq != ahead
        await driver.other.until(lambda: driver.other.view.seq >= driver.talker.view.seq)
        await verify(driver)


@pytest.mark.timeout(600)
async def test_random_losses_with_clients_at_every_position(
    zygote: Zygote, tmp_path: Path, tally: Counter[str]
) -> None:
    """Recovered only if all that the client ever saw is still there; and always then, if the database knows its epoch."""
    seed = fresh_seed()
    print(f"HOLDFAST_FAULTS_SEED={seed}")
    rng = random.Random(seed)
    async with loss_trial(zygote, tmp_path) as one:
        await one.turns(1)
        epochs = {one.talker.epoch}
        copies: list[tuple[Path, set[str]]] = []
        clients = [one.talker.twin("0")]
        for number in range(length(10, 150)):
            await one.stop(rng.choice(("stopped", "killed")))
            if copies and rng.random() < 0.5:
                kept, known = rng.choice(copies)
                machine.put_database_back(kept, one.data)
                epochs = set(known)
                tally["databases put back"] += 1
            if not copies or rng.random() < 0.3:
                copies.append((tmp_path / f"copy-{number}", set(epochs)))
                machine.copy_database(one.data, copies[-1][0])
            await one.server.start()
            await one.talker.come(one.server.ws)
            epochs.add(one.talker.epoch)
            await one.turns(rng.randrange(3))
            clients.append(one.talker.twin(str(number)))
            stored = await one.stored()
            for client in rng.sample(clients, min(len(clients), 6)):
                still_there, known_epoch = not missing(stored, decoded(client)), client.epoch in epochs
                recovered = await one.come(client)
                assert recovered == (still_there and known_epoch), f"{client.name} in round {number}"
                client.seen[:] = [codec.encode(event) for event in stored]
                tally["clients that came back"] += 1


def decoded(follower: Follower) -> list[ev.Event]:
    """What it saw."""
    return [codec.decode_event(data) for data in follower.seen]
