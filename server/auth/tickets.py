"""Tickets: credentials for one websocket, for clients whose websocket library sets no header. One use, within half a minute.

A client that has credentials gets one by HTTP and offers it as a subprotocol; whoever it passes the ticket on to connects as its
user. A ticket is in no URL and in no log; the server keeps its hash, in memory alone. Several servers keep it in their database: the
websocket may come to another than the request for its ticket.
"""

import secrets
import time
from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import Final, Protocol

import msgspec
from starlette.types import Scope

from protocol import SUBPROTOCOL_TICKET
from server.auth.principal import Principal
from server.journal.credentials import Bounds, Credential, CredentialRows

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


class Tickets(Protocol):
    """The tickets that are good. `now`: seconds of any clock that goes forward. Both calls may raise `JournalError`."""

    async def make(self, principal: Principal, now: float) -> str:
        """A new ticket for this user. Raises `TooManyTickets`."""

    async def use(self, ticket: str, now: float, *, ask: bool = True) -> Principal | None:
        """Who has this ticket, which is used up by it; None if it is not good. `ask`: look where another server may have put it."""


class OwnTickets:
    """The tickets of a server that shares them with no other. See `Tickets`."""

    def __init__(self) -> None:
        self._kept: dict[bytes, _Kept] = {}

    async def make(self, principal: Principal, now: float) -> str:
        """A new ticket for this user. Raises `TooManyTickets`."""
        for key in [key for key, kept in self._kept.items() if kept.until <= now]:
            del self._kept[key]
        own = [key for key, kept in self._kept.items() if kept.principal.user_id == principal.user_id]
        if len(own) >= PER_USER_MAX:
            del self._kept[own[0]]  # in the order in which they were made
        elif len(self._kept) >= TICKETS_MAX:
            raise TooManyTickets
        ticket = _new_ticket()
        self._kept[_hash(ticket)] = _Kept(_holder(principal), now + LASTS_S)
        return ticket

    async def use(self, ticket: str, now: float, *, ask: bool = True) -> Principal | None:
        """Who has this ticket, which is used up by it; None if it is not good."""
        kept = self._kept.pop(_hash(ticket), None)
        return kept.principal if kept is not None and now < kept.until else None


class SharedTickets:
    """The tickets of several servers, in their database. See `Tickets`. Of too many the oldest are good no more.

    `clock`: seconds since 1970, on which the servers agree to within seconds.
    """

    def __init__(self, rows: CredentialRows, clock: Callable[[], float] = time.time) -> None:
        self._rows = rows
        self._clock = clock

    async def make(self, principal: Principal, now: float) -> str:
        """A new ticket for this user."""
        ticket, made_at = _new_ticket(), self._clock()
        digest = _hash(ticket)
        row = Credential(
            kind="ticket",
            id=digest.hex(),
            hash=digest,
            user_id=principal.user_id,
            created_at=made_at,
            expires_at=made_at + LASTS_S,
            data=msgspec.json.encode(_holder(principal)),
        )
        await self._rows.add(row, Bounds(made_at, TICKETS_MAX, PER_USER_MAX))
        return ticket

    async def use(self, ticket: str, now: float, *, ask: bool = True) -> Principal | None:
        """Who has this ticket, which is used up by it; None if it is not good."""
        row = await self._rows.take("ticket", _hash(ticket)) if ask and ticket.startswith(PREFIX) else None
        if row is None or row.expires_at is None or row.expires_at <= self._clock():
            return None
        return msgspec.json.decode(row.data, type=Principal)


def _new_ticket() -> str:
    return PREFIX + secrets.token_urlsafe(TICKET_BYTES)


def _holder(principal: Principal) -> Principal:
    """The user, as whoever has their ticket."""
    return msgspec.structs.replace(principal, by_cookie=False, without_key=False)


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
