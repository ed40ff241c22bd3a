"""What users have stored and spent, in memory, as of the journal: decides at once whether one may go on."""

from collections.abc import Callable, Sequence

import msgspec

from agent.session.messages import SubmissionRefusal
from protocol import codes
from protocol import events as ev
from server.config.sessions import UserLimits
from server.journal.base import Journal, Spent, Stored
from server.util.clock import utc_now
from server.util.lru_map import LruMap

MICRODOLLARS = 1_000_000


USERS_MAX = 10_000
"""Users whose spending, pace and token are kept in memory, the longest quiet one forgotten first: some MiB."""


class Account(msgspec.Struct):
    """One user's account. `spent` is of one day; another day begins at nothing."""

    stored: Stored
    spent: Spent


class Quotas:
    """The accounts of the users who were here lately."""

    def __init__(self, journal: Journal, limits: UserLimits, now: Callable[[], str] = utc_now) -> None:
        self.limits = limits
        self._journal = journal
        self._now = now
        self._accounts: LruMap[str, Account] = LruMap(USERS_MAX)

    async def open(self, user_id: str) -> None:
        """Take up a user's account. Raises `Unavailable`."""
        spent = await self._journal.spent(user_id, self._today())
        stored = await self._journal.stored(user_id)
        known = self._accounts.get(user_id)
        if known is not None and known.spent.day == spent.day:
            # What is being stored at this moment is counted here already.
            spent = max(spent, known.spent, key=lambda one: one.tokens)
        self._accounts[user_id] = Account(stored, spent)

    async def refresh(self, user_id: str) -> None:
        """See again what the user stores. Raises `Unavailable`."""
        account = self._accounts.get(user_id)
        if account is not None:
            account.stored = await self._journal.stored(user_id)

    def spend(self, spent: Spent) -> None:
        """This was stored as spent."""
        account = self._accounts.get(spent.user_id)
        if account is None:
            return
        before = account.spent
        same = before.day == spent.day
        account.spent = msgspec.structs.replace(
            spent,
            tokens=spent.tokens + (before.tokens if same else 0),
            microdollars=spent.microdollars + (before.microdollars if same else 0),
        )

    def refuse(self, user_id: str) -> SubmissionRefusal | None:
        """Why no model may be called for this user now, or None."""
        account = self._accounts.get(user_id)
        return None if account is None else judge(self.limits, account, self._today())

    def spent_by(self, user_id: str, events: Sequence[ev.Event]) -> Spent | None:
        """What these events tell of spending; None if nothing."""
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


def judge(limits: UserLimits, account: Account, today: str) -> SubmissionRefusal | None:
    """Why the holder of this account may not go on, or None. Pure."""
    spent = account.spent
    if spent.day == today:
        if limits.tokens_per_day and spent.tokens >= limits.tokens_per_day:
            return _exhausted(f"{limits.tokens_per_day} tokens")
        if limits.cost_usd_per_day and spent.microdollars >= limits.cost_usd_per_day * MICRODOLLARS:
            return _exhausted(f"{limits.cost_usd_per_day:g} US dollars")
    if account.stored.bytes >= limits.stored_bytes_max:
        message = f"your sessions hold {account.stored.bytes} bytes of at most {limits.stored_bytes_max}; delete some"
        return SubmissionRefusal(codes.STORAGE_FULL, message)
    return None


def _exhausted(what: str) -> SubmissionRefusal:
    return SubmissionRefusal(codes.BUDGET_EXHAUSTED, f"you have spent today's {what}; go on after 00:00 UTC")
