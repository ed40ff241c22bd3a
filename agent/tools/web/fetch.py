"""One fetch: from hop to hop, each judged anew, within a time and a number of bytes. No cookies, no credentials, no proxy."""

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


class FetchResult(msgspec.Struct, frozen=True):
    """An answer. `url`: where it came from, after redirects. `size`: of the whole body, if it is known; `cut`: not all is here.

    `leads_to`: where it redirects, if that was not followed.
    """

    url: str
    status: int
    content_type: str
    body: bytes = b""
    cut: bool = False
    size: int | None = None
    leads_to: str = ""


class Plan(msgspec.Struct, frozen=True):
    """How much of an answer is read. `wants`: whether one of this type is read at all."""

    bytes_max: int
    wants: Callable[[str], bool]


async def fetch(
    target: Target, plan: Plan, settings: WebSettings, edges: NetworkAccess, tls: ssl.SSLContext
) -> FetchResult:
    """Fetch it. Raises `FetchError` for whatever goes wrong; cancelled, it closes its connection and leaves."""
    clock = asyncio.timeout(settings.timeout_s)
    try:
        async with clock:
            for _ in range(REDIRECTS_MAX + 1):
                hop = await _hop(target, plan, settings, edges, tls)
                if isinstance(hop, FetchResult):
                    return hop
                target = hop
    except TimeoutError:
        raise FetchError(f"{target.host} did not answer in full within {settings.timeout_s:g} s") from None
    raise FetchError(f"there were more than {REDIRECTS_MAX} redirects")


async def _hop(
    target: Target, plan: Plan, settings: WebSettings, edges: NetworkAccess, tls: ssl.SSLContext
) -> FetchResult | Target:
    """Ask for one URL: its answer, or where to go on."""
    backend = PinnedBackend(edges, allow_private=settings.allow_private_networks)
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
                return await _read(target, response, headers, plan)
    except httpcore.TimeoutException:
        raise FetchError(f"{target.host} was silent for {silence:g} s") from None
    except (httpcore.NetworkError, httpcore.ProtocolError, ssl.SSLError) as error:
        raise FetchError(_told(target.host, error)) from None


def _follow(target: Target, status: int, location: str, settings: WebSettings) -> FetchResult | Target:
    # Headers are Latin-1 to HTTP, UTF-8 to those who write more than ASCII there.
    location = location.encode("latin-1").decode("utf-8", "replace")
    try:
        further = parse_url(location, settings, base=target.url)
    except FetchError as refused:
        raise FetchError(f"{target.host} redirects to where it may not be followed: {refused}") from None
    if further.host == target.host or settings.follow_to_other_hosts:
        return further
    return FetchResult(target.url, status, "", leads_to=further.url)


async def _read(target: Target, response: httpcore.Response, headers: dict[bytes, str], plan: Plan) -> FetchResult:
    kind = headers.get(b"content-type", "")
    length = headers.get(b"content-length", "")
    encoded = headers.get(b"content-encoding", "")
    size = int(length) if length.isascii() and length.isdigit() and len(length) < 20 and not encoded else None
    if not plan.wants(kind):
        return FetchResult(target.url, response.status, kind, size=size, cut=True)
    body: Body = await read_body(response.aiter_stream(), encoded, plan.bytes_max)
    return FetchResult(
        target.url, response.status, kind, body.data, body.cut, size=size if body.cut else len(body.data)
    )


def _told(host: str, error: Exception) -> str:
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


def phrase(status: int) -> str:
    """`404 Not Found`."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
