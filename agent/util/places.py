"""Places: bounds how much work of one kind runs at once, in all, for each user and for each session."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec

from agent.util.errors import ToolError


class Holder(msgspec.Struct, frozen=True):
    """Whom work is done for: a session and its owner. Empty: not known, and then not bounded by it."""

    user: str = ""
    session: str = ""


SERVER = Holder()
"""The server itself: its work is bounded by the total alone."""


class PlaceLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How many places there are: in all, for one user, for one session of that user.

    `waiting_max`: how many of one user may wait for a place. `wait_s`: seconds that each may wait. `shared`: this many are
    for any user; the others are only for users who have none yet. Without it all are for any.
    """

    total: int
    per_user: int
    per_session: int
    waiting_max: int = 64
    wait_s: float = 10.0
    shared: int | None = None


class PlacesTaken(ToolError):
    """All places that this holder may have are taken, and stayed so. Nothing was done; it may be tried again."""


class _Waiting:
    """One that waits. `granted` is done as soon as it has its place."""

    def __init__(self, holder: Holder, granted: "asyncio.Future[None]") -> None:
        self.holder = holder
        self.granted = granted


class Places:
    """The places for one kind of work, called `what` in the answer when they are taken.

    A place that is free goes to the waiting user who holds the fewest. One event loop uses it, without a lock.
    """

    def __init__(self, what: str, limits: PlaceLimits) -> None:
        self.what = what
        self.limits = limits
        self._taken = 0
        self._by_user: Counter[str] = Counter()
        self._by_session: Counter[str] = Counter()
        self._waiting: list[_Waiting] = []

    def __len__(self) -> int:
        """The number of places that are taken."""
        return self._taken

    @property
    def waiting(self) -> int:
        """How many wait for a place."""
        return len(self._waiting)

    def has_room(self, holder: Holder) -> bool:
        """Whether this holder may take a place now."""
        return not self._full_for(holder)

    def take_now(self, holder: Holder) -> Callable[[], None]:
        """Take a place; returns what gives it back. Raises PlacesTaken if none is free."""
        if full := self._full_for(holder):
            raise self._refusal(full)
        return self._take(holder)

    async def take(self, holder: Holder) -> Callable[[], None]:
        """Take a place, as soon as one is free; returns what gives it back. Raises PlacesTaken."""
        full = self._full_for(holder)
        if not full:
            return self._take(holder)
        if sum(one.holder.user == holder.user for one in self._waiting) >= self.limits.waiting_max:
            raise self._refusal(full)
        waiting = _Waiting(holder, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        clock = asyncio.timeout(self.limits.wait_s)
        try:
            async with clock:
                await waiting.granted
        except BaseException as error:
            if waiting in self._waiting:
                self._waiting.remove(waiting)
            elif waiting.granted.done() and not waiting.granted.cancelled():
                self._give_back(holder)
            if isinstance(error, TimeoutError) and clock.expired():
                raise self._refusal(self._full_for(holder) or full) from None
            raise
        return self._once(holder)

    @asynccontextmanager
    async def hold(self, holder: Holder) -> AsyncIterator[None]:
        """Hold a place while the block runs. Raises PlacesTaken."""
        give_back = await self.take(holder)
        try:
            yield
        finally:
            give_back()

    def _full_for(self, holder: Holder) -> str:
        """Whose places are all taken; empty if there is one for this holder."""
        if holder.session and self._by_session[holder.session] >= self.limits.per_session:
            return "for this session"
        if holder.user and self._by_user[holder.user] >= self.limits.per_user:
            return "for this user"
        shared = self.limits.shared
        if shared is not None and self._taken >= shared and holder.user and self._by_user[holder.user]:
            return "for this user while others need them"
        return "on this server" if self._taken >= self.limits.total else ""

    def _refusal(self, full: str) -> PlacesTaken:
        return PlacesTaken(
            f"nothing was done: all places for {self.what} are taken {full}; try again when some of it has ended"
        )

    def _take(self, holder: Holder) -> Callable[[], None]:
        self._count(holder, 1)
        return self._once(holder)

    def _once(self, holder: Holder) -> Callable[[], None]:
        held = True

        def give_back() -> None:
            nonlocal held
            if held:
                held = False
                self._give_back(holder)

        return give_back

    def _give_back(self, holder: Holder) -> None:
        self._count(holder, -1)
        while self._taken < self.limits.total:
            able = [one for one in self._waiting if not self._full_for(one.holder)]
            if not able:
                return
            # Of those who hold equally few, `min` takes the one who has waited longest.
            following = min(able, key=lambda one: self._by_user[one.holder.user])
            self._waiting.remove(following)
            if not following.granted.done():
                self._count(following.holder, 1)
                following.granted.set_result(None)

    def _count(self, holder: Holder, change: int) -> None:
        self._taken += change
        for counter, key in ((self._by_user, holder.user), (self._by_session, holder.session)):
            if key:
                counter[key] += change
                if not counter[key]:
                    del counter[key]
