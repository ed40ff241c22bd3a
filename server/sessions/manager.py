"""Session manager: the Python interface to all sessions. The websocket endpoint and the HTTP routes use it."""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

from msgspec.structs import replace

from agent.session.messages import OwnerUploadedNotes, SubmissionRefusal
from protocol import codes
from protocol import submissions as sub
from protocol.codes import CloseReason
from protocol.content import ShareLink
from server.journal.base import ListPosition, SessionRow, Stat
from server.journal.nodes.base import OwnedElsewhere
from server.sessions import registry
from server.sessions.actor import SessionActor
from server.sessions.errors import SessionNotFound
from server.sessions.inbox import Answer, PendingAnswer
from server.sessions.ports.broadcaster import DELETED_REASON
from server.sessions.ports.port import SessionPort
from server.sessions.registry import SessionRegistry
from server.sessions.rows import (
    PAGE_BYTES_MAX,
    Options,
    SessionInfo,
    cut_page,
    dump_options,
    holding_cwd,
    load_options,
    session_info,
)
from server.sessions.sandbox_claims import SandboxCollector
from server.util.clock import utc_now

log = logging.getLogger("holdfast.manager")

SESSION_ID_BYTES = 16

LISTED_A_STEP = 100
"""Sessions of a page that are read in one step of the event loop: half a millisecond of work."""


class SessionManager:
    """All sessions of this server. `registry`: those that are active. `journal`: where all are stored."""

    def __init__(
        self,
        registry: SessionRegistry,
        delete_workspace: Callable[[SessionRow], Awaitable[None]],
        collector: SandboxCollector,
    ) -> None:
        """`delete_workspace`: deletes the files of the session of this row."""
        self.journal = registry.services.journal
        self.registry = registry
        self._default_model = registry.services.default_model
        self._owner_tokens = registry.services.owner_tokens
        self._delete_workspace = registry.remove_files = delete_workspace
        self._collector = collector

    async def create_session(
        self, user_id: str, hf_token: str | None = None, *, cwd: str = "", session_id: str = ""
    ) -> str:
        """Make a session and activate it. Raises `SessionCapacityError`, `GoingAway`, `JournalError`.

        `hf_token`: the user's Hugging Face token, as if they had logged in with it: see `OwnerTokens`. `cwd`: its project
        folder, as `ProjectFolders.resolve` gives it; empty: none. `session_id`: its id, which nobody guesses; empty: a random one.
        `Conflict` or `Deleted` is raised if there is or was one of that id.
        """
        if hf_token:
            self._owner_tokens.give(user_id, hf_token)
        return (await self._create(user_id, cwd, session_id)).session_id

    @asynccontextmanager
    async def attach(self, row: SessionRow, *, prepared: bool = False) -> AsyncIterator[SessionPort]:
        """The session's port, for a socket. It wakes nobody. `row`: as `registry.open` gave it. `prepared`: a snapshot is wanted,
        and a session that cannot be read is to raise.

        The caller has authorized the client. Raises `SessionNotFound`, `GoingAway`, `JournalError`.
        """
        with self._attached(await self.registry.port(row, prepared=prepared)) as port:
            yield port

    @asynccontextmanager
    async def attach_new(self, user_id: str) -> AsyncIterator[SessionPort]:
        """The port of a new session of this user. Raises `SessionCapacityError`, `GoingAway`, `JournalError`."""
        with self._attached(self._port_of(await self._create(user_id))) as port:
            yield port

    def used(self) -> set[str]:
        """The ids of the sessions that are active, or have sockets."""
        return {actor.session_id for actor in self.registry.all()} | self.registry.ports.with_sockets()

    def is_used(self, session_id: str) -> bool:
        """Whether the session has sockets, or work that is under way or waits."""
        actor = self.registry.get(session_id)
        return self.registry.ports.sockets(session_id) > 0 or (actor is not None and not actor.may_sleep)

    async def submit(self, session_id: str, submission: sub.Submission) -> Answer:
        """Hand in a submission and wait for its answer.

        Raises `SessionNotFound`, `SessionCapacityError`, `GoingAway`, `JournalError`. So do all operations below that
        return an answer.
        """
        waiting = await self._hand_in(session_id, submission)
        return waiting if isinstance(waiting, SubmissionRefusal) else await waiting

    async def submit_user_input(self, session_id: str, text: str) -> Answer:
        """Submit a message of the user."""
        return await self.submit(session_id, sub.UserInput(text=text))

    async def submit_approval(self, session_id: str, approvals: list[sub.Approval]) -> Answer:
        """Approve or deny tool calls that wait."""
        return await self.submit(session_id, sub.ExecApproval(approvals=approvals))

    async def interrupt(self, session_id: str) -> Answer:
        """Stop the running turn. Overtakes other submissions."""
        return await self.submit(session_id, sub.Interrupt())

    async def undo(self, session_id: str) -> Answer:
        """Remove the last turn."""
        return await self.submit(session_id, sub.Undo())

    async def compact(self, session_id: str) -> Answer:
        """Summarize older messages, to shorten the model's context."""
        return await self.submit(session_id, sub.Compact())

    async def shutdown_session(self, session_id: str) -> Answer:
        """Close the session for good, and delete its remote sandbox. Cancels it after `SHUTDOWN_WAIT_S`."""
        waiting = await self._hand_in(session_id, sub.Shutdown())
        if isinstance(waiting, SubmissionRefusal):
            return waiting
        try:
            async with asyncio.timeout(registry.SHUTDOWN_WAIT_S):
                answer = await waiting
        except TimeoutError:
            actor = self.registry.get(session_id)
            if actor is not None:
                await self.registry.end(
                    actor, CloseReason(codes.CLOSE_FAULT, "the session did not end in time; reconnect")
                )
            return SubmissionRefusal(codes.INTERNAL, "the session did not answer and was stopped; send it again")
        if not isinstance(answer, SubmissionRefusal):
            await self._collector.end(session_id)
        return answer

    async def delete_session(self, session_id: str) -> None:
        """Delete the session: its remote sandbox, its actor, its files, its record last. Raises `SessionNotFound`, `JournalError`.

        A remote sandbox that cannot be deleted now is deleted later by the collector: its claim stays in the journal.
        """
        async with self.registry.lock(session_id):
            row = (await self.registry.open(session_id)).row
            await self._collector.end(session_id)
            actor = self.registry.get(session_id)
            if actor is not None:
                await self.registry.end(actor, DELETED_REASON)
            elsewhere = await self.registry.ownership.runs_elsewhere(session_id)
            if elsewhere:
                await self.journal.delete(session_id)  # so that the other server ends it, and writes no more files
            await self._delete_workspace(row)
            if not elsewhere:
                await self.journal.delete(session_id)  # after its files: cut short here, it can be deleted again
            self.registry.ports.deleted(session_id)
            await self.registry.services.quotas.refresh_soon(row.user_id)
            self._collector.soon()
            log.info("session %s: deleted", session_id)

    async def get_session_owner(self, session_id: str) -> str:
        """The user id of the owner. Raises `SessionNotFound`."""
        return (await self.registry.open(session_id)).row.user_id

    async def links(self, session_id: str) -> list[ShareLink]:
        """The session's valid share links; none if there is no such session."""
        try:
            row = (await self.registry.open(session_id)).row
        except SessionNotFound:
            return []
        return load_options(row.options).shares

    async def verify_session_access(self, session_id: str, user_id: str) -> bool:
        """Whether the session exists and belongs to this user."""
        try:
            return await self.get_session_owner(session_id) == user_id
        except SessionNotFound:
            return False

    async def get_session_info(self, session_id: str) -> SessionInfo:
        """A session's information, whether it is active or not. Raises `SessionNotFound`."""
        stat = await self.registry.stored(session_id)
        (info,) = await self.listed([stat])
        return info

    async def list_sessions(self, user_id: str | None) -> list[SessionInfo]:
        """All sessions of a user, or of all users (None), newest first."""
        return await self.listed(await self.journal.list(user_id))

    async def page_sessions(
        self,
        user_id: str | None,
        most: int,
        *,
        before: ListPosition | None = None,
        search: str = "",
        cwd: str = "",
        listed: str | None = None,
    ) -> tuple[list[SessionInfo], ListPosition | None]:
        """One page of the sessions of a user, or of all users (None), newest first, and the next page's position, or None.

        `before`, `search`, `listed`: as in `Journal.list`. `cwd`: only those with this project folder. `most`: the length of the page; it is shorter where large calls wait for approval.
        """
        holding = holding_cwd(cwd) if cwd else b""
        stats = await self.journal.list(
            user_id,
            before=before,
            search=search,
            most=most + 1,
            max_bytes=PAGE_BYTES_MAX,
            holding=holding,
            listed=listed,
        )
        page, is_more = cut_page(stats, most)
        infos = await self.listed(page)
        last = page[-1].row if is_more else None
        return infos, None if last is None else ListPosition(last.last_active_at, last.session_id)

    @property
    def active_session_count(self) -> int:
        """How many sessions are active, or being activated."""
        return self.registry.count

    async def notes_uploaded(self, session_id: str, digest: str) -> None:
        """Record that AGENTS.md with this digest is the owner's. Raises `SessionNotFound`, `SessionCapacityError`, `GoingAway`, `JournalError`."""
        notes = OwnerUploadedNotes(digest)
        try:
            async with self.registry.activated(session_id) as actor:
                actor.report(notes)
        except OwnedElsewhere:
            assert self.registry.shared is not None
            await self.registry.shared.report(session_id, notes)

    async def _hand_in(self, session_id: str, submission: sub.Submission) -> PendingAnswer | SubmissionRefusal:
        """Hand a submission to the session's actor, here or at the server that runs the session."""
        try:
            async with self.registry.activated(session_id) as actor:
                return actor.submit(submission)
        except OwnedElsewhere:
            assert self.registry.shared is not None
            return await self.registry.shared.forward(session_id, submission)

    async def _create(self, user_id: str, cwd: str = "", session_id: str = "") -> SessionActor:
        now = utc_now()
        instructions = await self.registry.services.quotas.open(user_id)
        row = SessionRow(
            session_id=session_id or secrets.token_hex(SESSION_ID_BYTES),
            user_id=user_id,
            title="",
            model=self._default_model(),
            created_at=now,
            last_active_at=now,
            message_count=0,
            state="idle",
            pending_approval=b"[]",
            unfinished=False,
            options=dump_options(Options(cwd=cwd, instructions=instructions)),
        )
        return await self.registry.create(row)

    def _port_of(self, actor: SessionActor) -> SessionPort:
        return self.registry.ports.open(actor.session_id, actor.user_id, actor.broadcaster.head)

    @contextmanager
    def _attached(self, port: SessionPort) -> Iterator[SessionPort]:
        """Count one socket of the port while the block runs."""
        port.sockets += 1
        if self.registry.shared is not None:
            self.registry.shared.attached(port.session_id)
        try:
            yield port
        finally:
            port.sockets -= 1
            if not port.sockets and port.actor is None:
                self.registry.services.on_left()

    async def listed(self, stats: Sequence[Stat]) -> list[SessionInfo]:
        """What lists say of these sessions; others come between."""
        nodes = self.registry.services.nodes
        elsewhere = () if nodes is None else await nodes.owners([stat.row.session_id for stat in stats])
        infos: list[SessionInfo] = []
        for number, stat in enumerate(stats, 1):
            actor = self.registry.get(stat.row.session_id)
            if actor is not None:  # its row may be newer, but for what it does not know
                newer = actor.stat
                stat = replace(newer, row=replace(newer.row, listed=stat.row.listed))
            infos.append(self._info(stat, elsewhere))
            if number % LISTED_A_STEP == 0:
                await asyncio.sleep(0)
        return infos

    def _info(self, stat: Stat, elsewhere: Collection[str]) -> SessionInfo:
        session_id = stat.row.session_id
        return session_info(stat, is_active=self.registry.get(session_id) is not None or session_id in elsewhere)
