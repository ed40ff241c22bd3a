"""Text steps: streamed text is decided, stored and published while the actor waits."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import msgspec
import pytest

from agent.models import ModelReply
from agent.session.decide import decide
from agent.session.messages import CallModel, ModelDone
from agent.session.session import Rules, Session
from agent.session.state import SessionState
from agent.util.tasks import TaskOwner
from protocol import codec
from protocol import events as ev
from protocol.submissions import UserInput
from server.config.settings import Settings
from server.journal.base import Unavailable
from server.journal.sqlite import SqliteJournal, open_journal
from server.sessions import text_steps
from server.sessions.inbox import Inbox
from server.sessions.ports.broadcaster import EventBroadcaster
from server.sessions.quotas import Quotas
from server.sessions.recorder import JournalRecorder
from server.sessions.replay import LoadedSession
from server.sessions.text_steps import DecisionFailed, TextSteps
from server.telemetry import log_context
from server.telemetry.log_context import LogContext
from tests.unit.agent.session.script import NOW, PlainTools
from tests.unit.server.journal.builders import row

RULES = Rules(tools=PlainTools(), context_limit=lambda model: 100_000, refuse_model=lambda model: None)


class Counted:
    """Counts the events that it is told of."""

    def __init__(self) -> None:
        self.events = 0

    def on_events(self, events: Sequence[ev.Event]) -> None:
        self.events += len(events)


class Turn:
    """A session whose model is being called, with everything that text of it goes through."""

    def __init__(self, journal: SqliteJournal, loaded: LoadedSession, rules: Rules) -> None:
        self.journal = journal
        self.inbox = Inbox()
        self.session = Session(loaded.state, rules)
        quotas = Quotas(journal, Settings().users)
        self.recorder = JournalRecorder(journal, loaded, quotas, lambda seconds: None, lambda: 1)
        self.broadcaster = EventBroadcaster("s", journal, 0)
        self.cursor = self.broadcaster.follow(0)
        self.counted = Counted()
        self.steps = TextSteps(self.inbox, self.recorder, self.broadcaster, self.counted)
        self.tasks = TaskOwner("test")
        self.message_id = ""

    async def begin(self) -> None:
        decision = decide(self.session, UserInput(text="go", id="one"), NOW)
        await self.recorder.append(list(decision.events), (), self.session.state)
        self.broadcaster.advance(self.recorder.head)
        self.cursor.advance(self.recorder.head)
        self.message_id = next(one.message_id for one in decision.effects if isinstance(one, CallModel))

    async def takes_text(self) -> None:
        """Wait until text is taken as it comes."""
        while self.inbox.take_text_at_once is None:
            await self.journal.stat("s")

    async def text(self, text: str) -> None:
        await self.inbox.delta(self.message_id, "text", text)

    async def published(self, chars: int) -> list[str]:
        """The text of each event that follows, until there are so many characters."""
        found: list[str] = []
        while len("".join(found)) < chars:
            await self.cursor.wait()
            for one in await self.cursor.next(1_000_000):
                event = codec.decode_event(one.data)
                assert isinstance(event, ev.AssistantChunk)
                found.append(event.text)
        return found


Begin = Callable[[Rules], Awaitable[Turn]]


@pytest.fixture
async def begin(tmp_path: Path) -> AsyncIterator[Begin]:
    journal = await open_journal(tmp_path)
    turns: list[Turn] = []

    async def begun(rules: Rules) -> Turn:
        turn = Turn(journal, LoadedSession(await journal.create(row()), row(), SessionState()), rules)
        turns.append(turn)
        await turn.begin()
        return turn

    yield begun
    for turn in turns:
        await turn.tasks.aclose()
    await journal.aclose()


async def test_text_is_published_once_it_is_stored_while_the_actor_waits(begin: Begin) -> None:
    turn = await begin(RULES)
    waiting = turn.tasks.start(turn.steps.take_until_else(turn.session), "wait")
    await turn.takes_text()
    await turn.text("Hel")
    assert turn.broadcaster.head < turn.session.state.view.seq, "decided, and not published before it is stored"
    assert await turn.published(3) == ["Hel"]
    assert (await turn.journal.stat("s")).head == turn.broadcaster.head == turn.session.state.view.seq
    assert (turn.counted.events, waiting.done()) == (1, False)


async def test_text_that_comes_during_a_step_is_joined_in_the_next(begin: Begin) -> None:
    turn = await begin(RULES)
    turn.tasks.start(turn.steps.take_until_else(turn.session), "wait")
    await turn.takes_text()
    for word in ("one", "two", "three"):
        await turn.text(word)
    assert await turn.published(11) == ["one", "twothree"]


async def test_text_that_came_before_is_taken_too(begin: Begin) -> None:
    turn = await begin(RULES)
    await turn.text("early")
    turn.tasks.start(turn.steps.take_until_else(turn.session), "wait")
    assert await turn.published(5) == ["early"]


async def test_the_wait_ends_with_another_input_once_the_text_before_it_is_stored(begin: Begin) -> None:
    turn = await begin(RULES)
    waiting = turn.tasks.start(turn.steps.take_until_else(turn.session), "wait")
    await turn.takes_text()
    await turn.text("all")
    await turn.text(" of it")
    turn.inbox.result(ModelDone(turn.message_id, ModelReply((), "stop", None)))
    await waiting
    assert turn.broadcaster.head == turn.session.state.view.seq
    left = [type(one).__name__ for one in turn.inbox.drain()]
    assert left == ["Delta", "ModelDone"], "what came behind the text under way is for the actor, in its order"


async def test_texts_of_two_kinds_that_come_during_a_step_end_the_wait(begin: Begin) -> None:
    turn = await begin(RULES)
    waiting = turn.tasks.start(turn.steps.take_until_else(turn.session), "wait")
    await turn.takes_text()
    await turn.text("one")
    await turn.inbox.delta(turn.message_id, "reasoning", "hm")
    await turn.text("two")
    await waiting
    assert [type(one).__name__ for one in turn.inbox.drain()] == ["Delta", "Delta"]


async def test_text_that_cannot_be_stored_ends_the_wait_after_the_retries(begin: Begin) -> None:
    turn = await begin(RULES)
    waiting = turn.tasks.start(turn.steps.take_until_else(turn.session), "wait")
    await turn.takes_text()
    await turn.journal.aclose()
    await turn.text("lost")
    before = turn.steps.under_way
    with pytest.raises(Unavailable):
        await waiting
    assert turn.broadcaster.head < turn.session.state.view.seq
    assert (before, turn.steps.under_way) == (True, False)
    awake = turn.tasks.start(turn.inbox.wait(), "awake")
    await turn.broadcaster.follow(turn.broadcaster.head).next(1)
    assert not awake.done(), "nothing is left to take"


async def test_a_decision_that_fails_ends_the_wait_and_not_the_source_of_the_text(begin: Begin) -> None:
    turn = await begin(msgspec.structs.replace(RULES, chunk_max_chars=0))
    waiting = turn.tasks.start(turn.steps.take_until_else(turn.session), "wait")
    await turn.takes_text()
    await turn.text("x")
    with pytest.raises(DecisionFailed):
        await waiting


async def test_a_decision_that_fails_behind_a_step_is_logged_with_its_session(begin: Begin) -> None:
    turn = await begin(RULES)
    logged: list[str] = []

    async def wait_as_the_actor() -> None:
        log_context.enter(LogContext(session="s"))
        await turn.steps.take_until_else(turn.session)

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            logged.append(log_context.current().session)

    text_steps.log.addHandler(handler := Handler())
    try:
        waiting = turn.tasks.start(wait_as_the_actor(), "wait")
        await turn.takes_text()
        await turn.text("one")
        await turn.text("two")
        turn.session.rules = msgspec.structs.replace(RULES, chunk_max_chars=0)
        with pytest.raises(DecisionFailed):
            await waiting
    finally:
        text_steps.log.removeHandler(handler)
    assert logged == ["s"]


async def test_a_wait_that_is_cancelled_during_a_step_leaves_that_to_its_end(begin: Begin) -> None:
    turn = await begin(RULES)
    waiting = turn.tasks.start(turn.steps.take_until_else(turn.session), "wait")
    await turn.takes_text()
    await turn.text("all")
    turn.inbox.wake()
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert waiting.cancelled()
    assert await turn.published(3) == ["all"]
    assert not turn.steps.under_way
