"""Socket registry: the open websockets by the credentials that opened them. Counts them by user, closes them by credential."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from protocol.codes import CloseReason
from server.auth.principal import Principal

Close = Callable[[CloseReason], None]


class SocketRegistry:
    """Every websocket that was accepted and has not closed. `len()`: how many there are."""

    def __init__(self) -> None:
        self._by_principal: dict[Principal, set[Close]] = {}
        self._by_user: Counter[str] = Counter()
        self._guests: Counter[str] = Counter()

    def __len__(self) -> int:
        return self._by_user.total()

    def count_of(self, user_id: str) -> int:
        """How many sockets the user has open."""
        return self._by_user[user_id]

    def guests_of(self, session_id: str) -> int:
        """How many sockets are open on the session by links."""
        return self._guests[session_id]

    def principals(self) -> list[Principal]:
        """The credentials that have sockets open, each once."""
        return list(self._by_principal)

    @contextmanager
    def track(self, principal: Principal, close: Close) -> Iterator[None]:
        """Register a socket while the block runs. `close` closes it without waiting."""
        closes = self._by_principal.setdefault(principal, set())
        closes.add(close)
        self._by_user[principal.user_id] += 1
        if principal.grant is not None:
            self._guests[principal.grant.session_id] += 1
        try:
            yield
        finally:
            closes.discard(close)
            if not closes and self._by_principal.get(principal) is closes:
                del self._by_principal[principal]
            self._by_user[principal.user_id] -= 1
            if not self._by_user[principal.user_id]:
                del self._by_user[principal.user_id]
            if principal.grant is not None:
                self._guests[principal.grant.session_id] -= 1
                if not self._guests[principal.grant.session_id]:
                    del self._guests[principal.grant.session_id]

    def close(self, principal: Principal, reason: CloseReason) -> int:
        """Close all sockets of these credentials, without waiting; returns how many."""
        closes = list(self._by_principal.get(principal, ()))
        for close in closes:
            close(reason)
        return len(closes)
