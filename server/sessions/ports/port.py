"""Session port: a session as its followers see it, whether it is awake or sleeps."""

import logging
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import msgspec

from agent.session.messages import SubmissionRefusal
from agent.session.state import SessionState
from agent.util.errors import log_fault
from protocol import codes
from protocol.codes import CloseReason
from protocol.content import ShareLink
from protocol.submissions import Submission
from protocol.view import View
from server.journal.base import Deleted, Journal, JournalError, NotFound, SessionRow
from server.journal.nodes.base import OwnedElsewhere
from server.sessions import idempotency
from server.sessions.errors import GoingAway, SessionCapacityError, SessionNotFound
from server.sessions.inbox import PendingAnswer
from server.sessions.ports.broadcaster import DELETED_REASON, Cursor, EventBroadcaster
from server.sessions.ports.states import SleepingStates
from server.sessions.rows import load_options

log = logging.getLogger("holdfast.ports")


class Standing(msgspec.Struct, frozen=True):
    """What `ready` tells of a session. `state`: `idle`, `running`, `awaiting_approval` or `closed`."""

    state: str
    model: str
    shares: tuple[ShareLink, ...]


def standing(view: View) -> Standing:
    """What this view is, for `ready`."""
    return Standing(view.state, view.model, tuple(view.shares))


class Actor(Protocol):
    """A session's actor, as its port uses it: `server.sessions.actor.SessionActor`."""

    @property
    def state(self) -> SessionState:
        """The session's state."""

    @property
    def row(self) -> SessionRow:
        """The session's row, as it was last stored."""

    @property
    def durable(self) -> bool:
        """Whether the whole state is stored."""

    def submit(
        self, submission: Submission, share_id: str = "", sender: object = None
    ) -> "PendingAnswer | SubmissionRefusal":
        """Add a submission to the inbox."""


class Forwarder(Protocol):
    """Hands submissions to the server that runs their session: `server.sessions.nodes.shared.SharedSessions`."""

    async def forward(
        self, session_id: str, submission: Submission, share_id: str = "", sender: object = None
    ) -> "PendingAnswer | SubmissionRefusal":
        """As `SessionPort.submit`. A session that nobody runs is woken by a server that has room."""

    async def room_elsewhere(self) -> bool:
        """Whether another server could wake a session. Raises `JournalError`."""


class Waker(Protocol):
    """Wakes sessions: `server.sessions.registry.SessionRegistry`."""

    draining: bool

    @property
    def shared(self) -> Forwarder | None:
        """Where other servers may run sessions."""

    def ready_actor(self, session_id: str) -> Actor | None:
        """The session's actor, if it takes submissions as it is."""

    def activated(self, session_id: str, user_id: str | None = None) -> AbstractAsyncContextManager[Actor]:
        """The session's actor, which is started if the session slept. Raises `OwnedElsewhere` where another server runs it."""


class SessionPort:
    """What sockets are bound to. It stays while somebody follows the session, or an actor is here.

    `broadcaster`: delivers the stored events. `sockets`: how many are attached. `actor`: None while the session sleeps. To
    read wakes nobody; a submission does. `over`: why nobody can follow any more: the session was deleted, or the server stops.
    """

    __slots__ = (
        "__weakref__",
        "_journal",
        "_states",
        "_waker",
        "actor",
        "broadcaster",
        "over",
        "session_id",
        "sockets",
        "user_id",
    )

    def __init__(
        self, session_id: str, user_id: str, head: int, journal: Journal, states: SleepingStates, waker: Waker
    ) -> None:
        self.session_id = session_id
        self.user_id = user_id
        self.broadcaster = EventBroadcaster(session_id, journal, head)
        self.sockets = 0
        self.actor: Actor | None = None
        self.over: CloseReason | None = None
        self._journal = journal
        self._states = states
        self._waker = waker

    @property
    def head(self) -> int:
        """The seq of the newest event that followers may have."""
        return self.broadcaster.head

    @property
    def durable(self) -> bool:
        """Whether the whole state is stored. While an append of the actor is under way it is not."""
        return self.actor is None or self.actor.durable

    def follow(self) -> Cursor:
        """A new cursor, at the head."""
        cursor = self.broadcaster.follow(self.broadcaster.head)
        if self.over is not None:
            cursor.end(self.over)
        return cursor

    def started(self, actor: Actor, head: int) -> None:
        """The session is awake: its actor publishes from here on. `head`: of what is stored."""
        self.actor = actor
        self._states.forget(self.session_id)
        if head != self.broadcaster.head:
            self.broadcaster.advance(head)

    def ended(self) -> None:
        """The session sleeps. Its followers stay."""
        self.actor = None
        self.broadcaster.rest()

    def end(self, reason: CloseReason) -> None:
        """End every follower, once it has all events, and those to come."""
        self.over = reason
        self.broadcaster.end(reason)

    async def refresh(self) -> None:
        """Look how far the session is stored, after an actor that may have stored more than it published, and wake who waits for
        that. Raises `JournalError`.
        """
        try:
            stat = await self._journal.stat(self.session_id)
        except (Deleted, NotFound):
            self.end(DELETED_REASON)
            return
        self.broadcaster.advance(self.head if self.actor is not None else max(stat.head, self.head))

    async def standing(self) -> Standing:
        """What the session is now. Raises `JournalError`."""
        actor = self.actor
        if actor is None:
            sleeping = await self._sleeping_standing()
            actor = self.actor  # it may have woken meanwhile
            if actor is None:
                return sleeping
        return Standing(actor.row.state, actor.row.model, tuple(actor.state.view.shares))

    async def prepare(self) -> None:
        """Have the view at hand, so that `view` waits for nothing, if there is room for it. Raises `JournalError`."""
        if self.actor is None:
            await self._sleeping_view()

    async def view(self) -> View:
        """The view, all of it stored: of the head if `durable`, which it waits for nothing then. Raises `JournalError`.

        It is the caller's until the next await.
        """
        actor = self.actor
        if actor is not None and actor.durable:
            return actor.state.view
        return await self._sleeping_view()

    async def submit(
        self, submission: Submission, share_id: str = "", sender: object = None
    ) -> "PendingAnswer | SubmissionRefusal":
        """Hand in a submission, as `SessionActor.submit`; a session that sleeps is woken first, elsewhere if only others have room."""
        actor = self._waker.ready_actor(self.session_id)
        if actor is not None:
            return actor.submit(submission, share_id, sender)
        shared = self._waker.shared
        try:
            try:
                async with self._waker.activated(self.session_id, self.user_id) as woken:
                    return woken.submit(submission, share_id, sender)
            except SessionCapacityError as full:
                if shared is None or full.error_type == "per_user" or not await shared.room_elsewhere():
                    raise
        except OwnedElsewhere:
            assert shared is not None
        except Exception as error:  # noqa: BLE001  # it becomes the answer
            return refusal_of(self.session_id, error)
        return await shared.forward(self.session_id, submission, share_id, sender)

    async def _sleeping_standing(self) -> Standing:
        """From the row, which is less work than to load the state."""
        row = (await self._journal.stat(self.session_id)).row
        options = load_options(row.options)
        if options.model_chosen is None:
            return standing(await self._sleeping_view())
        model = row.model if options.model_chosen else self._states.default_model()
        return Standing(row.state, model, tuple(options.shares))

    async def _sleeping_view(self) -> View:
        state = await self._states.load(self.session_id, self.user_id, self.head)
        if self.actor is not None:  # it has woken meanwhile
            self._states.forget(self.session_id)
        return state.view


def refusal_of(session_id: str, error: Exception) -> SubmissionRefusal:
    """The refusal of a submission to a session that could not be woken because of this error."""
    if isinstance(error, SessionCapacityError):
        return SubmissionRefusal(codes.CAPACITY, str(error))
    if isinstance(error, GoingAway):
        return SubmissionRefusal(codes.GOING_AWAY, str(error))
    if isinstance(error, SessionNotFound):
        return SubmissionRefusal(codes.SESSION_CLOSED, DELETED_REASON.text)
    if isinstance(error, JournalError):
        return idempotency.not_stored(error)
    return SubmissionRefusal(codes.INTERNAL, log_fault(log, error, "session %s: it could not be woken", session_id))
