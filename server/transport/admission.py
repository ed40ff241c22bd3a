"""Connection limiter: bounds how many connections may be open without valid credentials, in all and by network."""

import asyncio
from collections.abc import Callable

from starlette.types import Scope

from server.util.rate_limit import network_of

EXTENSION = "holdfast.connection_slot"
"""Key of the connection's `Slot` in the ASGI scope's extensions."""


CONNECTIONS_MAX = 2_048
"""Connections that have shown no credentials for their next request yet, at once: half of the descriptors that the process
may open at most, so that some are left for everything else. Each costs some KiB."""

CONNECTIONS_PER_NETWORK_MAX = 1_024
"""The same from one network that is no trusted proxy: half, so that one network does not push out all others."""


def bounds(descriptors: int) -> tuple[int, int]:
    """Both of these, or less for a process that may open so few descriptors."""
    return min(CONNECTIONS_MAX, descriptors // 2), min(CONNECTIONS_PER_NETWORK_MAX, descriptors // 4)


class ConnectionLimiter:
    """Counts unauthenticated connections by network: an IPv4 address, or 64 bits of an IPv6 address. `len()`: all of them.

    At a limit the oldest one makes room for the new one. Who has credentials shows them at once, so it is the connection
    of somebody who waits for no reason that is closed, and nobody can keep others out by waiting.
    """

    def __init__(self, connections_max: int, connections_per_network_max: int) -> None:
        self._max = connections_max
        self._per_network_max = connections_per_network_max
        self._slots: dict[str, dict[Slot, None]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def acquire(self, address: str, evict: Callable[[], None], *, shared: bool) -> "Slot":
        """A slot for a new connection. `evict` closes the connection if another one takes its slot later.

        `shared`: the address is a trusted proxy's, which stands for many clients; the limit by network does not apply.
        """
        network = network_of(address)
        if not shared and len(self._slots.get(network, ())) >= self._per_network_max:
            self._evict_oldest(network)
        elif self._count >= self._max:
            self._evict_oldest(max(self._slots, key=lambda name: len(self._slots[name])))
        slot = Slot(self, network, evict)
        self._slots.setdefault(network, {})[slot] = None
        self._count += 1
        return slot

    def release(self, slot: "Slot") -> None:
        """Count one connection less. Called by `Slot.release`."""
        slots = self._slots[slot.network]
        del slots[slot]
        self._count -= 1
        if not slots:
            del self._slots[slot.network]

    def _evict_oldest(self, network: str) -> None:
        slot = next(iter(self._slots[network]))
        evict = slot.evict
        slot.release()
        evict()


class Slot:
    """One unauthenticated connection's share of the limit. `timer`, if set, ends the connection's time without credentials."""

    def __init__(self, limiter: ConnectionLimiter, network: str, evict: Callable[[], None]) -> None:
        self._limiter: ConnectionLimiter | None = limiter
        self.network = network
        self.evict = evict
        self.timer: asyncio.TimerHandle | None = None

    @property
    def held(self) -> bool:
        """Whether the connection still counts as unauthenticated."""
        return self._limiter is not None

    def release(self) -> None:
        """Give the slot back and stop the timer. A second call does nothing."""
        if self._limiter is not None:
            self._limiter.release(self)
            self._limiter = None
            self.evict = _nothing  # else the connection and this refer to each other
        if self.timer is not None:
            self.timer.cancel()  # it refers to the connection, which may be gone
            self.timer = None


def _nothing() -> None:
    """There is nothing to evict any more."""


def release_slot(scope: Scope) -> None:
    """Release the slot of this request's connection, if it has one: its credentials were accepted."""
    slot: Slot | None = scope.get("extensions", {}).get(EXTENSION)
    if slot is not None:
        slot.release()
