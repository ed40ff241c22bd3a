"""Pinned transport: requests to an address that a user chose go to what its host led to when it was checked. Imports httpx2: load it late.

Each request is checked, so those after a redirect are too. TLS and the header `Host` are for the name, TCP for the address.
"""

import ssl
from collections.abc import Callable

import httpx2

from agent.util.names import AddressRefused, Reach

PORTS = {"http": 80, "https": 443}


class PinnedTransport(httpx2.AsyncBaseTransport):
    """httpx2's own transport, behind the check. `error`: makes the exception for a reason."""

    def __init__(self, reach: Reach, tls: ssl.SSLContext, timeout_s: float, error: Callable[[str], Exception]) -> None:
        self._reach = reach
        self._timeout_s = timeout_s
        self._error = error
        self._inner = httpx2.AsyncHTTPTransport(verify=tls)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send it to the first of the host's addresses that can be connected to."""
        failure: Exception | None = None
        for address in await self._addresses(request.url):
            try:
                return await self._inner.handle_async_request(_pinned(request, address))
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
                failure = error
        raise failure or httpx2.ConnectError(f"{request.url.host} has no address", request=request)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()

    async def _addresses(self, url: httpx2.URL) -> list[str]:
        port = url.port or PORTS[url.scheme]
        try:
            return await self._reach.addresses(url.raw_host.decode("ascii"), port, self._timeout_s)
        except AddressRefused as refused:
            told = f"{refused}; this server has several users, and connects to public addresses alone for them"
            raise self._error(told) from refused
        except (OSError, UnicodeError) as error:  # a TimeoutError is an OSError
            raise httpx2.ConnectError(f"{url.host} cannot be looked up: there is no such host, or no answer") from error


def _pinned(request: httpx2.Request, address: str) -> httpx2.Request:
    """The same request to the address. Its headers have the name already, as `Host`."""
    return httpx2.Request(
        request.method,
        request.url.copy_with(host=address),
        headers=request.headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": request.url.raw_host.decode("ascii")},
    )
