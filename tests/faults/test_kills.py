"""Kills: SIGKILL before and after every operation of the journal in a conversation; nothing is lost and no session is stuck."""

import asyncio
import json
import random
import signal
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import httpx
import msgspec
import pytest

from agent.models import ModelSettings
from agent.models.catalog import ModelEntry
from agent.util.tasks import TaskOwner
from protocol import events as ev
from protocol.submissions import UserInput
from server.config.model import ModelChoice
from tests.faults.harness.aftermath import verify
from tests.faults.harness.conversation import random_steps, steps
from tests.faults.harness.driver import KILLED, Driver, driving
from tests.faults.harness.follower import Cut
from tests.faults.harness.lengths import fresh_seed, length
from tests.faults.harness.order import Failpoint, When
from tests.faults.harness.script import Loose
from tests.faults.process.process import NotListening, ServerProcess, Zygote
from tests.support.application import settings_for
from tests.support.live import Address, client
from tests.support.models.strict_providers import Anthropic
from tests.support.models.strict_server import StrictServer
from tests.support.network.http_client import http_client

AT_ONCE = 4
"""Conversations that are killed side by side."""
BOTH: tuple[When, When] = ("before", "after")
FEWEST = {"append": 30, "merge": 4, "put_snapshot": 1, "create": 1, "acquire": 0, "commit": 36, "mark": 30}
"""How many of these calls the conversation has at least."""


async def killed_at(zygote: Zygote, folder: Path, *points: Failpoint) -> Driver:
    """The conversation with a server that dies at the first point, is started again and dies at the next, and so on."""
    async with driving(zygote, folder) as driver:
        left = list(points)

        async def start() -> None:
            await driver.bench.all_gone()
            try:
                await driver.server.start(*left[:1])
            except NotListening:
                assert driver.server.code == KILLED
                driver.deaths += 1
                del left[:1]
                await start()
            else:
                del left[:1]

        await start()
        await driver.converse(steps(), start, verify)
        return driver


async def side_by_side(zygote: Zygote, folder: Path, points: Sequence[Failpoint]) -> list[Driver]:
    """One conversation for each point, at the same time."""
    tasks = TaskOwner("conversations")

    async def one(point: Failpoint) -> Driver:
        try:
            return await killed_at(zygote, folder / f"{point.call}-{point.at}", point)
        except BaseException as error:
            error.add_note(f"killed {point.when} {point.call} number {point.at}")
            raise

    try:
        return await asyncio.gather(*(tasks.start(one(point), f"{point.call}-{point.at}") for point in points))
    finally:
        await tasks.aclose()


async def test_the_conversation_without_a_kill_is_complete(zygote: Zygote, tmp_path: Path) -> None:
    driver = await killed_at(zygote, tmp_path)
    assert not driver.passed_over
    assert not driver.refused
    assert set(driver.bench.runs().values()) == {1}
    assert len(driver.bench.runs()) == 3


@pytest.mark.timeout(600)
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("call", "step"),
    [
        ("append", length(20, 1)),
        ("merge", length(4, 1)),
        ("put_snapshot", 1),
        ("create", 1),
        ("acquire", 1),
        ("commit", length(36, 1)),
        ("mark", length(30, 1)),
    ],
)
async def test_a_kill_at_every_call_of_the_journal_loses_nothing(
    zygote: Zygote, tmp_path: Path, tally: Counter[str], call: str, step: int, when: When
) -> None:
    """`step` 1: at every one; else at every so manieth, from another one in each run."""
    at = 1 + fresh_seed() % step
    print(f"HOLDFAST_FAULTS_SEED={at - 1}")
    deaths, dying = 0, True
    at_once = min(AT_ONCE, FEWEST[call] // step + 1)
    while dying:
        wave = [Failpoint(call, at + number * step, when) for number in range(at_once)]
        drivers = await side_by_side(zygote, tmp_path, wave)
        deaths += sum(driver.deaths for driver in drivers)
        dying = all(driver.deaths for driver in drivers)
        at += at_once * step
    tally["kills"] += deaths
    assert deaths >= FEWEST[call] // step


@pytest.mark.timeout(600)
async def test_a_kill_during_the_recovery_from_a_kill_loses_nothing(
    zygote: Zygote, tmp_path: Path, tally: Counter[str]
) -> None:
    """The second server dies at its first or second event, which says how the turn that was under way ended."""
    folder = iter(range(1_000))
    tasks = TaskOwner("conversations")

    async def twice(at: int, again: int, when: When) -> None:
        points = [Failpoint("append", at, "after"), Failpoint("append", again, when), Failpoint("append", again, when)]
        driver = await killed_at(zygote, tmp_path / str(next(folder)), *points)
        tally["kills"] += driver.deaths

    seed = fresh_seed()
    print(f"HOLDFAST_FAULTS_SEED={seed}")
    first, step = length(2 + seed % 30, 2), length(34, 1)
    moments = [(at, again, when) for at in range(first, 36, step) for again in (1, 2) for when in BOTH]
    for start in range(0, len(moments), AT_ONCE):
        wave = [tasks.start(twice(*moment), str(moment)) for moment in moments[start : start + AT_ONCE]]
        try:
            await asyncio.gather(*wave)
        finally:
            await tasks.aclose()
    assert tally["kills"] > 2 * len(moments)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_kill_during_a_delete_leaves_all_of_the_session_or_nothing(
    zygote: Zygote, tmp_path: Path, tally: Counter[str], when: When
) -> None:
    async with driving(zygote, tmp_path) as driver:
        await driver.server.start(Failpoint("delete", 1, when))
        await driver.all_come()
        await driver.finish()
        await driver.leave()
        async with http_client(driver.server.http) as http:
            path = f"/api/sessions/{driver.talker.session_id}"
            with pytest.raises(httpx.TransportError):
                await http.delete(path)
            assert await driver.server.ended() == KILLED
            tally["kills"] += 1
            await driver.server.start()
            if when == "before":
                await driver.all_come()
                await driver.ask(UserInput(id="more", text="go on"))
                await driver.finish()
                await driver.leave()
                assert (await http.delete(path)).is_success
            assert (await http.get(path)).status_code == 404
            assert (await http.delete(path)).status_code == 404
            with pytest.raises(Cut):
                await driver.all_come()


@pytest.mark.timeout(1_800)
async def test_kills_at_random_times_lose_nothing(zygote: Zygote, tmp_path: Path, tally: Counter[str]) -> None:
    seed = fresh_seed()
    print(f"HOLDFAST_FAULTS_SEED={seed}")
    conversations = length(AT_ONCE, 120)
    for start in range(0, conversations, AT_ONCE):
        tasks = TaskOwner("conversations")
        numbers = range(start, min(start + AT_ONCE, conversations))
        wave = [tasks.start(killed_at_random(zygote, tmp_path / str(n), seed + n), str(n)) for n in numbers]
        try:
            tally["kills"] += sum(await asyncio.gather(*wave))
        finally:
            await tasks.aclose()
    assert tally["kills"] >= length(8, 500)


async def killed_at_random(zygote: Zygote, folder: Path, seed: int) -> int:
    """One conversation, killed a few times; how often."""
    rng = random.Random(seed)
    kills = length(3, 5)
    async with driving(zygote, folder, Loose(random.Random(seed))) as driver:
        driver.bench.patience = lambda: rng.uniform(0.0, 0.05)

        async def start() -> None:
            nonlocal kills
            await driver.bench.all_gone()
            await driver.server.begin()
            if kills:
                kills -= 1
                asyncio.get_running_loop().call_later(rng.uniform(0.03, 0.4), driver.server.signal, signal.SIGKILL)
            try:
                await driver.server.listening()
            except NotListening:
                assert driver.server.code == KILLED
                driver.deaths += 1
                await start()

        try:
            await start()
            await driver.converse(random_steps(rng, 40), start, verify)
        except BaseException as error:
            error.add_note(f"the seed of this conversation: {seed}")
            raise
        return driver.deaths


async def test_a_killed_server_sends_back_what_the_provider_gave_before(
    zygote: Zygote, tmp_path: Path, tally: Counter[str]
) -> None:
    """It is killed in the third model call of a turn. Anthropic refuses that turn's messages without their thinking."""
    async with StrictServer(Anthropic(), unanswered=3) as provider:
        name = provider.provider.model
        calls = ModelSettings(max_retries=0, api_base=provider.base, api_key="key")
        model = ModelChoice(model=name, models=[ModelEntry(name=name, reasoning_effort="low")], calls=calls)
        settings = msgspec.structs.replace(settings_for(tmp_path / "data"), model=model)
        async with ServerProcess(zygote, tmp_path, settings) as server:
            await server.start()
            async with client(Address(server.port)) as one:
                await one.synced()
                await one.send(UserInput(text="calls=1,2,1"))
                await provider.reached.wait()
                await server.kill()
                session_id = one.ready.session_id
            tally["kills"] += 1
            await server.start()
            async with client(Address(server.port), session_id) as back:
                await back.send(UserInput(text="calls=1"))
                end = await back.until_type(ev.TurnComplete, ev.ErrorEvent)
                assert isinstance(end, ev.TurnComplete), end
        assert provider.provider.refusals == []
        sent = json.dumps(provider.provider.requests[-1])
        assert [f"SEALED-{number}-x" in sent for number in (1, 2, 3)] == [True, True, True]
