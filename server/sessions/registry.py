"""The awake sessions: wakes, makes room, puts to sleep, recovers. Owns the actors and their tasks."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

import msgspec

from agent.session.session import Rules
from agent.tools import ToolRouter
from agent.util.backoff import Backoff
from agent.util.tasks import TaskOwner
from agent.worker import ModelCalls
from protocol import codes
from protocol.codes import CloseReason
from server.config.sessions import SessionSettings
from server.journal.base import Deleted, Journal, NotFound, SessionRow, Unavailable
from server.journal.settings import JournalSettings
from server.sessions.actor import SLEEP_REASON, LoadedSession, SessionActor
from server.sessions.errors import GoingAway, SessionCapacityError, SessionNotFound
from server.sessions.owner_tokens import OwnerTokens
from server.sessions.quotas import Quotas
from server.sessions.replay import load_state
from server.sessions.rows import StoredSession
from server.telemetry.session_observer import Observer


class SessionCapacity:
    """Places for awake sessions. `reserve` counts and takes in one step, before anything is awaited."""

    def __init__(self, most: int, most_per_user: int) -> None:
        self._most = most
        self._most_per_user = most_per_user
        self._taken: Counter[str] = Counter()

    @property
    def taken(self) -> int:
        """How many places are taken."""
        return self._taken.total()

    def reserve(self, user_id: str) -> None:
        """Take a place. Raises `SessionCapacityError`."""
        if self._taken[user_id] >= self._most_per_user:
            raise SessionCapacityError("per_user", self._most_per_user)
        if self._taken.total() >= self._most:
            raise SessionCapacityError("global", self._most)
        self._taken[user_id] += 1

    def release(self, user_id: str) -> None:
        """Give a place back."""
        self._taken[user_id] -= 1
        if self._taken[user_id] <= 0:
            del self._taken[user_id]


log = logging.getLogger("holdfast.awake")

SHUTDOWN_WAIT_S = 5.0
"""How long the end of a session waits for its work; then the work is cancelled. Below the ten seconds that supervisors give
a process to stop, so that the journal is still closed in time."""

RECOVER_AGAIN_S, RECOVER_AGAIN_MAX_S = 0.5, 10.0
"""Pauses before sessions that could not be recovered, for want of room or of their journal, are tried again."""


class SessionFactory(msgspec.Struct, frozen=True):
    """What a session is given when it wakes: models by Hugging Face token, tools by info row and that, rules, an observer
    of its own."""

    models_for: Callable[[str | None], ModelCalls]
    tools_for: Callable[[SessionRow, str | None], ToolRouter]
    rules_for: Callable[[ToolRouter, str], Rules]
    accounts: Quotas
    default_model: Callable[[], str]
    observer_for: Callable[[SessionRow], Observer]
    on_end: Callable[[SessionRow], None]
    """Called when an actor has ended, with its session's last row."""
    owner_tokens: OwnerTokens


class SessionRegistry:
    """One actor a session at most. A session's lock is held while its actor is looked up, woken or deleted."""

    def __init__(
        self, journal: Journal, equipment: SessionFactory, settings: SessionSettings, journal_settings: JournalSettings
    ) -> None:
        self.draining = False
        self._journal = journal
        self._equipment = equipment
        self._settings = settings
        self._journal_settings = journal_settings
        self._slots = SessionCapacity(settings.awake_max, settings.awake_max_per_user)
        self._actors: dict[str, SessionActor] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._without_token: set[str] = set()
        self._tasks = TaskOwner("sessions")

    def start(self) -> None:
        """Begin to look after the sessions: recover what was under way, put to sleep what idles."""
        self._tasks.start(self._recover(), "recover")
        self._tasks.start(self._reap(), "reap")

    @property
    def count(self) -> int:
        """How many sessions are awake, or on their way."""
        return self._slots.taken

    def all(self) -> list[SessionActor]:
        """The actors."""
        return list(self._actors.values())

    def get(self, session_id: str) -> SessionActor | None:
        """The session's actor, if it is awake."""
        return self._actors.get(session_id)

    def lock(self, session_id: str) -> asyncio.Lock:
        """Who holds it is alone in looking the session up, waking or deleting it."""
        return self._locks.setdefault(session_id, asyncio.Lock())

    async def open(self, session_id: str) -> StoredSession:
        """The session's row and head: its actor's if it is awake, else from the journal, in one read.

        Raises `SessionNotFound`, `Unavailable`.
        """
        actor = self._actors.get(session_id)
        if actor is not None:
            return StoredSession(actor.row, actor.broadcaster.head)
        try:
            stat = await self._journal.stat(session_id)
        except (NotFound, Deleted) as error:
            raise SessionNotFound(session_id) from error
        return StoredSession(stat.row, stat.head)

    async def create(self, row: SessionRow) -> SessionActor:
        """A new session, awake. Raises `SessionCapacityError`, `GoingAway`, `JournalError`."""
        await self._make_room(row.user_id)
        try:
            lease = await self._journal.create(row, self._equipment.accounts.limits.storage())
            await self._equipment.accounts.open(row.user_id)
            state = await load_state(self._journal, row.session_id, 0, row.model)
            log.info("session %s: made", row.session_id)
            return await self._begin(LoadedSession(lease, row, state))
        except BaseException:
            self._slots.release(row.user_id)
            raise

    @asynccontextmanager
    async def activated(self, session_id: str, user_id: str | None = None) -> AsyncIterator[SessionActor]:
        """The session's actor, which is started if the session slept. It cannot be evicted inside the block.

        `user_id`: the owner, where the caller knows it; saves one read of a sleeping session. Raises `SessionNotFound`,
        `SessionCapacityError`, `GoingAway`, `JournalError`.
        """
        if self.draining:
            raise GoingAway
        async with self.lock(session_id):
            actor = self._actors.get(session_id)
            if actor is not None and await self._owner_is_here(actor):
                actor.stop(SLEEP_REASON)
            if actor is not None and actor.stopping:
                await actor.ended.wait()
                actor = None
            yield actor if actor is not None else await self._activate(session_id, user_id)

    async def end(self, actor: SessionActor, reason: CloseReason) -> None:
        """Stop an actor and wait for its end; cancel it if that takes too long."""
        actor.stop(reason)
        try:
            async with asyncio.timeout(SHUTDOWN_WAIT_S):
                await actor.ended.wait()
        except TimeoutError:
            log.warning("session %s did not end in %s s and is cancelled", actor.session_id, SHUTDOWN_WAIT_S)
            actor.cancel()
            await actor.ended.wait()

    async def drain(self, text: str) -> None:
        """Refuse new work, stop every session and wait until all have ended. Their sockets get 1012 with this text."""
        self.draining = True
        for actor in self.all():
            actor.stop(CloseReason(codes.CLOSE_RESTART, text))
        for actor in self.all():
            await actor.ended.wait()

    async def aclose(self) -> None:
        """End all sessions and their tasks."""
        try:
            async with asyncio.timeout(SHUTDOWN_WAIT_S):
                await self.drain("the server stops; reconnect")
        except TimeoutError:
            log.warning("%d sessions did not end in time and are cancelled", len(self._actors))
        await self._tasks.aclose()

    async def _owner_is_here(self, actor: SessionActor) -> bool:
        """Whether it woke before its owner's token was known, as after a restart, and can wake again with it unnoticed."""
        if actor.session_id not in self._without_token or not actor.may_wake_again:
            return False
        return await self._equipment.owner_tokens.get(actor.user_id) is not None and actor.may_wake_again

    async def _activate(self, session_id: str, user_id: str | None) -> SessionActor:
        user_id = user_id or (await self.open(session_id)).row.user_id
        await self._make_room(user_id)
        try:
            try:
                lease = await self._journal.acquire(session_id)
            except (NotFound, Deleted) as error:
                raise SessionNotFound(session_id) from error
            await self._equipment.accounts.open(user_id)
            session = await self.open(session_id)  # read under the lease: from here on nobody else appends
            state = await load_state(self._journal, session_id, session.head, self._equipment.default_model())
            log.info("session %s: activated at %d", session_id, session.head)
            return await self._begin(LoadedSession(lease, session.row, state))
        except BaseException:
            self._slots.release(user_id)
            raise

    async def _begin(self, loaded: LoadedSession) -> SessionActor:
        given = self._equipment
        session_id = loaded.row.session_id
        hub_token = await given.owner_tokens.get(loaded.row.user_id)
        if self.draining:
            raise GoingAway
        tools = given.tools_for(loaded.row, hub_token)
        rules = given.rules_for(tools, loaded.row.user_id)
        observer = given.observer_for(loaded.row)
        models = given.models_for(hub_token)
        actor = SessionActor(
            loaded, rules, self._journal, models, tools, self._journal_settings, given.accounts, observer
        )
        self._actors[session_id] = actor
        if hub_token is None:
            self._without_token.add(session_id)
        self._tasks.start(self._live(actor), session_id)
        return actor

    async def _live(self, actor: SessionActor) -> None:
        try:
            await actor.run()
        finally:
            log.info("session %s: asleep at %d", actor.session_id, actor.broadcaster.head)
            del self._actors[actor.session_id]
            self._without_token.discard(actor.session_id)
            self._slots.release(actor.user_id)
            actor.ended.set()
            self._equipment.on_end(actor.row)

    async def _make_room(self, user_id: str) -> None:
        """Reserve a place, putting the longest idle session to sleep if there is none. Raises `SessionCapacityError`."""
        if self.draining:
            raise GoingAway
        while True:
            try:
                return self._slots.reserve(user_id)
            except SessionCapacityError as full:
                whose = user_id if full.error_type == "per_user" else None
                sleepy = [a for a in self._actors.values() if a.may_sleep and whose in (None, a.user_id)]
                if not sleepy:
                    raise
                victim = min(sleepy, key=lambda a: a.idle_since)
                victim.stop(SLEEP_REASON)
                await victim.ended.wait()

    async def _recover(self) -> None:
        """Wake the sessions that were in the middle of something: the turn is ended truthfully, what waits goes on.

        One that cannot be woken does not hold up the others; it is tried again, less and less often.
        """
        left: list[str] | None = None
        backoff = Backoff(RECOVER_AGAIN_S, RECOVER_AGAIN_MAX_S)
        while not self.draining:
            pause_s = backoff.next_s()
            try:
                left = await self._journal.unfinished() if left is None else left
                left = [session_id for session_id in left if not await self._recovered(session_id)]
            except Unavailable as error:
                log.warning("sessions to be recovered cannot be listed; tried again in %.1f s: %s", pause_s, error)
            if left is not None and not left:
                return
            await asyncio.sleep(pause_s)

    async def _recovered(self, session_id: str) -> bool:
        """Whether there is nothing more to be recovered of this session."""
        try:
            async with self.activated(session_id):
                log.info("session %s: recovered", session_id)
        except SessionCapacityError:
            return False
        except Unavailable as error:
            log.warning("session %s cannot be recovered; it is tried again: %s", session_id, error)
            return False
        except (SessionNotFound, GoingAway):
            return True
        return True

    async def _reap(self) -> None:
        """Idle costs nothing: who has neither sockets nor work for a while is put to sleep."""
        while True:
            await asyncio.sleep(min(5.0, max(0.05, self._settings.idle_sleep_s / 4)))
            now = time.monotonic()
            for actor in self.all():
                if actor.may_sleep and now - actor.idle_since >= self._settings.idle_sleep_s:
                    actor.stop(SLEEP_REASON)
