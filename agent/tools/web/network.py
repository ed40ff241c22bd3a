"""Network access: looks a name up once, checks all of its addresses, and connects to one of them.

The connection's TLS is for the name, its TCP for the address: nothing is looked up a second time, so that a name whose
second answer is another address (DNS rebinding) is not connected to there. See https://www.encode.io/httpcore/network-backends/.
"""

import ssl
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

import httpcore

from agent.tools.web.urls import FetchError
from agent.util.names import AddressRefused, Reach, Resolve

Dial = Callable[[str, int, float | None], Awaitable[httpcore.AsyncNetworkStream]]
"""A TCP connection to an address and a port, within seconds. Raises httpcore's `ConnectError`, `ConnectTimeout`."""


async def dial(address: str, port: int, timeout_s: float | None) -> httpcore.AsyncNetworkStream:
    """Connect as httpcore does. `address` is an IP address, so nothing is looked up."""
    return await httpcore.AnyIOBackend().connect_tcp(address, port, timeout=timeout_s)


@dataclass(frozen=True)
class NetworkAccess:
    """The functions that reach the network. `tls`: makes the context that checks certificates; it blocks."""

    resolve: Resolve
    dial: Dial = dial
    tls: Callable[[], ssl.SSLContext] = httpcore.default_ssl_context


class PinnedBackend(httpcore.AsyncNetworkBackend):
    """httpcore backend that connects to hosts all of whose addresses may be reached. Raises `FetchError` for the others."""

    def __init__(self, network: NetworkAccess, *, allow_private: bool) -> None:
        self._network = network
        self._reach = Reach(network.resolve, allow_private)

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Look `host` up, check all of its addresses, and connect to the first that answers."""
        failure: Exception | None = None
        for address in await self._addresses(host, port, timeout):
            try:
                return await self._network.dial(address, port, timeout)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore.ConnectError(f"{host} has no address")

    async def _addresses(self, host: str, port: int, timeout: float | None) -> list[str]:
        try:
            return await self._reach.addresses(host, port, timeout)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"looking up {host} took too long") from error
        except (OSError, UnicodeError) as error:
            raise FetchError(f"{host} cannot be looked up: there is no such host, or no answer") from error
        except AddressRefused as refused:
            raise FetchError(f"{refused}; it cannot be fetched from") from refused
