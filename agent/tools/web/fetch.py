"""Fetch: requests one URL and follows its redirects, within a time and a number of bytes. No cookies, credentials or proxy."""

import asyncio
import ssl
from collections.abc import Callable
from http import HTTPStatus

import httpcore
import msgspec

from agent.tools.web.network import NetworkAccess, PinnedBackend
from agent.tools.web.response import ACCEPTED, Body, read_body
from agent.tools.web.settings import WebSettings
from agent.tools.web.urls import FetchError, Target, parse_url

REDIRECTS = frozenset({301, 302, 303, 307, 308})
HEADERS: list[tuple[bytes | str, bytes | str]] = [
    ("User-Agent", "holdfast (web_fetch)"),
    ("Accept", "text/html, application/xhtml+xml, application/json;q=0.9, text/*;q=0.9, */*;q=0.5"),
    ("Accept-Encoding", ACCEPTED),
]


REDIRECTS_MAX = 5
"""Redirects that one fetch follows. Sound sites need one or two; a longer chain is a loop or a tracker."""

READ_TIMEOUT_S = 10.0
"""How long connecting may take, and each silence of the server: a site that is slower seldom answers at all."""

FETCH_TIMEOUT_S = 30.0
"""How long one fetch may take, redirects included: the turn waits for it. A file of 32 MiB comes in it at 9 Mbit/s."""


class FetchResult(msgspec.Struct, frozen=True):
    """An answer. `url`: the last one, after redirects. `size`: bytes of the whole body, if known. `cut`: `body` is not all of it.

    `leads_to`: the redirect's target, if it was not followed.
    """

    url: str
    status: int
    content_type: str
    body: bytes = b""
    cut: bool = False
    size: int | None = None
    leads_to: str = ""


class ReadLimits(msgspec.Struct, frozen=True):
    """What of an answer is read: at most `bytes_max` bytes, and nothing if `accepts` is false for its `Content-Type`."""

    bytes_max: int
    accepts: Callable[[str], bool]


async def fetch(
    target: Target, limits: ReadLimits, settings: WebSettings, network: NetworkAccess, tls: ssl.SSLContext
) -> FetchResult:
    """Fetch `target`. Raises `FetchError` for every failure. Cancelled, it closes its connection."""
    clock = asyncio.timeout(FETCH_TIMEOUT_S)
    try:
        async with clock:
            for _ in range(REDIRECTS_MAX + 1):
                hop = await _hop(target, limits, settings, network, tls)
                if isinstance(hop, FetchResult):
                    return hop
                target = hop
    except TimeoutError:
        raise FetchError(f"{target.host} did not answer in full within {FETCH_TIMEOUT_S:g} s") from None
    raise FetchError(f"there were more than {REDIRECTS_MAX} redirects")


async def _hop(
    target: Target, limits: ReadLimits, settings: WebSettings, network: NetworkAccess, tls: ssl.SSLContext
) -> FetchResult | Target:
    """Request one URL: its answer, or the target of its redirect."""
    backend = PinnedBackend(network, allow_private=settings.allow_private_networks)
    silence = READ_TIMEOUT_S
    times = {"connect": silence, "read": silence, "write": silence, "pool": silence}
    try:
        async with httpcore.AsyncConnectionPool(
            ssl_context=tls, max_connections=1, max_keepalive_connections=0, network_backend=backend
        ) as pool:
            async with pool.stream("GET", target.url, headers=HEADERS, extensions={"timeout": times}) as response:
                headers = {name.lower(): value.decode("latin-1") for name, value in response.headers}
                if response.status in REDIRECTS and b"location" in headers:
                    return _follow(target, response.status, headers[b"location"], settings)
                return await _read(target, response, headers, limits)
    except httpcore.TimeoutException:
        raise FetchError(f"{target.host} was silent for {silence:g} s") from None
    except (httpcore.NetworkError, httpcore.ProtocolError, ssl.SSLError) as error:
        raise FetchError(_error_text(target.host, error)) from None


def _follow(target: Target, status: int, location: str, settings: WebSettings) -> FetchResult | Target:
    # HTTP defines headers as Latin-1; servers that send other characters there send UTF-8.
    location = location.encode("latin-1").decode("utf-8", "replace")
    try:
        next_target = parse_url(location, settings, base=target.url)
    except FetchError as refused:
        raise FetchError(f"{target.host} redirects to where it may not be followed: {refused}") from None
    if next_target.host == target.host or settings.follow_to_other_hosts:
        return next_target
    return FetchResult(target.url, status, "", leads_to=next_target.url)


async def _read(
    target: Target, response: httpcore.Response, headers: dict[bytes, str], limits: ReadLimits
) -> FetchResult:
    content_type = headers.get(b"content-type", "")
    length = headers.get(b"content-length", "")
    encoded = headers.get(b"content-encoding", "")
    size = int(length) if length.isascii() and length.isdigit() and len(length) < 20 and not encoded else None
    if not limits.accepts(content_type):
        return FetchResult(target.url, response.status, content_type, size=size, cut=True)
    body: Body = await read_body(response.aiter_stream(), encoded, limits.bytes_max)
    return FetchResult(
        target.url, response.status, content_type, body.data, body.cut, size=size if body.cut else len(body.data)
    )


def _error_text(host: str, error: Exception) -> str:
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"{host} could not prove that it is {host}: {cause.verify_message}"
    if cause is not None:
        return f"{host} does not speak TLS as it should"
    if isinstance(error, httpcore.ConnectError):
        return f"{host} cannot be connected to"
    return f"{host} broke off in the middle ({type(error).__name__})"


def status_text(status: int) -> str:
    """A status with its reason phrase, such as `404 Not Found`; the number alone if it is not known."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
