"""Text steps: decide, store and publish streamed text while the actor's task waits.

Nearly all inputs of a session are text, of a model or of a running tool, and each is stored by itself. The actor's task would
be woken twice for each: to decide, and when the text is stored.
"""

import asyncio
import contextvars
import logging
from collections.abc import Sequence
from typing import Protocol

from agent.session.decide import decide
from agent.session.messages import Input
from agent.session.session import Session
from agent.util.errors import log_fault
from protocol import events as ev
from server.sessions.inbox import Inbox
from server.sessions.ports.broadcaster import EventBroadcaster
from server.sessions.recorder import JournalRecorder, PendingAppend
from server.util.clock import utc_now

log = logging.getLogger("holdfast.actor")


class DecisionFailed(Exception):
    """A decision raised an exception; the text is for the user."""


class EventObserver(Protocol):
    """Counts events: see `server.telemetry.session_observer.Observer`."""

    def on_events(self, events: Sequence[ev.Event]) -> None:
        """Count events that were recorded and delivered."""


class TextSteps:
    """The steps of one session for text that comes while its actor waits.

    One step is under way at a time; text that comes meanwhile waits in the inbox, joined, and makes the next one. As in a
    step of the actor, events are published once they are stored.
    """

    __slots__ = (
        "_append",
        "_broadcaster",
        "_context",
        "_end",
        "_failure",
        "_inbox",
        "_observer",
        "_recorder",
        "_session",
    )

    def __init__(
        self, inbox: Inbox, recorder: JournalRecorder, broadcaster: EventBroadcaster, observer: EventObserver
    ) -> None:
        self._inbox = inbox
        self._recorder = recorder
        self._broadcaster = broadcaster
        self._observer = observer
        self._session: Session | None = None
        self._context: contextvars.Context | None = None
        self._append: PendingAppend | None = None
        self._end: asyncio.Future[None] | None = None
        """While somebody waits for the end of a step."""
        self._failure: PendingAppend | DecisionFailed | None = None

    @property
    def under_way(self) -> bool:
        """Whether a step has not ended yet, or has failed and the actor does not know yet."""
        return self._append is not None or self._failure is not None

    async def take_until_else(self, session: Session) -> None:
        """Take this session's text until something else waits in the inbox, and no step is under way any more.

        Raises `JournalError` or `DecisionFailed` if a step failed.
        """
        self._session = session
        self._context = contextvars.copy_context()
        self._inbox.take_text_at_once = self._take
        try:
            self._go_on()
            await self._inbox.wait()
            while self._append is not None:
                self._end = asyncio.get_running_loop().create_future()
                await self._end
        finally:
            self._session = self._context = self._end = self._inbox.take_text_at_once = None
            self._inbox.rest()
        failure, self._failure = self._failure, None
        if isinstance(failure, DecisionFailed):
            raise failure
        if failure is not None:
            await self._recorder.append_again(failure)
            self._publish(failure)

    def _take(self, message: Input) -> bool:
        """Begin a step with this text. False if one is under way."""
        if self._session is None or self._append is not None or self._failure is not None:
            return False
        self._begin(self._session, message)
        return True

    def _begin(self, session: Session, message: Input) -> None:
        try:
            events = decide(session, message, utc_now()).events
        except Exception as error:  # noqa: BLE001  # the caller is the source of the text; the actor handles it
            assert self._context is not None
            # In the actor's context: by that the line says whose it is.
            self._failure = DecisionFailed(self._context.run(log_fault, log, error, "a decision failed"))
            self._inbox.wake()
            return
        if events:
            self._append = self._recorder.begin_append(events, self._ended)

    def _ended(self, error: Exception | None) -> None:
        append, self._append = self._append, None
        assert append is not None
        try:
            if error is None:
                self._publish(append)
                self._go_on()
            else:
                append.error = error
                self._failure = append
                self._inbox.wake()
        finally:
            if self._end is not None and not self._end.done():
                self._end.set_result(None)

    def _publish(self, append: PendingAppend) -> None:
        self._recorder.end_append(append)
        self._broadcaster.publish(append.item.records)
        self._observer.on_events(append.events)

    def _go_on(self) -> None:
        """Take the text that has come meanwhile. Anything else is for the actor, texts of several messages at once too."""
        if self._session is None or not len(self._inbox):
            return
        message = self._inbox.take_text()
        if message is not None:
            self._begin(self._session, message)
        else:
            self._inbox.wake()
