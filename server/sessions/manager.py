"""The session manager: the Python interface to all sessions. The socket and the HTTP routes are thin over it."""

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import msgspec

from agent.session.messages import SubmissionRefusal
from protocol import codes
from protocol import submissions as sub
from protocol.codes import CloseReason
from protocol.content import PendingTool, ShareLink
from server.config.sessions import SessionSettings
from server.journal.base import Journal, ListPosition, SessionRow, Stat
from server.journal.settings import JournalSettings
from server.sessions import registry
from server.sessions.actor import DELETED_REASON, SessionActor
from server.sessions.errors import SessionNotFound
from server.sessions.inbox import Answer
from server.sessions.registry import SessionFactory, SessionRegistry
from server.sessions.rows import load_options
from server.sessions.sandbox_claims import SandboxCollector
from server.util.clock import utc_now

log = logging.getLogger("holdfast.manager")

SESSION_ID_BYTES = 16


class SessionInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What `GET /api/sessions/{id}` says. `is_active`: awake; `is_processing`: a turn runs and waits for nobody."""

    session_id: str
    user_id: str
    title: str
    model: str
    created_at: str
    last_active_at: str
    is_active: bool
    is_processing: bool
    message_count: int
    pending_approval: list[PendingTool]
    state: str
    epoch: str
    seq: int


class SessionManager:
    """All sessions of this server."""

    def __init__(
        self,
        journal: Journal,
        equipment: SessionFactory,
        settings: SessionSettings,
        journal_settings: JournalSettings,
        forget_workspace: Callable[[str], Awaitable[None]],
        sweeper: SandboxCollector,
    ) -> None:
        self.journal = journal
        self.registry = SessionRegistry(journal, equipment, settings, journal_settings)
        self._default_model = equipment.default_model
        self._owner_tokens = equipment.owner_tokens
        self._forget_workspace = forget_workspace
        self._sweeper = sweeper

    async def create_session(self, user_id: str, hf_token: str | None = None) -> str:
        """Make a session and activate it. Raises `SessionCapacityError`, `GoingAway`, `JournalError`.

        `hf_token`: the user's Hugging Face token, as if they had logged in with it: see `OwnerTokens`.
        """
        if hf_token:
            self._owner_tokens.give(user_id, hf_token)
        return (await self._create(user_id)).session_id

    @asynccontextmanager
    async def attach(self, row: SessionRow) -> AsyncIterator[SessionActor]:
        """The session's actor, for a socket: it stays awake inside the block. `row`: as `registry.open` gave it.

        The caller has authorized the client. Raises `SessionNotFound`, `SessionCapacityError`, `GoingAway`,
        `JournalError`.
        """
        async with self.registry.activated(row.session_id, row.user_id) as actor:
            actor.sockets += 1
        with _detached_at_end(actor):
            yield actor

    @asynccontextmanager
    async def attach_new(self, user_id: str) -> AsyncIterator[SessionActor]:
        """The actor of a new session of this user, as `attach`. Raises `SessionCapacityError`, `GoingAway`, `JournalError`."""
        actor = await self._create(user_id)
        actor.sockets += 1
        with _detached_at_end(actor):
            yield actor

    async def submit(self, session_id: str, submission: sub.Submission) -> Answer:
        """Hand in a submission and wait for its answer. Raises `SessionNotFound`, `SessionCapacityError`, `GoingAway`."""
        async with self.registry.activated(session_id) as actor:
            waiting = actor.submit(submission)
        return waiting if isinstance(waiting, SubmissionRefusal) else await waiting

    async def submit_user_input(self, session_id: str, text: str) -> Answer:
        """Say something to the session."""
        return await self.submit(session_id, sub.UserInput(text=text))

    async def submit_approval(self, session_id: str, approvals: list[sub.Approval]) -> Answer:
        """Answer waiting calls."""
        return await self.submit(session_id, sub.ExecApproval(approvals=approvals))

    async def interrupt(self, session_id: str) -> Answer:
        """Stop what runs; does not wait in line."""
        return await self.submit(session_id, sub.Interrupt())

    async def undo(self, session_id: str) -> Answer:
        """Take back the last turn."""
        return await self.submit(session_id, sub.Undo())

    async def compact(self, session_id: str) -> Answer:
        """Make the model's context shorter."""
        return await self.submit(session_id, sub.Compact())

    async def shutdown_session(self, session_id: str) -> Answer:
        """End the session's work for good: ask, wait, then cancel. Its sandbox is given back when it has ended."""
        async with self.registry.activated(session_id) as actor:
            waiting = actor.submit(sub.Shutdown())
        if isinstance(waiting, SubmissionRefusal):
            return waiting
        try:
            async with asyncio.timeout(registry.SHUTDOWN_WAIT_S):
                answer = await waiting
        except TimeoutError:
            await self.registry.end(actor, CloseReason(codes.CLOSE_FAULT, "the session did not end in time; reconnect"))
            return SubmissionRefusal(codes.INTERNAL, "the session did not answer and was stopped; send it again")
        if not isinstance(answer, SubmissionRefusal):
            await self._sweeper.end(session_id)
        return answer

    async def delete_session(self, session_id: str) -> None:
        """Delete: the sandbox, the actor, the workspace, and the record last. Raises `SessionNotFound`.

        A sandbox that cannot be deleted now, or is made at this moment, is swept later: its claim outlives the record.
        """
        async with self.registry.lock(session_id):
            await self.registry.open(session_id)
            await self._sweeper.end(session_id)
            actor = self.registry.get(session_id)
            if actor is not None:
                await self.registry.end(actor, DELETED_REASON)
            await self._forget_workspace(session_id)  # before its record: cut short here, it can be deleted again
            await self.journal.delete(session_id)
            self._sweeper.soon()
            log.info("session %s: deleted", session_id)

    async def get_session_owner(self, session_id: str) -> str:
        """The user it belongs to. Raises `SessionNotFound`."""
        return (await self.registry.open(session_id)).row.user_id

    async def links(self, session_id: str) -> list[ShareLink]:
        """The links that let others into the session now; none where there is no such session."""
        try:
            row = (await self.registry.open(session_id)).row
        except SessionNotFound:
            return []
        return load_options(row.options).shares

    async def verify_session_access(self, session_id: str, user_id: str) -> bool:
        """Whether there is such a session and it is this user's."""
        try:
            return await self.get_session_owner(session_id) == user_id
        except SessionNotFound:
            return False

    async def get_session_info(self, session_id: str) -> SessionInfo:
        """What is to be known about a session, awake or asleep. Raises `SessionNotFound`."""
        session = await self.registry.open(session_id)
        return self._info(session.row, session.head)

    async def list_sessions(self, user_id: str | None) -> list[SessionInfo]:
        """The user's sessions, or everybody's, the newest first."""
        return [self._listed(stat) for stat in await self.journal.list(user_id)]

    async def page_sessions(
        self, user_id: str, most: int, *, before: ListPosition | None = None, search: str = ""
    ) -> tuple[list[SessionInfo], ListPosition | None]:
        """Some of the user's sessions, as `Journal.list` takes them; and where to go on, if there are more."""
        stats = await self.journal.list(user_id, before=before, search=search, most=most + 1)
        last = stats[most - 1].row if len(stats) > most else None
        infos = [self._listed(stat) for stat in stats[:most]]
        return infos, None if last is None else ListPosition(last.last_active_at, last.session_id)

    @property
    def active_session_count(self) -> int:
        """How many sessions are awake, or on their way."""
        return self.registry.count

    async def _create(self, user_id: str) -> SessionActor:
        now = utc_now()
        row = SessionRow(
            session_id=secrets.token_hex(SESSION_ID_BYTES),
            user_id=user_id,
            title="",
            model=self._default_model(),
            created_at=now,
            last_active_at=now,
            message_count=0,
            state="idle",
            pending_approval=b"[]",
            unfinished=False,
            options=b"{}",
        )
        return await self.registry.create(row)

    def _listed(self, stat: Stat) -> SessionInfo:
        """What is awake may know more than the journal did a moment ago."""
        actor = self.registry.get(stat.row.session_id)
        return self._info(stat.row, stat.head) if actor is None else self._info(actor.row, actor.broadcaster.head)

    def _info(self, row: SessionRow, head: int) -> SessionInfo:
        awake = self.registry.get(row.session_id) is not None
        return SessionInfo(
            session_id=row.session_id,
            user_id=row.user_id,
            title=row.title,
            model=row.model,
            created_at=row.created_at,
            last_active_at=row.last_active_at,
            is_active=awake,
            is_processing=awake and row.state == "running",
            message_count=row.message_count,
            pending_approval=msgspec.json.decode(row.pending_approval, type=list[PendingTool]),
            state=row.state,
            epoch=self.journal.epoch,
            seq=head,
        )


@contextmanager
def _detached_at_end(actor: SessionActor) -> Iterator[None]:
    """Take one socket off the actor at the end of the block."""
    try:
        yield
    finally:
        actor.sockets -= 1
        actor.idle_since = time.monotonic()
