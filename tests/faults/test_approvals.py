"""Approvals under faults: concurrent, late, in parts, after a restart. The first answer counts, and only what was approved runs."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from protocol import codec
from protocol import events as ev
from protocol.content import ToolMessage
from protocol.frames import Refused
from protocol.submissions import Approval, ExecApproval, Interrupt, Undo, UserInput
from tests.faults.harness.follower import Follower
from tests.faults.harness.lengths import fresh_seed, length
from tests.faults.harness.workbench import Workbench
from tests.faults.process.process import ServerProcess, Zygote
from tests.support.application import settings_for
from tests.support.live import same_view
from tests.support.models.scripted_model import Answer, Call, Request, ScriptedModel, calls, text

ROUNDS = 25
"""Races in one session."""


class Room:
    """A session whose model asks for as many calls of `change` as the input says, and two clients of it."""

    def __init__(self, server: ServerProcess, bench: Workbench) -> None:
        self.server = server
        self.bench = bench
        self.one = Follower("one")
        self.two = Follower("two", encoding="msgpack")
        self._inputs = 0

    async def all_come(self) -> None:
        """Both clients connect."""
        await self.one.come(self.server.ws)
        self.two.session_id = self.one.session_id
        await self.two.come(self.server.ws)

    async def leave(self) -> None:
        """Both clients close their sockets."""
        await self.one.go()
        await self.two.go()

    async def say(self, words: str) -> None:
        """Client one says something."""
        self._inputs += 1
        await self.one.send(UserInput(id=f"input-{self._inputs}", text=words))
        await self.one.until(lambda: f"input-{self._inputs}" in self.one.answers)

    async def pending_calls(self, count: int = 1) -> list[str]:
        """The model asks for this many calls, and both clients know; the calls' ids."""
        await self.say(f"change {count}")
        for client in (self.one, self.two):
            await client.until(lambda client=client: len(client.view.pending_approval) == count)  # type: ignore[misc]  # a default that binds
        return [call.tool_call_id for call in self.one.view.pending_approval]

    async def answer(self, client: Follower, submission_id: str, *approvals: Approval) -> str:
        """A client answers; `accepted`, or the code of the refusal."""
        await client.send(ExecApproval(id=submission_id, approvals=list(approvals)))
        await client.until(lambda: submission_id in client.answers)
        answer = client.answers[submission_id]
        return answer.code if isinstance(answer, Refused) else "accepted"

    async def at_rest(self) -> None:
        """The turn has ended, and both clients see the same."""
        await self.one.until(lambda: self.one.view.state == "idle" and not self.one.view.queued)
        await self.two.until(lambda: self.two.view.seq == self.one.view.seq)
        assert same_view(self.one.view, self.two.view)

    def result(self, call_id: str) -> ToolMessage:
        """What became of a call."""
        found = [m for m in self.one.view.messages if isinstance(m, ToolMessage) and m.tool_call_id == call_id]
        assert len(found) == 1
        return found[0]

    def changes(self, call_id: str) -> list[str]:
        """The states that the call went through."""
        events = [codec.decode_event(data) for data in self.one.seen]
        return [e.state for e in events if isinstance(e, ev.ToolStateChange) and e.tool_call_id == call_id]


def edit(call_id: str, value: str) -> Approval:
    """Approve the call with this value."""
    return Approval(call_id, True, arguments={"key": call_id, "value": value})


@contextlib.asynccontextmanager
async def room(zygote: Zygote, folder: Path) -> AsyncIterator[Room]:
    """A running server with both clients there."""
    folder.mkdir(exist_ok=True)
    number = 0

    def choose(request: Request) -> Answer:
        nonlocal number
        last = request.messages[-1]
        words = str(last["content"]).split()
        if last["role"] != "user" or words[-2:-1] != ["change"]:
            return text("As you say.")
        number += int(words[-1])
        keys = [f"call-{number - place}" for place in range(int(words[-1]))]
        return calls(*(Call("change", {"key": key, "value": "the model's"}, key) for key in keys), before="May I?")

    async with ScriptedModel(choose) as model, Workbench(folder) as bench:
        settings = settings_for(folder / "data", model)
        async with ServerProcess(zygote, folder, settings, hooks=[bench.hook]) as server:
            await server.start()
            one = Room(server, bench)
            await one.all_come()
            try:
                yield one
            finally:
                await one.leave()


@pytest.mark.timeout(300)
async def test_of_two_clients_that_answer_at_once_the_first_wins_and_both_get_the_event(
    zygote: Zygote, tmp_path: Path, tally: Counter[str]
) -> None:
    seed = fresh_seed()
    print(f"HOLDFAST_FAULTS_SEED={seed}")
    rng = random.Random(seed)
    wins: Counter[str] = Counter()
    for session in range(length(1, 20)):
        async with room(zygote, tmp_path / str(session)) as here:
            for number in range(ROUNDS):
                wins[await race(here, rng, number)] += 1
                tally["approvals raced"] += 1
    assert len(wins) == 2, f"always the same one won: {wins}"


async def race(here: Room, rng: random.Random, number: int) -> str:
    """Client one approves with another value, client two rejects, at the same time; who won."""
    (call_id,) = await here.pending_calls()
    racers = [
        here.answer(here.one, f"one-{number}", edit(call_id, f"one's {number}")),
        here.answer(here.two, f"two-{number}", Approval(call_id, False, "two says no")),
    ]
    names = ["one", "two"]
    order = rng.sample((0, 1), 2)
    outcomes = await asyncio.gather(*(racers[place] for place in order))
    outcome = {names[place]: code for place, code in zip(order, outcomes, strict=True)}
    assert sorted(outcome.values()) == ["accepted", "approval_stale"]
    await here.at_rest()
    winner = next(name for name, code in outcome.items() if code == "accepted")
    result = here.result(call_id)
    if winner == "one":
        assert result.output == f"changed to one's {number}"
        assert here.changes(call_id) == ["approved", "running"]
    else:
        assert result.state == "rejected" and "two says no" in result.output
        assert here.changes(call_id) == ["rejected"]
    assert here.bench.runs()[call_id] == (winner == "one")
    return winner


async def test_a_late_answer_is_refused_and_changes_nothing(zygote: Zygote, tmp_path: Path) -> None:
    async with room(zygote, tmp_path) as here:
        (call_id,) = await here.pending_calls()
        assert await here.answer(here.one, "first", edit(call_id, "the user's")) == "accepted"
        await here.at_rest()
        before = here.one.view.seq
        assert await here.answer(here.two, "late", Approval(call_id, False)) == "approval_stale"
        assert await here.answer(here.two, "later", edit(call_id, "another")) == "approval_stale"
        assert await here.answer(here.one, "nobody's", Approval("call-that-never-was", True)) == "approval_unknown"
        await here.server.kill()
        await here.leave()
        await here.server.start()
        await here.all_come()
        assert await here.answer(here.two, "after the restart", Approval(call_id, False)) == "approval_stale"
        assert here.one.view.seq == before
        assert here.bench.runs() == {call_id: 1}


@pytest.mark.parametrize("gone", ["abandoned", "interrupted", "undone"])
async def test_an_answer_for_a_call_that_is_gone_is_refused(zygote: Zygote, tmp_path: Path, gone: str) -> None:
    async with room(zygote, tmp_path) as here:
        await here.say("hello")
        await here.at_rest()
        (call_id,) = await here.pending_calls()
        if gone == "abandoned":
            await here.say("never mind")
        else:
            await here.one.send(Interrupt(id="stop"))
            await here.one.until(lambda: "stop" in here.one.answers)
        await here.at_rest()
        assert here.result(call_id).state == "abandoned"
        if gone == "undone":
            await here.one.send(Undo(id="undo"))
            await here.one.until(lambda: "undo" in here.one.answers)
        expected = "approval_unknown" if gone == "undone" else "approval_stale"
        assert await here.answer(here.two, "late", edit(call_id, "the user's")) == expected
        assert not here.bench.runs()
        await here.say("and now?")
        await here.at_rest()


@pytest.mark.parametrize("how", ["killed", "stopped"])
async def test_a_waiting_approval_still_waits_after_a_restart(zygote: Zygote, tmp_path: Path, how: str) -> None:
    async with room(zygote, tmp_path) as here:
        first, second = await here.pending_calls(2)
        assert await here.answer(here.one, "a part", edit(first, "the user's")) == "accepted"
        for start in range(2):
            await (here.server.kill() if how == "killed" else here.server.terminate())
            await here.leave()
            await here.server.start()
            await here.all_come()
            assert here.one.view.state == "awaiting_approval", f"after start {start}"
            assert [call.tool_call_id for call in here.one.view.pending_approval] == [second]
            assert not here.bench.runs(), "nothing runs before every call has its answer"
        assert await here.answer(here.two, "again", Approval(first, False)) == "approval_stale"
        assert await here.answer(here.two, "the rest", edit(second, "also the user's")) == "accepted"
        await here.at_rest()
        assert here.result(first).output == "changed to the user's"
        assert here.result(second).output == "changed to also the user's"
        assert here.bench.runs() == {first: 1, second: 1}


async def test_edited_arguments_that_do_not_fit_are_refused_and_the_call_still_waits(
    zygote: Zygote, tmp_path: Path
) -> None:
    async with room(zygote, tmp_path) as here:
        first, second = await here.pending_calls(2)
        wrong = Approval(first, True, arguments={"key": first, "worth": 1})
        assert await here.answer(here.one, "wrong", wrong) == "invalid_arguments"
        assert await here.answer(here.one, "half wrong", edit(second, "x"), wrong) == "invalid_arguments"
        unknown = Approval("call-that-never-was", True)
        assert await here.answer(here.two, "half unknown", edit(first, "x"), unknown) == "approval_unknown"
        assert len(here.one.view.pending_approval) == 2
        assert await here.answer(here.two, "right", edit(first, "a"), edit(second, "b")) == "accepted"
        await here.at_rest()
        assert (here.result(first).output, here.result(second).output) == ("changed to a", "changed to b")
        assert here.bench.runs() == {first: 1, second: 1}
