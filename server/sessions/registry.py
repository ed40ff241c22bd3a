"""Session registry: the active sessions. Activates, evicts and recovers sessions; owns the actors and their tasks."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from agent.util.tasks import TaskOwner
from protocol import codes
from protocol.codes import CloseReason
from server.config.sessions import SessionSettings
from server.journal.base import Deleted, NotFound, SessionRow, Stat
from server.sessions.actor import SessionActor
from server.sessions.capacity import SessionCapacity
from server.sessions.errors import GoingAway, SessionCapacityError, SessionNotFound
from server.sessions.factory import SessionServices as SessionServices
from server.sessions.nodes.ownership import Moment, Ownership
from server.sessions.nodes.recovery import Recovery
from server.sessions.nodes.shared import shared_sessions
from server.sessions.ports.broadcaster import DELETED_REASON
from server.sessions.ports.handover import Handover
from server.sessions.ports.port import SessionPort
from server.sessions.ports.states import SleepingStates
from server.sessions.ports.table import PortTable
from server.sessions.replay import LoadedSession, load_state

log = logging.getLogger("holdfast.awake")

SHUTDOWN_WAIT_S = 5.0
"""How long the end of a session waits for its work; then that is cancelled. Below the ten seconds that supervisors give a process to stop."""


class SessionRegistry:
    """The active sessions: at most one actor each. `ports`: of all that are active or followed. `shared`: what is done about sessions of other
    servers, if there are any. A session's lock is held while its actor is looked up or started, and while the session is deleted.
    `leaving`: none is activated any more, other servers do that; `draining`: all end. `remove_files`: removes those of a session that
    another server deleted while it ran here; `forget_texts`: what a search would find of it.
    """

    def __init__(self, services: SessionServices, settings: SessionSettings) -> None:
        self.leaving = False
        self.draining = False
        self.remove_files: Callable[[SessionRow], Awaitable[None]] | None = None
        self.forget_texts: Callable[[str], Coroutine[None, None, None]] | None = None
        self.services = services
        self._journal = services.journal
        self._settings = settings
        self._capacity = SessionCapacity(settings.awake_max, settings.awake_max_per_user)
        self._actors: dict[str, SessionActor] = {}
        self.ports = PortTable(self._journal, SleepingStates(self._journal, services.default_model), self)
        self._handover = Handover(self)
        self.ownership = Ownership(self._journal, services.nodes)
        self._recovery = Recovery(self, self._journal, services.nodes)
        self.shared = shared_sessions(
            services.nodes, self._journal, self.ports, self, services.redactor, services.quotas
        )
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._without_token: set[str] = set()
        self._outdated: set[str] = set()
        self._tasks = TaskOwner("sessions")

    def start(self) -> None:
        """Start the tasks that recover unfinished sessions and evict idle ones."""
        self._journal.watch_epoch(self._on_new_epoch)
        if self.shared is not None:
            self.shared.start(self._on_lease_lost, self._deleted_elsewhere)
        self._tasks.start(self._recovery.run(), "recover")
        self._tasks.start(self._evict_idle(), "evict")

    @property
    def count(self) -> int:
        """How many sessions are active, or being activated."""
        return self._capacity.reserved

    def refusal(self) -> str:
        """Why this server accepts no work now; empty if it does."""
        return "the server is stopping" if self.draining or self.leaving else self.ownership.refusal()

    def all(self) -> list[SessionActor]:
        """The actors of the active sessions."""
        return list(self._actors.values())

    def get(self, session_id: str) -> SessionActor | None:
        """The session's actor, or None if the session sleeps."""
        return self._actors.get(session_id)

    def ready_actor(self, session_id: str) -> SessionActor | None:
        """The session's actor, if it takes submissions as it is: it does not stop, and needs no token or other tools."""
        actor = self._actors.get(session_id)
        waits = session_id in self._without_token or session_id in self._outdated
        return None if actor is None or actor.stopping or waits else actor

    def lock(self, session_id: str) -> asyncio.Lock:
        """The session's lock: see the class. It exists while somebody refers to it."""
        return self._locks.setdefault(session_id, asyncio.Lock())

    async def renew(self, session_id: str) -> None:
        """Have the session's tools made anew before the next submission at which nothing runs."""
        async with self.lock(session_id):  # an actor that is being started may not have seen what they are made of now
            if session_id in self._actors:
                self._outdated.add(session_id)

    async def open(self, session_id: str) -> Stat:
        """The session's row and head: its actor's, else from the journal, in one read. Raises `SessionNotFound`, `Unavailable`."""
        actor = self._actors.get(session_id)
        return actor.stat if actor is not None else await self.stored(session_id)

    async def stored(self, session_id: str) -> Stat:
        """The session's row and head as they are in the journal. Raises `SessionNotFound`, `Unavailable`."""
        try:
            return await self._journal.stat(session_id)
        except (NotFound, Deleted) as error:
            raise SessionNotFound(session_id) from error

    async def port(self, row: SessionRow, *, prepared: bool = False) -> SessionPort:
        """The session's port, for a follower. It wakes nobody. Raises `SessionNotFound`, `GoingAway`, `Unavailable`.

        `prepared`: see `SessionPort.prepare`.
        """
        port = self.ports.get(row.session_id)
        if port is None:
            async with self.lock(row.session_id):  # so that nobody appends after the head was read
                # Not of an actor: there is none, or one that ends because its state is not what is stored.
                head = (await self.stored(row.session_id)).head
                port = self.ports.open(row.session_id, row.user_id, head)
            if self.shared is not None:
                self.shared.opened(row.session_id)
        if prepared:
            try:
                await port.prepare()
            except (NotFound, Deleted) as error:
                raise SessionNotFound(row.session_id) from error
        if self.draining:
            raise GoingAway
        return port

    async def create(self, row: SessionRow) -> SessionActor:
        """Store a new session and activate it. The caller has read its user's usage (`Quotas.open`).

        Raises `SessionCapacityError`, `GoingAway`, `JournalError`.
        """
        self.services.quotas.check_disk()
        self.ownership.check()
        await self._reserve(row.user_id)
        moment = self.ownership.moment
        try:
            lease = await self._journal.create(row, self.services.quotas.limits.storage())
            state = await load_state(self._journal, row.session_id, 0, row.model)
            log.info("session %s: created", row.session_id)
            return await self._start_actor(LoadedSession(lease, row, state), moment)
        except BaseException:
            self._capacity.release(row.user_id)
            raise

    @asynccontextmanager
    async def activated(self, session_id: str, user_id: str | None = None) -> AsyncIterator[SessionActor]:
        """The session's actor, which is started if the session slept. It cannot be evicted inside the block.

        `user_id`: the owner, where the caller knows it; saves one read of a sleeping session. Raises `SessionNotFound`,
        `SessionCapacityError`, `GoingAway`, `JournalError`.
        """
        async with self.lock(session_id):
            actor = self._actors.get(session_id)
            if self.draining or (self.leaving and (actor is None or actor.stopping)):
                raise GoingAway
            if actor is not None and not self.leaving and await self._needs_renewal(actor):
                actor.stop()
            if actor is not None and actor.stopping:
                await actor.ended.wait()
                actor = None
            yield actor if actor is not None else await self._activate(session_id, user_id)

    async def end(self, actor: SessionActor, reason: CloseReason | None = None) -> None:
        """Stop an actor, as `SessionActor.stop`, and wait for its end; cancel it if that takes too long."""
        actor.stop(reason)
        try:
            async with asyncio.timeout(SHUTDOWN_WAIT_S):
                await actor.ended.wait()
        except TimeoutError:
            log.warning("session %s did not end in %s s and is cancelled", actor.session_id, SHUTDOWN_WAIT_S)
            actor.cancel()
            await actor.ended.wait()

    async def drain(self, text: str) -> None:
        """Refuse new work, stop every session and wait until all have ended. All sockets get 1001 with this text."""
        self.draining = True
        reason = CloseReason(codes.CLOSE_GOING_AWAY, text)
        self.ports.end_sleeping(reason)
        for actor in self.all():
            actor.stop(reason)
        for actor in self.all():
            await actor.ended.wait()
        self.ports.end_sleeping(reason)  # of those that were falling asleep

    def _on_new_epoch(self) -> None:
        """Stored events may be lost that actors have in their state, and followers have seen: drop all. Sockets come back."""
        self.ports.renew(CloseReason(codes.CLOSE_GOING_AWAY, "the journal was put back to an earlier state; reconnect"))
        # One that is being stopped ends by itself: what it appends does not fit any more.
        actors = [actor for actor in self.all() if not actor.stopping]
        log.warning("a new epoch of the journal began: %d sessions are read anew", len(actors))
        self._drop(actors)
        if not self.draining:
            self._tasks.start(self._recovery.recover_all(), "new epoch")

    def _on_lease_lost(self) -> None:
        """Another node may take what runs here: end all work at once, and store nothing. Followers stay."""
        actors = self.all()
        if actors and self.services.nodes is not None:
            self.services.nodes.counts.fenced += sum(not actor.lost for actor in actors)
            log.warning("%d sessions are stopped, as another server may go on with them", len(actors))
        self._drop(actors, lost=True)

    def _deleted_elsewhere(self, session_id: str) -> None:
        """Another server deleted the session."""
        actor = self._actors.get(session_id)
        if actor is not None:
            actor.stop(DELETED_REASON)
            self._tasks.start(self._remove_after(actor), f"{session_id}/files")
        if self.forget_texts is not None:
            self._tasks.start(self.forget_texts(session_id), f"{session_id}/texts")
        self.ports.deleted(session_id)

    async def _remove_after(self, actor: SessionActor) -> None:
        """Its tools may have written files after the other server removed them."""
        await actor.ended.wait()
        if self.remove_files is not None:
            await self.remove_files(actor.row)

    def _drop(self, actors: list[SessionActor], *, lost: bool = False) -> None:
        """Cancel these actors, those too that have not begun."""
        for actor in actors:
            actor.lost = lost
        new = [actor for actor in actors if not actor.cancel()]

        async def cancel_again() -> None:
            await asyncio.sleep(0)
            for actor in new:
                actor.cancel()

        if new:
            self._tasks.start(cancel_again(), "drop")

    async def aclose(self) -> None:
        """Drain, for `SHUTDOWN_WAIT_S` at most; then cancel what is left."""
        try:
            async with asyncio.timeout(SHUTDOWN_WAIT_S):
                await self.drain("the server is restarting; reconnect")
        except TimeoutError:
            log.warning("%d sessions did not end in time and are cancelled", len(self._actors))
        if self.shared is not None:
            await self.shared.aclose()
        await self._tasks.aclose()

    async def _needs_renewal(self, actor: SessionActor) -> bool:
        """Whether it may be restarted to get other tools, or its owner's token, which was not known when it was activated and is now."""
        if actor.session_id in self._outdated:
            return actor.may_restart
        if actor.session_id not in self._without_token or not actor.may_restart:
            return False
        return await self.services.owner_tokens.get(actor.user_id) is not None and actor.may_restart

    async def _activate(self, session_id: str, user_id: str | None) -> SessionActor:
        user_id = user_id or (await self.open(session_id)).row.user_id
        await self.ownership.check_session(session_id)
        await self._reserve(user_id)
        moment = self.ownership.moment
        try:
            async with self.ownership.taken(session_id) as lease:
                await self.services.quotas.open(user_id)
                stat = await self.open(session_id)  # read under the lease: from here on nobody else appends
                state = await load_state(self._journal, session_id, stat.head, self.services.default_model())
                log.info("session %s: activated at %d", session_id, stat.head)
                return await self._start_actor(LoadedSession(lease, stat.row, state), moment)
        except BaseException:
            self._capacity.release(user_id)
            raise

    async def _start_actor(self, loaded: LoadedSession, moment: Moment) -> SessionActor:
        """Run an actor for what was read at this moment. Raises `GoingAway`, `Unavailable` if it is over."""
        services = self.services
        session_id = loaded.row.session_id
        hub_token = await services.owner_tokens.get(loaded.row.user_id)
        # Under the lease: who gives others from here on sees it, and tells.
        given = await services.factory.given(session_id)
        if self.draining:
            raise GoingAway
        self.ownership.check(moment)
        parts = services.factory.make(loaded.row, hub_token, given)
        head = loaded.state.view.seq
        port = self.ports.open(session_id, loaded.row.user_id, head)
        actor = SessionActor(loaded, parts, self._journal, services.quotas, port.broadcaster)
        self._actors[session_id] = actor
        port.started(actor, head)
        actor.hand_over(self._handover.take(session_id))
        if hub_token is None:
            self._without_token.add(session_id)
        self._tasks.start(self._run_actor(actor, port), session_id)
        if self.shared is not None:
            self.shared.activated()
        return actor

    async def _run_actor(self, actor: SessionActor, port: SessionPort) -> None:
        session_id = actor.session_id
        try:
            await actor.run()
        finally:
            log.info("session %s: asleep at %d", session_id, port.head)
            del self._actors[session_id]
            port.ended()
            self._without_token.discard(session_id)
            self._outdated.discard(session_id)
            self._capacity.release(actor.user_id)
            self._handover.leave(session_id, actor.unanswered)
            actor.ended.set()
            self.services.on_end(actor.row)
            if actor.ended_well and not actor.unanswered:
                self._handover.ended_well(session_id)
            elif self.draining:
                self._handover.refuse(session_id, GoingAway())
            else:
                self._tasks.start(self._handover.go_on(port, unfinished=actor.row.unfinished), f"{session_id}/again")

    async def _reserve(self, user_id: str) -> None:
        """Reserve a place; evict the session that is idle for longest if there is none. Raises `SessionCapacityError`, `Unavailable`."""
        if self.draining or self.leaving:
            raise GoingAway
        elsewhere = await self.ownership.working_elsewhere(user_id)
        while True:
            try:
                return self._capacity.reserve(user_id, elsewhere)
            except SessionCapacityError as full:
                whose = user_id if full.error_type == "per_user" else None
                idle = [a for a in self._actors.values() if a.may_sleep and whose in (None, a.user_id)]
                if not idle:
                    raise
                longest = min(idle, key=lambda a: a.idle_since)
                longest.stop()
                await longest.ended.wait()

    async def _evict_idle(self) -> None:
        """Evict sessions that had no work for `idle_sleep_s`."""
        while True:
            await asyncio.sleep(min(5.0, max(0.05, self._settings.idle_sleep_s / 4)))
            now = time.monotonic()
            for actor in self.all():
                if actor.may_sleep and now - actor.idle_since >= self._settings.idle_sleep_s:
                    actor.stop()
