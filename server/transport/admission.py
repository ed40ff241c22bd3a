"""The body's lobby: connections that have shown no credentials yet. Few, and not for long."""

import asyncio
from collections import Counter
from typing import Protocol

from starlette.types import Scope

EXTENSION = "holdfast.lobby"
"""Where a connection's place is in the ASGI scope's extensions."""


class Place(Protocol):
    """A connection's place in the lobby."""

    def leave(self) -> None:
        """It has shown credentials, or is gone."""


class Lobby:
    """Counts the connections inside, in all and by address."""

    def __init__(self, most: int, most_per_address: int) -> None:
        self._most = most
        self._most_per_address = most_per_address
        self._inside: Counter[str] = Counter()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def enter(self, address: str, *, shared: bool) -> "Seat | None":
        """A place, or None if there is none. `shared`: a trusted proxy's address, which stands for many clients."""
        if len(self) >= self._most or (not shared and self._inside[address] >= self._most_per_address):
            return None
        self._inside[address] += 1
        self._count += 1
        return Seat(self, address)

    def left(self, address: str) -> None:
        """One of this address is not inside any more."""
        self._inside[address] -= 1
        self._count -= 1
        if self._inside[address] <= 0:
            del self._inside[address]


class Seat:
    """One connection's place in the lobby. `timer`, if there is one, ends its time there."""

    def __init__(self, lobby: Lobby, address: str) -> None:
        self._lobby: Lobby | None = lobby
        self._address = address
        self.timer: asyncio.TimerHandle | None = None

    @property
    def taken(self) -> bool:
        """Whether the connection still waits inside."""
        return self._lobby is not None

    def leave(self) -> None:
        """Give the place back; a second time does nothing."""
        if self._lobby is not None:
            self._lobby.left(self._address)
            self._lobby = None
        if self.timer is not None:
            self.timer.cancel()  # it holds the connection, which may be gone
            self.timer = None


def leave(scope: Scope) -> None:
    """The connection of this request has shown credentials."""
    place: Place | None = scope.get("extensions", {}).get(EXTENSION)
    if place is not None:
        place.leave()
