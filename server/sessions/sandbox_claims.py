"""Sandbox claims: records a session's remote sandboxes in the journal, and deletes those that are not needed any more.

The collector looks at the claims in the journal alone. So it does not matter how a session, or the server, ended.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Literal

import msgspec

from agent.sandbox.claims import Claim
from agent.sandbox.settings import RemoteSettings
from agent.util.backoff import Backoff
from agent.util.tasks import TaskOwner
from agent.workspace.files import SandboxError
from server.auth.owner_tokens import OwnerTokens
from server.journal.base import Deleted, HeldClaim, Journal, JournalError, NotFound
from server.sessions.registry import SessionRegistry
from server.telemetry.metrics import Metrics
from server.util.clock import utc_now

SWEEP_S = 300.0
"""Time between two looks for sandboxes that nobody needs any more. One that is left over costs its owner money."""

OTHERS_S = 10.0
"""How often a server that is not the first looks whether it is."""

SWEEP_RETRY_S = 10.0
"""Pause after a failure to delete one; it doubles up to an hour."""

UNSETTLED_S = 900.0
"""How long a sandbox may still turn up whose creation was cut short: the longest start that is waited for."""

GIVE_BACK_S = 10.0
"""How long deleting a session waits for its sandbox; then it is deleted later, by the next look."""


class SessionClaims:
    """The claims of one session, in the journal (`agent.sandbox.claims.Claims`). Every call may raise `Unavailable`."""

    __slots__ = ("_journal", "_session_id", "_user_id")

    def __init__(self, journal: Journal, session_id: str, user_id: str) -> None:
        self._journal = journal
        self._session_id = session_id
        self._user_id = user_id

    async def held(self) -> list[Claim]:
        """The session's claims, oldest first."""
        return [claim_of(claim) for claim in await self._journal.claims(self._session_id)]

    async def put(self, claim: Claim) -> None:
        """Store a claim; durable on return. Raises `Deleted` for a new claim of a session that was deleted."""
        await self._journal.claim(
            HeldClaim(
                session_id=self._session_id,
                user_id=self._user_id,
                claimed_at=utc_now(),
                **msgspec.structs.asdict(claim),
            )
        )

    async def release(self, claim_id: str) -> None:
        """Remove a claim: its sandbox was deleted, or never existed."""
        await self._journal.release_claim(claim_id)


def claim_of(claim: HeldClaim) -> Claim:
    """The claim in a stored one."""
    return Claim(claim.claim_id, claim.kind, claim.detail)


log = logging.getLogger("holdfast.sweeper")

RETRY_MAX_S = 3_600.0
CONCURRENT_MAX = 4
"""Sandboxes that are deleted at the same time."""

SessionPhase = Literal["awake", "asleep", "over"]
"""`over`: closed or deleted."""


class FailedDeletion(msgspec.Struct):
    """A sandbox whose deletion failed. It is tried again at `not_before`, in seconds of the loop's clock."""

    backoff: Backoff
    not_before: float = 0.0


def is_due(claim: HeldClaim, phase: SessionPhase) -> bool:
    """Whether the claim's sandbox is to be deleted.

    A claim without `detail` was stored, but the answer to the request for its sandbox never came. Only a session that is
    awake may still use such a sandbox.
    """
    return phase == "over" or (phase == "asleep" and not claim.detail)


def is_resolved(claim: HeldClaim, deleted: bool, now: datetime, unsettled_s: float) -> bool:
    """Whether the claim can be removed. A sandbox whose request had no answer may still appear for `unsettled_s`."""
    age_s = (now - datetime.fromisoformat(claim.claimed_at)).total_seconds()
    return deleted or bool(claim.detail) or age_s >= unsettled_s


class SandboxCollector:
    """Deletes remote sandboxes that no session needs: at start-up, every `sweep_s` seconds, and on `soon`."""

    def __init__(
        self,
        journal: Journal,
        delete: Callable[[Claim, str], Awaitable[bool]],
        owner_tokens: OwnerTokens,
        settings: RemoteSettings,
        metrics: Metrics,
    ) -> None:
        """`delete`: deletes a claim's sandbox with its owner's token; whether there was one. Raises `SandboxError`."""
        self._journal = journal
        self._delete = delete
        self._owner_tokens = owner_tokens
        self._settings = settings
        self._metrics = metrics
        self._sessions: SessionRegistry | None = None
        self._failed: dict[str, FailedDeletion] = {}
        self._missing_owners: set[str] = set()
        """Users whose token is needed to delete a sandbox, and is not known."""
        self._running: dict[str, asyncio.Task[bool]] = {}
        self._slots = asyncio.Semaphore(CONCURRENT_MAX)
        self._soon = asyncio.Event()
        self._tasks = TaskOwner("sweeper")

    def start(self, sessions: SessionRegistry) -> None:
        """Start the task. `sessions`: tells which sessions are awake."""
        self._sessions = sessions
        self._tasks.start(self._run(), "sweep")

    async def aclose(self) -> None:
        """Stop. What is left is found at the next start."""
        await self._tasks.aclose()

    def soon(self) -> None:
        """Look now: a session is over."""
        self._soon.set()

    def owner_token_known(self, user_id: str) -> None:
        """Look now, if a sandbox waits for this user's token: it is known."""
        if user_id in self._missing_owners:
            self._missing_owners.discard(user_id)
            self._soon.set()

    async def end(self, session_id: str) -> None:
        """Delete all sandboxes of a session; waits for `give_back_s` at most, the rest goes on. Raises `JournalError`."""
        claims = await self._journal.claims(session_id)
        tasks = [self._begin(claim) for claim in claims if claim.detail]
        if tasks:
            await asyncio.wait(tasks, timeout=GIVE_BACK_S)

    async def sweep(self) -> float:
        """Look at all claims once. Returns the seconds until the next look is due. Raises `JournalError`."""
        claims = await self._journal.claims()
        self._metrics.claims.set(len(claims) if self._is_first else 0)  # of several servers one counts them
        held = {claim.claim_id for claim in claims}
        self._failed = {claim_id: failed for claim_id, failed in self._failed.items() if claim_id in held}
        now = asyncio.get_running_loop().time()
        tasks = []
        for claim in claims:
            failed = self._failed.get(claim.claim_id)
            if failed is not None and failed.not_before > now:
                continue
            if is_due(claim, await self._phase(claim.session_id)):
                tasks.append(self._begin(claim))
        if tasks:
            await asyncio.wait(tasks)
        now = asyncio.get_running_loop().time()
        due = [failed.not_before - now for failed in self._failed.values()]
        return max(0.0, min([SWEEP_S, *due]))

    @property
    def _is_first(self) -> bool:
        assert self._sessions is not None
        return self._sessions.ownership.is_first

    async def _run(self) -> None:
        """Of several servers the first looks from time to time, and each when it knows of something to delete."""
        while True:
            pause = OTHERS_S
            asked = self._soon.is_set()
            self._soon.clear()
            try:
                if asked or self._is_first:
                    pause = await self.sweep()
            except JournalError as error:
                log.warning("claims of remote sandboxes cannot be listed; trying again: %s", error)
                pause = SWEEP_RETRY_S
            try:
                async with asyncio.timeout(pause):
                    await self._soon.wait()
            except TimeoutError:
                continue

    async def _phase(self, session_id: str) -> SessionPhase:
        assert self._sessions is not None
        actor = self._sessions.get(session_id)
        if actor is not None:
            return "over" if actor.row.state == "closed" else "awake"
        try:
            if (await self._journal.stat(session_id)).row.state == "closed":
                return "over"
            return "awake" if await self._sessions.ownership.runs_elsewhere(session_id) else "asleep"
        except (Deleted, NotFound):
            return "over"

    def _begin(self, claim: HeldClaim) -> asyncio.Task[bool]:
        """The task that deletes the claim's sandbox; a new one if none runs."""
        running = self._running.get(claim.claim_id)
        if running is None:
            running = self._running[claim.claim_id] = self._tasks.start(self._collect(claim), claim.claim_id)
            running.add_done_callback(lambda _: self._running.pop(claim.claim_id, None))
        return running

    async def _collect(self, claim: HeldClaim) -> bool:
        """Delete the claim's sandbox. Whether the claim was removed."""
        try:
            token = await self._owner_tokens.get(claim.user_id)
        except JournalError as error:
            self._note_failure(claim, error)
            return False
        if token is None:
            if claim.user_id not in self._missing_owners:
                log.warning(
                    "session %s: a remote sandbox cannot be deleted before its owner logs in again", claim.session_id
                )
            self._missing_owners.add(claim.user_id)
            self._metrics.sandboxes.of("no_token").inc()
            return False
        async with self._slots:
            try:
                if claim.detail:
                    return await self._delete_claimed(claim, token)
                assert self._sessions is not None
                async with self._sessions.lock(claim.session_id):  # it must not be activated meanwhile
                    if await self._phase(claim.session_id) == "awake":
                        return False
                    async with self._sessions.ownership.held(claim.session_id):
                        return await self._delete_claimed(claim, token)
            except (SandboxError, JournalError) as error:
                self._note_failure(claim, error)
                return False

    async def _delete_claimed(self, claim: HeldClaim, token: str) -> bool:
        deleted = await self._delete(claim_of(claim), token)
        if deleted:
            log.info("session %s: its remote sandbox (%s) was deleted", claim.session_id, claim.kind)
            self._metrics.sandboxes.of("given_back").inc()
        if not is_resolved(claim, deleted, datetime.now(UTC), UNSETTLED_S):
            return False
        await self._journal.release_claim(claim.claim_id)
        self._failed.pop(claim.claim_id, None)
        return True

    def _note_failure(self, claim: HeldClaim, error: Exception) -> None:
        failed = self._failed.get(claim.claim_id)
        if failed is None:
            failed = self._failed[claim.claim_id] = FailedDeletion(Backoff(SWEEP_RETRY_S, RETRY_MAX_S))
            log.warning("session %s: a remote sandbox could not be deleted; trying again: %s", claim.session_id, error)
        failed.not_before = asyncio.get_running_loop().time() + failed.backoff.next_s()
        self._metrics.sandboxes.of("failed").inc()
