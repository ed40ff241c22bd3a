"""Guarded transport: the HTTP transports of LiteLLM's clients, which check each address. Loaded together with LiteLLM.

All of LiteLLM's asynchronous clients, the one inside of the OpenAI client among them, get their transport of
`AsyncHTTPHandler.create_async_transport`; its synchronous ones take `litellm.sync_transport`. There is no public hook for
the first (litellm `llms/custom_httpx/http_handler.py`).
"""

import re
import socket
import ssl
import urllib.request
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import Any

import aiohttp
import httpx
import litellm
from aiohttp import ClientSession, DummyCookieJar, StreamReader, TCPConnector, ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult
from litellm import constants
from litellm.llms.custom_httpx.aiohttp_transport import (
    AiohttpResponseStream,
    LiteLLMAiohttpTransport,
    map_aiohttp_exceptions,
)
from litellm.llms.custom_httpx.http_handler import (
    AsyncHTTPHandler,
    build_aiohttp_keepalive_socket_factory,
    get_ssl_configuration,
)
from litellm.llms.huggingface import common_utils as huggingface

from agent.models.bases import AddressGuard, leads_elsewhere, refusal
from agent.models.calls.turns import request_is_ready

_LINE_END = re.compile(r"\r\n|\n|\r")
GUARD = AddressGuard()
"""For all providers of the process: LiteLLM keeps one set of clients for all of them."""


class GuardedResolver(AbstractResolver):
    """Looks a name up once, and gives its addresses to the connection only if all of them may be reached."""

    def __init__(self) -> None:
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        GUARD.check(host, port, [one["host"].partition("%")[0] for one in found])
        return found

    async def close(self) -> None:
        await self._resolver.close()


class EventLines:
    """The lines of a response's body, which end as an event stream's do (WHATWG HTML, 9.2.5).

    `response`: as long as no line was asked for, nothing of its body has been read.
    """

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = _lines(response)

    def __aiter__(self) -> AsyncIterator[str]:
        return self._lines

    async def __anext__(self) -> str:
        return await anext(self._lines)

    async def aclose(self) -> None:
        """Read no more of the response, and close it."""
        await self._lines.aclose()
        await self.response.aclose()


async def _lines(response: httpx.Response) -> AsyncGenerator[str]:
    held: list[str] = []
    async for text in response.aiter_text():
        if held and held[-1].endswith("\r"):
            text = held.pop() + text
        half = text.endswith("\r")  # the next text may begin with the other half of the line's end
        first, *rest = _LINE_END.split(text[:-1] if half else text)
        held.append(first)
        for line in rest:
            yield "".join(held)
            held = [line]
        if half:
            held.append("\r")
    tail = "".join(held).removesuffix("\r")
    if tail:
        yield tail


class BodyStream(AiohttpResponseStream):  # type: ignore[misc]  # LiteLLM's types are not read
    """A body as it comes from the network, without aiohttp's and httpx's generators around each read."""

    @property
    def reader(self) -> StreamReader:
        """aiohttp's reader of it."""
        reader: StreamReader = self._aiohttp_response.content
        return reader

    async def __aiter__(self) -> AsyncGenerator[bytes]:
        """The blocks of the body. Raises httpx's exceptions, as LiteLLM's stream does."""
        content, connection = self.reader, self._aiohttp_response.connection
        if connection is not None and connection.protocol is not None:
            connection.protocol.read_timeout = (
                None  # a timer for each read; the model client limits how long it waits itself
            )
        try:
            while block := await content.read(self.CHUNK_SIZE):
                yield block
        except RuntimeError as error:
            if "Connection closed" not in str(error):
                raise
            raise httpx.ReadError(str(error)) from error
        except aiohttp.http_exceptions.TransferEncodingError as error:
            raise httpx.ReadError(str(error)) from error
        except Exception:
            with map_aiohttp_exceptions():
                raise
        finally:
            self._aiohttp_response.close()


_NO_BODY = httpx.ByteStream(b"")


class EventStreamResponse(httpx.Response):
    """A response whose lines do not end at every line separator of Unicode.

    LiteLLM reads streams by lines: with httpx's own a token that holds U+2028 or U+0085 is lost, or ends the stream.
    """

    body: BodyStream | None = None
    """Where it comes from. httpx's client puts a stream of its own around that."""
    reader: StreamReader | None = None
    """Where the blocks come from, while `aiter_bytes` gives them as they came."""

    def aiter_bytes(self, chunk_size: int | None = None) -> AsyncIterator[bytes]:
        """As httpx's; of a body that is not compressed the blocks as they came."""
        if (
            chunk_size
            or self.body is None
            or "content-encoding" in self.headers
            or self.is_stream_consumed
            or self.is_closed
        ):
            return super().aiter_bytes(chunk_size)
        return self._blocks(self.body)

    async def _blocks(self, body: BodyStream) -> AsyncGenerator[bytes]:
        self.is_stream_consumed = True  # from now on: LiteLLM calls `aiter_bytes` long before it reads
        self.reader = body.reader
        async with aclosing(body.__aiter__()) as blocks:
            async for block in blocks:
                yield block
        self.reader = None
        await self.aclose()

    def aiter_lines(self) -> EventLines:
        return EventLines(self)

    async def aclose(self) -> None:
        """As httpx's. The stream that its client put in, which refers to this response, is let go: no garbage collection is needed then."""
        await super().aclose()
        self.stream = _NO_BODY


class GuardedTransport(LiteLLMAiohttpTransport):  # type: ignore[misc]  # as above
    """LiteLLM's transport over aiohttp, without private addresses and without redirects to other hosts."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request_is_ready()
        _check_url(request.url)
        response = await super().handle_async_request(request)
        if _redirected_elsewhere(request, response):
            await response.aclose()
            raise refusal(f"{request.url.host} redirects to another host")
        events = EventStreamResponse(
            response.status_code,
            headers=response.headers,
            stream=response.stream,
            request=request,
            extensions=response.extensions,
        )
        if isinstance(response.stream, AiohttpResponseStream):
            events.body = BodyStream(response.stream._aiohttp_response)
        return events


class GuardedSyncTransport(httpx.BaseTransport):
    """The same for the requests by which LiteLLM prepares some calls: tokens, descriptions of models.

    A name is looked up once, and the request goes to an address that was checked; TLS checks the name. `sends`: sends it,
    and keeps no connection, which would be found by its address and serve another name there.
    """

    def __init__(self, sends: httpx.BaseTransport, look_up: Callable[..., Sequence[Any]] = socket.getaddrinfo) -> None:
        self._sends = sends
        self._look_up = look_up

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        _check_url(request.url)
        host, port = request.url.host, _port(request.url)
        configured = GUARD.is_configured(host, port)
        response = self._sends.handle_request(request) if configured else self._pinned(request, host, port)
        if _redirected_elsewhere(request, response):
            response.close()
            raise refusal(f"{host} redirects to another host")
        return response

    def close(self) -> None:
        self._sends.close()

    def _pinned(self, request: httpx.Request, host: str, port: int) -> httpx.Response:
        """Send the request to the first of the checked addresses that takes a connection. Raises AddressRefused."""
        rows = self._look_up(host, port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(address[0]).partition("%")[0] for *_, address in rows))
        GUARD.check(host, port, addresses)
        for index, address in enumerate(addresses):
            pinned = httpx.Request(
                request.method,
                request.url.copy_with(host=address),
                headers=request.headers,
                stream=request.stream,
                extensions={**request.extensions, "sni_hostname": host},
            )
            try:
                return self._sends.handle_request(pinned)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                if index + 1 == len(addresses):
                    raise
        raise refusal(f"{host} has no address")


class GuardedHttpx:
    """The module `httpx` as LiteLLM's code for the Hugging Face router uses it: `get` goes through the guarded transport."""

    def __getattr__(self, name: str) -> Any:
        return getattr(httpx, name)

    def get(self, url: str, **options: Any) -> httpx.Response:
        """As `httpx.get`. Raises AddressRefused too."""
        with httpx.Client(transport=_sync_transport()) as client:
            return client.get(url, **options)


def install() -> None:
    """Give LiteLLM's clients these transports, for all calls of the process."""
    AsyncHTTPHandler.create_async_transport = staticmethod(_create_async_transport)
    litellm.sync_transport = _sync_transport()
    huggingface.httpx = GuardedHttpx()  # stands for the module there


def _sync_transport() -> GuardedSyncTransport | None:
    """None behind a proxy: a transport that is given takes no proxy. The proxy is the operator's, and looks names up."""
    if urllib.request.getproxies():
        return None
    limits = httpx.Limits(max_keepalive_connections=0)
    return GuardedSyncTransport(httpx.HTTPTransport(verify=get_ssl_configuration(), limits=limits))


def client_transport() -> GuardedTransport:
    """A transport with LiteLLM's own options, for a client of our own."""
    return _create_async_transport(ssl_context=_ssl_context(), shared_session=None)


def _ssl_context() -> ssl.SSLContext | None:
    verify = get_ssl_configuration()
    return verify if isinstance(verify, ssl.SSLContext) else None


def _create_async_transport(
    ssl_context: ssl.SSLContext | None = None, ssl_verify: bool | None = None, shared_session: Any = None
) -> GuardedTransport:
    """A transport with LiteLLM's own options. `shared_session` is a session without the check, and is not used."""
    verify: bool | ssl.SSLContext | None = (
        ssl_context if ssl_context is not None else (False if ssl_verify is False else None)
    )

    def session() -> ClientSession:
        connector = TCPConnector(
            resolver=GuardedResolver(),
            ssl=True if verify is None else verify,
            keepalive_timeout=constants.AIOHTTP_KEEPALIVE_TIMEOUT,
            ttl_dns_cache=constants.AIOHTTP_TTL_DNS_CACHE,
            limit=constants.AIOHTTP_CONNECTOR_LIMIT,
            limit_per_host=constants.AIOHTTP_CONNECTOR_LIMIT_PER_HOST,
            socket_factory=build_aiohttp_keepalive_socket_factory(),
        )
        return ClientSession(connector=connector, cookie_jar=DummyCookieJar())

    return GuardedTransport(client=session, ssl_verify=verify)


def _check_url(url: httpx.URL) -> None:
    GUARD.check_literal(url.host, _port(url))


def _port(url: httpx.URL) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


def _redirected_elsewhere(request: httpx.Request, response: httpx.Response) -> bool:
    return response.has_redirect_location and leads_elsewhere(str(request.url), response.headers["location"])
