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
        self._by_principal: dict[Principal, dict[Close, None]] = {}
        self._by_user: Counter[str] = Counter()
        self._guests: dict[str, Counter[str]] = {}

    def __len__(self) -> int:
        return self._by_user.total()

    def count_of(self, user_id: str) -> int:
        """How many sockets the user has open."""
        return self._by_user[user_id]

    def guests_of(self, session_id: str) -> int:
        """How many sockets are open on the session by links."""
        links = self._guests.get(session_id)
        return links.total() if links is not None else 0

    def make_room(self, session_id: str, link: str, reason: CloseReason) -> bool:
        """Close a socket of the link that has most of the session's, if that has two more than `link`; whether it was done.

        `link`: the user id of its guests. So links that want more than there is get equal parts, whoever came first.
        """
        links = self._guests.get(session_id, Counter())
        ((largest, count),) = links.most_common(1) or [("", 0)]
        if count < links[link] + 2:
            return False
        principal = next(one for one in self._by_principal if one.user_id == largest)
        close = next(reversed(self._by_principal[principal]))
        self._remove(principal, close)
        close(reason)
        return True

    def principals(self) -> list[Principal]:
        """The credentials that have sockets open, each once."""
        return list(self._by_principal)

    @contextmanager
    def track(self, principal: Principal, close: Close) -> Iterator[None]:
        """Register a socket while the block runs. `close` closes it without waiting."""
        self._by_principal.setdefault(principal, {})[close] = None
        self._by_user[principal.user_id] += 1
        if principal.grant is not None:
            self._guests.setdefault(principal.grant.session_id, Counter())[principal.user_id] += 1
        try:
            yield
        finally:
            self._remove(principal, close)

    def _remove(self, principal: Principal, close: Close) -> None:
        """Count a socket no more. A second call does nothing."""
        closes = self._by_principal.get(principal, {})
        if close not in closes:
            return
        del closes[close]
        if not closes:
            del self._by_principal[principal]
        _count_down(self._by_user, principal.user_id)
        if principal.grant is not None:
            links = self._guests[principal.grant.session_id]
            _count_down(links, principal.user_id)
            if not links:
                del self._guests[principal.grant.session_id]

    def close(self, principal: Principal, reason: CloseReason) -> int:
        """Close all sockets of these credentials, without waiting; returns how many."""
        closes = list(self._by_principal.get(principal, ()))
        for close in closes:
            close(reason)
        return len(closes)


def _count_down(counter: Counter[str], key: str) -> None:
    counter[key] -= 1
    if not counter[key]:
        del counter[key]
