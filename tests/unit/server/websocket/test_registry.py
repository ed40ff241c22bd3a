"""Socket registry: counts sockets by user and by link, and gives links equal parts of a session's sockets."""

import contextlib
from collections.abc import Callable

from protocol import codes
from protocol.codes import CloseReason
from server.auth.principal import Grant, Principal, guest
from server.websocket.registry import SocketRegistry

REASON = CloseReason(codes.CLOSE_GOING_AWAY, "more than its part")
ANNA = Principal(user_id="anna", rights=frozenset(), credential="token:anna")


def link(name: str, *, by_cookie: bool = False) -> Principal:
    return guest(Grant("session", name, "read"), by_cookie=by_cookie)


class Sockets:
    """Open sockets. `closed`: the names of those that the registry closed."""

    def __init__(self) -> None:
        self.registry = SocketRegistry()
        self.closed: list[str] = []
        self._stack = contextlib.ExitStack()

    def open(self, principal: Principal, *names: str) -> None:
        for name in names:
            self._stack.enter_context(self.registry.track(principal, self._closing(name)))

    def _closing(self, name: str) -> Callable[[CloseReason], None]:
        return lambda _reason: self.closed.append(name)

    def end(self) -> None:
        self._stack.close()


def test_what_has_closed_is_counted_no_more() -> None:
    sockets = Sockets()
    sockets.open(ANNA, "a", "b")
    sockets.open(link("l"), "c")
    sockets.open(link("l", by_cookie=True), "d")
    registry = sockets.registry
    assert (len(registry), registry.count_of("anna"), registry.guests_of("session")) == (4, 2, 2)
    assert registry.close(ANNA, REASON) == 2
    sockets.end()
    assert (len(registry), registry.guests_of("session"), registry.principals()) == (0, 0, [])


def test_a_link_with_few_sockets_takes_the_newest_of_the_one_with_most() -> None:
    sockets = Sockets()
    sockets.open(link("many"), "a", "b", "c")
    sockets.open(link("few"), "d")
    assert sockets.registry.make_room("session", "guest:new", REASON)
    assert sockets.closed == ["c"]
    assert sockets.registry.guests_of("session") == 3
    assert not sockets.registry.make_room("session", "guest:few", REASON)
    assert not sockets.registry.make_room("session", "guest:many", REASON)
    assert sockets.registry.make_room("session", "guest:new", REASON)
    assert not sockets.registry.make_room("session", "guest:new", REASON), "all have one"
    sockets.end()
    assert len(sockets.registry) == 0


def test_a_session_without_guests_has_no_room_to_make() -> None:
    assert not SocketRegistry().make_room("session", "guest:new", REASON)
