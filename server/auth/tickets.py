"""Tickets: credentials for one websocket, for clients whose websocket library sets no header. One use, within half a minute.

A client that has credentials gets one by HTTP and offers it as a subprotocol; whoever it passes the ticket on to connects as its
user. A ticket is in no URL and in no log; the server keeps its hash, in memory alone.
"""

import secrets
from collections.abc import Iterable
from hashlib import sha256
from typing import Final

import msgspec
from starlette.types import Scope

from protocol import SUBPROTOCOL_TICKET
from server.auth.principal import Principal

PREFIX: Final = "hfw_"
"""Of every ticket, so that it can be recognised and redacted."""
TICKET_BYTES: Final = 32
LASTS_S: Final = 30.0
"""How long a ticket is good: time to open a websocket over a slow network."""
PER_USER_MAX: Final = 32
"""Tickets of one user that are good at once. One more takes the place of the oldest."""
TICKETS_MAX: Final = 10_000
"""Tickets of all users that are good at once, of 500 bytes each. More are refused."""


class TooManyTickets(Exception):
    """As many tickets are good as may be."""

    def __init__(self) -> None:
        super().__init__("the server has given out as many tickets as it keeps; try again in half a minute")


class _Kept(msgspec.Struct, frozen=True):
    principal: Principal
    until: float


class Tickets:
    """The tickets that are good. Times: seconds of any clock that goes forward."""

    def __init__(self) -> None:
        self._kept: dict[bytes, _Kept] = {}

    def make(self, principal: Principal, now: float) -> str:
        """A new ticket for this user. Raises `TooManyTickets`."""
        for key in [key for key, kept in self._kept.items() if kept.until <= now]:
            del self._kept[key]
        own = [key for key, kept in self._kept.items() if kept.principal.user_id == principal.user_id]
        if len(own) >= PER_USER_MAX:
            del self._kept[own[0]]  # in the order in which they were made
        elif len(self._kept) >= TICKETS_MAX:
            raise TooManyTickets
        ticket = PREFIX + secrets.token_urlsafe(TICKET_BYTES)
        bearer = msgspec.structs.replace(principal, by_cookie=False, without_key=False)
        self._kept[_hash(ticket)] = _Kept(bearer, now + LASTS_S)
        return ticket

    def use(self, ticket: str, now: float) -> Principal | None:
        """Who has this ticket, which is used up by it; None if it is not good."""
        kept = self._kept.pop(_hash(ticket), None)
        return kept.principal if kept is not None and now < kept.until else None


def ticket_of(scope: Scope) -> str | None:
    """The ticket that a websocket's request offers; empty if it offers several. None: it offers none, or is no websocket."""
    if scope["type"] != "websocket":
        return None
    offered = [name for name in _protocols(scope["headers"]) if name.startswith(SUBPROTOCOL_TICKET)]
    if len(offered) > 1:
        return ""
    return offered[0].removeprefix(SUBPROTOCOL_TICKET) if offered else None


def _protocols(headers: Iterable[tuple[bytes, bytes]]) -> list[str]:
    values = [value.decode("latin-1") for name, value in headers if name == b"sec-websocket-protocol"]
    return [part.strip() for value in values for part in value.split(",")]


def _hash(ticket: str) -> bytes:
    return sha256(ticket.encode()).digest()
