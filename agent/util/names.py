"""Names: looks a host up once and checks all of its addresses, so that a connection goes to one that may be reached.

Whoever connects must connect to what is given here: a name whose second answer is another address (DNS rebinding) is then not reached.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from functools import partial

import msgspec

from agent.util.addresses import address_refusal
from agent.util.executors import HolderExecutor

TRIED_MAX = 4
"""Addresses of one name that are tried, one after another."""

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""The addresses of a host, IPv6 with its zone if it has one. Raises OSError."""


class AddressRefused(Exception):
    """The host leads to an address that may not be reached. The message says to which kind."""


def resolver(names: HolderExecutor) -> Resolve:
    """Resolves hosts with the system's resolver, in these threads: it blocks while a name server is silent."""

    async def resolve(host: str, port: int) -> list[str]:
        rows = await names.run(partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM))
        return [str(address[0]) for *_, address in rows]

    return resolve


class Reach(msgspec.Struct, frozen=True):
    """Where connections may go that somebody else chose. `allow_private`: to private networks too."""

    resolve: Resolve
    allow_private: bool = False

    async def addresses(self, host: str, port: int, timeout_s: float | None) -> list[str]:
        """The addresses to connect to. Raises AddressRefused, TimeoutError, OSError, UnicodeError."""
        async with asyncio.timeout(timeout_s):
            found = await self.resolve(host.strip("[]"), port)
        for text in found:
            refused = address_refusal(ipaddress.ip_address(text), allow_private=self.allow_private)
            if refused is not None:
                raise AddressRefused(f"{host} leads to {refused}")
        return list(dict.fromkeys(found))[:TRIED_MAX]
