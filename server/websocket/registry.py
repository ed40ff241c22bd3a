"""The open sockets, by who holds them: counted by user, ended by credential."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from server.auth.principal import Principal
from server.sessions.broadcaster import Ending

End = Callable[[Ending], None]


class SocketRegistry:
    """Every socket that was let in and has not closed."""

    def __init__(self) -> None:
        self._by_principal: dict[Principal, set[End]] = {}
        self._by_user: Counter[str] = Counter()

    def __len__(self) -> int:
        return self._by_user.total()

    def of_user(self, user_id: str) -> int:
        """How many sockets the user has open."""
        return self._by_user[user_id]

    def principals(self) -> list[Principal]:
        """Who has sockets open; the same credentials once."""
        return list(self._by_principal)

    @contextmanager
    def held(self, principal: Principal, end: End) -> Iterator[None]:
        """Count a socket while it is open. `end` closes it with a code and a reason, without waiting."""
        ends = self._by_principal.setdefault(principal, set())
        ends.add(end)
        self._by_user[principal.user_id] += 1
        try:
            yield
        finally:
            ends.discard(end)
            if not ends and self._by_principal.get(principal) is ends:
                del self._by_principal[principal]
            self._by_user[principal.user_id] -= 1
            if not self._by_user[principal.user_id]:
                del self._by_user[principal.user_id]

    def end(self, principal: Principal, ending: Ending) -> int:
        """Close all sockets of these credentials; how many."""
        ends = list(self._by_principal.get(principal, ()))
        for end in ends:
            end(ending)
        return len(ends)
