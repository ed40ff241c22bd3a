"""The body's other broom: what sessions hold elsewhere is given back once they are over, and until it is. Owns its tasks.

It goes by the claims in the journal alone, so it makes no difference how a session, or the server, came to its end.
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
from server.journal.base import Deleted, HeldClaim, Journal, JournalError, NotFound
from server.sessions.owner_tokens import OwnerTokens
from server.sessions.registry import SessionRegistry
from server.telemetry.metrics import Metrics
from server.util.clock import utc_now


class SessionClaims:
    """`agent.sandbox.claims.Claims` over the journal. Every call may raise its `Unavailable`."""

    def __init__(self, journal: Journal, session_id: str, user_id: str) -> None:
        self._journal = journal
        self._session_id = session_id
        self._user_id = user_id

    async def held(self) -> list[Claim]:
        """What the session has, or may have, the oldest first."""
        return [told(claim) for claim in await self._journal.claims(self._session_id)]

    async def put(self, claim: Claim) -> None:
        """Durable on return. Raises `Deleted` for a new claim of a session that was deleted meanwhile."""
        await self._journal.claim(
            HeldClaim(
                session_id=self._session_id,
                user_id=self._user_id,
                claimed_at=utc_now(),
                **msgspec.structs.asdict(claim),
            )
        )

    async def release(self, claim_id: str) -> None:
        """It was given back, or was never there."""
        await self._journal.release_claim(claim_id)


def told(claim: HeldClaim) -> Claim:
    """A stored claim, as who gives it back needs it."""
    return Claim(claim.claim_id, claim.kind, claim.detail)


log = logging.getLogger("holdfast.sweeper")

RETRY_MAX_S = 3_600.0
AT_ONCE = 4
"""Claims that are given back side by side."""

Standing = Literal["awake", "asleep", "over"]


class Failed(msgspec.Struct):
    """A claim whose giving back failed. It is tried again at `not_before`, by the loop's clock."""

    backoff: Backoff
    not_before: float = 0.0


def wanted(claim: HeldClaim, standing: Standing) -> bool:
    """Whether it is to be given back. Of one without detail nobody heard the answer: a session that sleeps has no use of it."""
    return standing == "over" or (standing == "asleep" and not claim.detail)


def settled(claim: HeldClaim, found: bool, now: datetime, unsettled_s: float) -> bool:
    """Whether the claim may be forgotten. What was asked for without an answer may turn up for a while."""
    age_s = (now - datetime.fromisoformat(claim.claimed_at)).total_seconds()
    return found or bool(claim.detail) or age_s >= unsettled_s


class SandboxCollector:
    """Looks at start-up, every `sweep_s`, and when it is told to."""

    def __init__(
        self,
        journal: Journal,
        give_back: Callable[[Claim, str], Awaitable[bool]],
        owner_tokens: OwnerTokens,
        settings: RemoteSettings,
        metrics: Metrics,
    ) -> None:
        """`give_back`: with an owner's token; whether there was something."""
        self._journal = journal
        self._give_back = give_back
        self._owner_tokens = owner_tokens
        self._settings = settings
        self._metrics = metrics
        self._sessions: SessionRegistry | None = None
        self._failed: dict[str, Failed] = {}
        self._waiting_for: set[str] = set()
        """Users without whose token something cannot be given back."""
        self._running: dict[str, asyncio.Task[bool]] = {}
        self._places = asyncio.Semaphore(AT_ONCE)
        self._soon = asyncio.Event()
        self._tasks = TaskOwner("sweeper")

    def start(self, sessions: SessionRegistry) -> None:
        """Begin."""
        self._sessions = sessions
        self._tasks.start(self._run(), "sweep")

    async def aclose(self) -> None:
        """Stop; what is left is found again."""
        await self._tasks.aclose()

    def soon(self) -> None:
        """A session is over: look now."""
        self._soon.set()

    def owner_is_here(self, user_id: str) -> None:
        """This user's token is known now."""
        if user_id in self._waiting_for:
            self._waiting_for.discard(user_id)
            self._soon.set()

    async def end(self, session_id: str) -> None:
        """Give back all that a session has, for `give_back_s` at most; what is left is swept. Raises `JournalError`."""
        claims = await self._journal.claims(session_id)
        tasks = [self._begin(claim) for claim in claims if claim.detail]
        if tasks:
            await asyncio.wait(tasks, timeout=self._settings.give_back_s)

    async def sweep(self) -> float:
        """One look; when the next is due, in seconds. Raises `JournalError`."""
        claims = await self._journal.claims()
        self._metrics.claims.set(len(claims))
        held = {claim.claim_id for claim in claims}
        self._failed = {claim_id: failed for claim_id, failed in self._failed.items() if claim_id in held}
        now = asyncio.get_running_loop().time()
        tasks = []
        for claim in claims:
            failed = self._failed.get(claim.claim_id)
            if failed is not None and failed.not_before > now:
                continue
            if wanted(claim, await self._standing(claim.session_id)):
                tasks.append(self._begin(claim))
        if tasks:
            await asyncio.wait(tasks)
        now = asyncio.get_running_loop().time()
        due = [failed.not_before - now for failed in self._failed.values()]
        return max(0.0, min([self._settings.sweep_s, *due]))

    async def _run(self) -> None:
        while True:
            self._soon.clear()
            try:
                pause = await self.sweep()
            except JournalError as error:
                log.warning("what sessions hold elsewhere cannot be listed; it is tried again: %s", error)
                pause = self._settings.sweep_retry_s
            try:
                async with asyncio.timeout(pause):
                    await self._soon.wait()
            except TimeoutError:
                continue

    async def _standing(self, session_id: str) -> Standing:
        assert self._sessions is not None
        actor = self._sessions.get(session_id)
        if actor is not None:
            return "over" if actor.row.state == "closed" else "awake"
        try:
            return "over" if (await self._journal.stat(session_id)).row.state == "closed" else "asleep"
        except (Deleted, NotFound):
            return "over"

    def _begin(self, claim: HeldClaim) -> asyncio.Task[bool]:
        """Give it back, if that is not under way."""
        running = self._running.get(claim.claim_id)
        if running is None:
            running = self._running[claim.claim_id] = self._tasks.start(self._one(claim), claim.claim_id)
            running.add_done_callback(lambda _: self._running.pop(claim.claim_id, None))
        return running

    async def _one(self, claim: HeldClaim) -> bool:
        """Whether nothing of it is left."""
        token = await self._owner_tokens.get(claim.user_id)
        if token is None:
            if claim.user_id not in self._waiting_for:
                log.warning("a sandbox of session %s waits for its owner to log in, to be deleted", claim.session_id)
            self._waiting_for.add(claim.user_id)
            self._metrics.sandboxes.of("no_token").inc()
            return False
        async with self._places:
            try:
                if claim.detail:
                    return await self._with(claim, token)
                assert self._sessions is not None
                async with self._sessions.lock(
                    claim.session_id
                ):  # so that it does not wake and go on with it meanwhile
                    if await self._standing(claim.session_id) == "awake":
                        return False
                    return await self._with(claim, token)
            except (SandboxError, JournalError) as error:
                self._note_failure(claim, error)
                return False

    async def _with(self, claim: HeldClaim, token: str) -> bool:
        found = await self._give_back(told(claim), token)
        if found:
            log.info("session %s: its sandbox (%s) was given back", claim.session_id, claim.kind)
            self._metrics.sandboxes.of("given_back").inc()
        if not settled(claim, found, datetime.now(UTC), self._settings.unsettled_s):
            return False
        await self._journal.release_claim(claim.claim_id)
        self._failed.pop(claim.claim_id, None)
        return True

    def _note_failure(self, claim: HeldClaim, error: Exception) -> None:
        failed = self._failed.get(claim.claim_id)
        if failed is None:
            failed = self._failed[claim.claim_id] = Failed(Backoff(self._settings.sweep_retry_s, RETRY_MAX_S))
            log.warning(
                "a sandbox of session %s could not be given back; it is tried again: %s", claim.session_id, error
            )
        failed.not_before = asyncio.get_running_loop().time() + failed.backoff.next_s()
        self._metrics.sandboxes.of("failed").inc()
