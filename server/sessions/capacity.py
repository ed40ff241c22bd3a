"""Capacity: how many sessions may be awake, in all and for one user. Plain counting, in one step, so that limits hold."""

from collections import Counter
from typing import Literal


class SessionCapacityError(Exception):
    """No session can be woken or made now. `error_type`: the server's limit (`global`) or the user's (`per_user`)."""

    def __init__(self, error_type: Literal["global", "per_user"], most: int) -> None:
        whose = "this server's" if error_type == "global" else "your"
        super().__init__(f"{whose} {most} sessions are all in use; close one, or try again later")
        self.error_type: Literal["global", "per_user"] = error_type


class Slots:
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
