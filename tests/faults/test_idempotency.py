"""Idempotency: every kind of submission, sent again in every way, is done once."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from protocol import codec
from protocol import events as ev
from protocol.frames import Refused
from protocol.submissions import Shutdown, Submission, UserInput, submission_id
from tests.faults.harness.aftermath import verify
from tests.faults.harness.conversation import rests, steps, with_id
from tests.faults.harness.driver import Driver, driving
from tests.faults.harness.follower import Cut, Follower
from tests.faults.harness.lengths import few
from tests.faults.process.process import Zygote
from tests.support.network.tcp_proxy import TcpProxy

NEVER_S = 3_600.0
STORM = 20

Manner = Callable[[Driver, TcpProxy, Submission], Awaitable[None]]


async def cut_before_it_arrived(driver: Driver, proxy: TcpProxy, submission: Submission) -> None:
    """It is on its way when the connection ends, and nobody ever hears of it."""
    proxy.delay(NEVER_S, "up")
    await driver.talker.send(submission)
    await back(driver, proxy)
    assert submission_id(submission) not in driver.talker.answers
    await driver.ask(submission)


async def cut_before_its_ack(driver: Driver, proxy: TcpProxy, submission: Submission) -> None:
    """It is accepted, and the connection ends before that is told."""
    proxy.delay(NEVER_S, "down")
    await driver.talker.send(submission)
    await driver.other.until(lambda: submission_id(submission) in driver.other.answers)
    assert submission_id(submission) not in driver.talker.answers
    await back(driver, proxy)
    await driver.ask(submission)


async def cut_after_its_ack(driver: Driver, proxy: TcpProxy, submission: Submission) -> None:
    """It was answered; the client has forgotten that, or never looked."""
    await driver.ask(submission)
    await back(driver, proxy)
    await driver.ask(submission)


async def killed_after_its_ack(driver: Driver, proxy: TcpProxy, submission: Submission) -> None:
    """The server is another one when it comes again."""
    await driver.ask(submission)
    await driver.server.kill()
    await driver.leave()
    await driver.server.start()
    await driver.all_come()
    await driver.ask(submission)


async def stopped_after_its_ack(driver: Driver, proxy: TcpProxy, submission: Submission) -> None:
    """The server is another one, and the one before had the time to say goodbye."""
    await driver.ask(submission)
    assert await driver.server.terminate() == 0
    await driver.leave()
    await driver.server.start()
    await driver.all_come()
    await driver.ask(submission)


async def on_two_sockets_at_once(driver: Driver, proxy: TcpProxy, submission: Submission) -> None:
    """Two sockets, many times each, with no wait for an answer."""
    both = (driver.talker, driver.other)
    await asyncio.gather(*(one.send(submission) for one in both for _ in range(STORM)))
    for one in both:
        await one.until(lambda one=one: submission_id(submission) in one.answers)  # type: ignore[misc]  # a default that binds
    repeats = sum(event.submission_id == submission.id for one in both for event in one.repeated)
    assert repeats < len(both) * STORM, "one of them was the first"
    assert driver.talker.answers[submission_id(submission)] == driver.other.answers[submission_id(submission)]


async def back(driver: Driver, proxy: TcpProxy) -> None:
    """The talker's connection is cut, and it comes back."""
    await proxy.cut()
    proxy.delay(0.0)
    await driver.talker.go()
    await driver.talker_comes()


KINDS = [step.name for step in steps() if step.make is not None and step.name != "thanks"]
EFFECTS: dict[str, type[ev.EventBase]] = {
    "interrupt": ev.Interrupted,
    "undo": ev.UndoComplete,
    "model": ev.ModelChanged,
    "compact": ev.Compacted,
}


@pytest.mark.parametrize(
    "manner",
    [cut_before_it_arrived, cut_before_its_ack, cut_after_its_ack, on_two_sockets_at_once],
    ids=lambda manner: manner.__name__,
)
async def test_a_submission_sent_again_is_not_done_again(
    zygote: Zygote, tmp_path: Path, tally: Counter[str], manner: Manner
) -> None:
    """Every submission of the conversation is said again in this manner."""
    await conversation(zygote, tmp_path, tally, manner, KINDS)


@pytest.mark.parametrize(
    ("manner", "kind"),
    [
        *((killed_after_its_ack, kind) for kind in few(KINDS)),
        *((stopped_after_its_ack, kind) for kind in few(KINDS, 4)),
    ],
    ids=lambda case: case if isinstance(case, str) else case.__name__,
)
async def test_a_submission_sent_again_after_a_restart_is_not_done_again(
    zygote: Zygote, tmp_path: Path, tally: Counter[str], kind: str, manner: Manner
) -> None:
    """One submission: what comes after it in the conversation may not come to be."""
    await conversation(zygote, tmp_path, tally, manner, [kind])


async def conversation(zygote: Zygote, folder: Path, tally: Counter[str], manner: Manner, kinds: Sequence[str]) -> None:
    """The scripted conversation, where these kinds are said in this manner."""
    async with driving(zygote, folder) as driver:
        await driver.server.start()
        async with TcpProxy("127.0.0.1", driver.server.port) as proxy:
            driver.proxy_port = proxy.port
            await driver.all_come()
            for step in steps():
                await driver.its_moment(step)
                if step.name not in kinds or step.make is None:
                    await driver.take(step)
                    continue
                assert step.when(driver.moment)
                submission = with_id(step.make(driver.moment), f"id-{step.name}")
                await manner(driver, proxy, submission)
                await refused_with_another_body(driver, submission)
                tally["submissions sent again"] += 1
            await driver.finish()
            await driver.other.until(lambda: driver.other.view.seq >= driver.talker.view.seq)
            for kind in kinds:
                assert isinstance(driver.talker.answers[f"id-{kind}"], ev.Accepted)
                assert effects(driver.talker, kind) <= 1
            await verify(driver)


async def refused_with_another_body(driver: Driver, submission: Submission) -> None:
    """The same id for something else."""
    other = UserInput(id=submission.id, text="something else altogether")
    await driver.talker.send(other)
    talker = driver.talker
    first = talker.answers[submission_id(submission)]
    await talker.until(lambda: isinstance(talker.answers[submission_id(submission)], Refused))
    refused = talker.answers[submission_id(submission)]
    assert isinstance(refused, Refused) and refused.code == "id_conflict" and not refused.retryable
    talker.answers[submission_id(submission)] = first


def effects(follower: Follower, kind: str) -> int:
    """How often what a submission of this kind brings about is seen."""
    what = EFFECTS.get(kind)
    seen = [codec.decode_event(data) for data in follower.seen]
    return sum(what is not None and isinstance(event, what) and _by_user(event) for event in seen)


def _by_user(event: ev.Event) -> bool:
    return not isinstance(event, ev.Interrupted) or event.reason == "user"


@pytest.mark.parametrize("restart", ["", "killed", "stopped"])
async def test_a_shutdown_sent_again_gets_its_first_answer(zygote: Zygote, tmp_path: Path, restart: str) -> None:
    async with driving(zygote, tmp_path) as driver:
        await driver.server.start()
        await driver.all_come()
        await driver.ask(UserInput(id="one", text="hello"))
        await driver.talker.until(lambda: rests(driver.moment))
        await driver.ask(Shutdown(id="bye"))
        with pytest.raises(Cut):
            await driver.talker.until(lambda: False)
        assert driver.talker.closed_with == 1000
        await driver.leave()
        if restart:
            await (driver.server.kill() if restart == "killed" else driver.server.terminate())
            await driver.server.start()
        await driver.all_come()
        await driver.ask(Shutdown(id="bye"))
        await driver.ask(UserInput(id="two", text="more"))
        refused = driver.talker.answers["two"]
        assert isinstance(refused, Refused) and refused.code == "session_closed"
        assert driver.talker.view.state == "closed"
        assert sum(isinstance(codec.decode_event(data), ev.ShutdownEvent) for data in driver.talker.seen) == 1
