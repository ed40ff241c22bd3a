"""Session capacity: how many sessions may be active, in all and by user."""

from collections import Counter

from server.sessions.errors import SessionCapacityError


class SessionCapacity:
    """Counts active sessions against two limits: in all, and by user.

    `reserve` checks and counts without awaiting anything, so two callers cannot both take the last place.
    """

    def __init__(self, sessions_max: int, sessions_per_user_max: int) -> None:
        self._max = sessions_max
        self._per_user_max = sessions_per_user_max
        self._by_user: Counter[str] = Counter()

    @property
    def reserved(self) -> int:
        """How many sessions count now."""
        return self._by_user.total()

    def reserve(self, user_id: str, elsewhere: int = 0) -> None:
        """Count one session more. `elsewhere`: sessions of this user that work at other servers. Raises `SessionCapacityError`."""
        if self._by_user[user_id] + elsewhere >= self._per_user_max:
            raise SessionCapacityError("per_user", self._per_user_max)
        if self._by_user.total() >= self._max:
            raise SessionCapacityError("global", self._max)
        self._by_user[user_id] += 1

    def release(self, user_id: str) -> None:
        """Count one session less."""
        self._by_user[user_id] -= 1
        if self._by_user[user_id] <= 0:
            del self._by_user[user_id]
