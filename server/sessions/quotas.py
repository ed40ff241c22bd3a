"""Quotas: what each user has stored and spent, against the limits of the settings. Kept in memory, read from the journal."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import nullcontext

import msgspec

from agent.session.messages import SubmissionRefusal
from protocol import codes
from protocol import events as ev
from server.config.sessions import UserLimits
from server.journal.base import Journal, Spent, Stored, Unavailable
from server.journal.errors import StorageFull
from server.util.clock import utc_now
from server.util.lru_map import LruMap

log = logging.getLogger("holdfast.quotas")

MICRODOLLARS = 1_000_000

USERS_MAX = 10_000
"""Users whose spending, submission rate and given token are kept in memory: some MiB. Those active longest ago are forgotten first."""


ReadSpent = Callable[[Sequence[str], str], Awaitable[list[Spent]]]
"""Reads what users have spent on a day; nothing of one who spent nothing."""


Change = Callable[[], Awaitable[None]]


class UserUsage(msgspec.Struct):
    """What one user has stored, and has spent on the day that `spent` names. `counting`: held while it is read again what they store."""

    stored: Stored
    spent: Spent
    counting: asyncio.Lock = msgspec.field(default_factory=asyncio.Lock)


class Quotas:
    """The usage of users with active sessions; of `USERS_MAX` users at most, those active last."""

    def __init__(
        self,
        journal: Journal,
        limits: UserLimits,
        now: Callable[[], str] = utc_now,
        disk_refusal: Callable[[], str] = str,
    ) -> None:
        """`disk_refusal`: why the disk has no room for more events; empty if it has."""
        self.limits = limits
        self._journal = journal
        self._now = now
        self._disk_refusal = disk_refusal
        self._reserved: Counter[str] = Counter()
        self._usage: LruMap[str, UserUsage] = LruMap(USERS_MAX)

    async def open(self, user_id: str) -> str:
        """Read a user's usage from the journal, before a session is made or activated. Raises `Unavailable`.

        Gives what the same read says of the user's instructions for models in new sessions.
        """
        known = self._usage.get(user_id)
        async with known.counting if known is not None else nullcontext():
            stored, spent, instructions = await self._journal.account(user_id, self._today())
            usage = self._usage.get(user_id) or UserUsage(stored, spent)
            if usage.spent.day == spent.day:
                # Appends that are under way are counted in memory already, but not in the journal.
                spent = max(spent, usage.spent, key=lambda one: one.tokens)
            usage.stored, usage.spent = stored, spent
            self._usage[user_id] = usage
            return instructions

    async def refresh_spent(self, user_ids: Iterable[str], read: ReadSpent) -> None:
        """Read again what these users have spent today: other servers may have called models for them. Raises `Unavailable`."""
        day = self._today()
        before = {user_id: usage.spent for user_id in user_ids if (usage := self._usage.get(user_id)) is not None}
        for spent in await read(list(before), day) if before else ():
            usage = self._usage.get(spent.user_id)
            if (
                usage is not None and usage.spent is before[spent.user_id]
            ):  # else it is not known what was read of the newest
                usage.spent = spent

    async def refresh(self, user_id: str, change: Change | None = None) -> None:
        """Read again how much the user stores, after this change to it. Raises `Unavailable`, and what the change raises.

        One after another: else an older answer could come last, and files could be in the answer to somebody else while they
        still count as reserved.
        """
        usage = self._usage.get(user_id)
        async with usage.counting if usage is not None else nullcontext():
            if change is not None:
                await change()
            if usage is not None:
                usage.stored = await self._journal.stored(user_id)

    async def refresh_soon(self, user_id: str) -> None:
        """As `refresh`; if the journal does not answer, the next activation or turn reads it."""
        try:
            await self.refresh(user_id)
        except Unavailable as error:
            log.info("what a user stores was not read again: %s", error)

    async def known(self, user_id: str) -> None:
        """Read what the user stores unless it is in memory. Raises `Unavailable`."""
        if self._usage.get(user_id) is None:
            await self.open(user_id)

    def full_for(self, user_id: str, size: int) -> str:
        """Why the user may not store `size` bytes more; empty if they may. What is reserved counts as stored."""
        usage, most = self._usage.get(user_id), self.limits.stored_bytes_max
        if usage is None or usage.stored.bytes + self._reserved[user_id] + size <= most:
            return ""
        return f"you store {usage.stored.bytes} bytes of at most {most} in sessions and files; delete some to make room"

    def left_for(self, user_id: str) -> int:
        """How many bytes the user may store beside what is stored and reserved. 0 if what they store is not known."""
        usage = self._usage.get(user_id)
        stored = self.limits.stored_bytes_max if usage is None else usage.stored.bytes + self._reserved[user_id]
        return max(0, self.limits.stored_bytes_max - stored)

    def reserve(self, user_id: str, size: int) -> Callable[[], None]:
        """Reserve `size` bytes of what the user may store, checked and taken in one step; returns what gives them back.

        Raises `StorageFull`.
        """
        if self.full_for(user_id, size):
            raise StorageFull("bytes", self.limits.stored_bytes_max)
        self.hold(user_id, size)
        return lambda: self.hold(user_id, -size)

    def hold(self, user_id: str, size: int) -> None:
        """Count `size` bytes more as reserved; with a negative size, less. Refuses nothing."""
        self._reserved[user_id] += size
        if not self._reserved[user_id]:
            del self._reserved[user_id]

    def check_disk(self) -> None:
        """Raise `Unavailable` if the disk has too little room for another session."""
        if why := self._disk_refusal():
            raise Unavailable(why)

    def spend(self, spent: Spent) -> None:
        """Add what the journal has stored as spent."""
        usage = self._usage.get(spent.user_id)
        if usage is None:
            return
        before = usage.spent
        same = before.day == spent.day
        usage.spent = msgspec.structs.replace(
            spent,
            tokens=spent.tokens + (before.tokens if same else 0),
            microdollars=spent.microdollars + (before.microdollars if same else 0),
        )

    def refuse(self, user_id: str) -> SubmissionRefusal | None:
        """Why no model may be called for this user now, or None. From memory, without waiting."""
        if why := self._disk_refusal():
            return SubmissionRefusal(codes.JOURNAL_UNAVAILABLE, why)
        usage = self._usage.get(user_id)
        return None if usage is None else judge(self.limits, usage, self._today())

    def spent_by(self, user_id: str, events: Sequence[ev.Event]) -> Spent | None:
        """What these events add to the user's spending; None if nothing."""
        used = [event for event in events if isinstance(event, ev.UsageEvent)]
        if not used:
            return None
        return Spent(
            user_id,
            self._today(),
            sum(event.input_tokens + event.output_tokens for event in used),
            sum(round((event.cost_usd or 0.0) * MICRODOLLARS) for event in used),
        )

    def _today(self) -> str:
        return self._now()[:10]


def judge(limits: UserLimits, usage: UserUsage, today: str) -> SubmissionRefusal | None:
    """Why a user with this usage may not go on, or None. `today`: the day in UTC, `2026-01-31`. Pure."""
    spent = usage.spent
    if spent.day == today:
        if limits.tokens_per_day and spent.tokens >= limits.tokens_per_day:
            return _exhausted(f"{limits.tokens_per_day} tokens")
        if limits.cost_usd_per_day and spent.microdollars >= limits.cost_usd_per_day * MICRODOLLARS:
            return _exhausted(f"{limits.cost_usd_per_day:g} US dollars")
    if usage.stored.bytes >= limits.stored_bytes_max:
        message = f"your sessions and their files hold {usage.stored.bytes} bytes of at most {limits.stored_bytes_max}; delete some"
        return SubmissionRefusal(codes.STORAGE_FULL, message)
    return None


def _exhausted(what: str) -> SubmissionRefusal:
    return SubmissionRefusal(codes.BUDGET_EXHAUSTED, f"you have spent today's {what}; go on after 00:00 UTC")
