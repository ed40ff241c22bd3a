"""Connection limiter: bounds how many connections may be open without valid credentials, in all and by address."""

import asyncio
from collections import Counter

from starlette.types import Scope

EXTENSION = "holdfast.connection_slot"
"""Key of the connection's `Slot` in the ASGI scope's extensions."""


CONNECTIONS_MAX = 2_048
"""Connections that have shown no credentials yet, at once; more get HTTP 503. Each costs some KiB, and this stays far below
the usual limit of open files."""

CONNECTIONS_PER_ADDRESS_MAX = 1_024
"""The same from one address that is no trusted proxy: half, so that one address cannot keep all others out."""


class ConnectionLimiter:
    """Counts unauthenticated connections. `len()` is how many there are now."""

    def __init__(self, connections_max: int, connections_per_address_max: int) -> None:
        self._max = connections_max
        self._per_address_max = connections_per_address_max
        self._by_address: Counter[str] = Counter()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def acquire(self, address: str, *, shared: bool) -> "Slot | None":
        """A slot for a new connection, or None if a limit is reached.

        `shared`: the address is a trusted proxy's, which stands for many clients; the limit by address does not apply.
        """
        if len(self) >= self._max or (not shared and self._by_address[address] >= self._per_address_max):
            return None
        self._by_address[address] += 1
        self._count += 1
        return Slot(self, address)

    def release(self, address: str) -> None:
        """Count one connection of this address less. Called by `Slot.release`."""
        self._by_address[address] -= 1
        self._count -= 1
        if self._by_address[address] <= 0:
            del self._by_address[address]


class Slot:
    """One unauthenticated connection's share of the limit. `timer`, if set, ends the connection's time without credentials."""

    def __init__(self, limiter: ConnectionLimiter, address: str) -> None:
        self._limiter: ConnectionLimiter | None = limiter
        self._address = address
        self.timer: asyncio.TimerHandle | None = None

    @property
    def held(self) -> bool:
        """Whether the connection still counts as unauthenticated."""
        return self._limiter is not None

    def release(self) -> None:
        """Give the slot back and stop the timer. A second call does nothing."""
        if self._limiter is not None:
            self._limiter.release(self._address)
            self._limiter = None
        if self.timer is not None:
            self.timer.cancel()  # it refers to the connection, which may be gone
            self.timer = None


def release_slot(scope: Scope) -> None:
    """Release the slot of this request's connection, if it has one: its credentials were accepted."""
    slot: Slot | None = scope.get("extensions", {}).get(EXTENSION)
    if slot is not None:
        slot.release()
