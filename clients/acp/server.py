"""Server: the requests to the Holdfast server's HTTP API that an editor's session needs."""

import asyncio
import sys
import urllib.request
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote, urlsplit, urlunsplit

import msgspec

from clients.acp.mapping.settings import Offered
from clients.acp.place import Locate
from clients.acp.rpc import AUTH_REQUIRED, INTERNAL_ERROR, NOT_FOUND, Failure, Message
from clients.session.address import base_address, is_loopback
from clients.session.client import Place, SessionClient
from clients.session.connection import USER_AGENT
from clients.session.core import Position
from clients.session.errors import CannotConnect, Denied

if TYPE_CHECKING:
    import httpcore

TIMEOUT_S = 15.0
BODY_BYTES_MAX = 16 * 1024 * 1024
CLOSE_TIMEOUT_S = 0.8
"""Seconds for a socket's goodbye: this process ends within two after the editor's."""

PAGE = 100
"""Sessions in one answer to `session/list`."""


class ListedSession(msgspec.Struct, frozen=True):
    """What the list says of a session. `cwd`: the folder that it works in; empty: one of the server's own."""

    session_id: str
    title: str = ""
    last_active_at: str = ""
    message_count: int = 0
    cwd: str = ""


class SessionPage(msgspec.Struct, frozen=True):
    """Some of the user's sessions, the newest first; `next` is the cursor of those that follow."""

    sessions: list[ListedSession]
    next: str = ""


class _Made(msgspec.Struct):
    session_id: str
    mcp_refused: dict[str, str] = {}


class _Taken(msgspec.Struct):
    mcp_refused: dict[str, str]


class _Refusal(msgspec.Struct):
    code: str
    message: str


T = TypeVar("T")


class Server:
    """The server that `locate` finds; it is asked before each connection, since the place and the token may change."""

    def __init__(self, locate: Locate) -> None:
        self._locate = locate

    def client(self, session_id: str, *, history: bool) -> SessionClient:
        """A client for this session: with all of its history, or from how it is now."""
        return SessionClient(
            "127.0.0.1",
            session_id,
            locate=self._located,
            position=Position("", 0) if history else None,
            close_timeout_s=CLOSE_TIMEOUT_S,
            open_timeout_s=TIMEOUT_S,
        )

    async def make(self, cwd: str, servers: Message) -> str:
        """The id of a new session that works in this folder, or in one of the server's if it allows none. Raises `Failure`.

        `servers`: MCP servers that it is given; standard error tells of those that are refused.
        """
        given = {"mcp_servers": servers} if servers else {}
        try:
            made = await self._ask("POST", "/api/sessions", msgspec.json.encode({"cwd": cwd, **given}))
        except Failure as failure:
            if failure.data is None or failure.data.get("code") != "forbidden":
                raise
            sys.stderr.write(f"holdfast: the session works in a folder of the server's own: {failure.message}\n")
            made = await self._ask("POST", "/api/sessions", msgspec.json.encode(given))
        new = _read(made, _Made)
        _tell_refused(new.mcp_refused)
        return new.session_id

    async def give(self, session_id: str, servers: Message) -> None:
        """Give a session these MCP servers, in place of others; standard error tells of those that are refused.

        It goes on without them where it may not have any. Raises `Failure` if the server cannot be asked.
        """
        path = f"/api/sessions/{quote(session_id, safe='')}/mcp/servers"
        try:
            taken = await self._ask("PUT", path, msgspec.json.encode({"mcp_servers": servers}))
        except Failure as failure:
            if failure.data is None or failure.data.get("code") not in ("bad_request", "forbidden"):
                raise
            _tell_refused(dict.fromkeys(servers, failure.message))
        else:
            _tell_refused(_read(taken, _Taken).mcp_refused)

    async def put_file(self, session_id: str, path: str, data: bytes) -> None:
        """Put a file into the session's workspace. Raises `Failure`."""
        await self._ask("PUT", f"/api/sessions/{quote(session_id, safe='')}/files/{quote(path)}", data)

    async def sessions(self, cursor: str | None) -> SessionPage:
        """A page of the user's sessions. Raises `Failure`."""
        before = f"&before={quote(cursor, safe='')}" if cursor else ""
        return _read(await self._ask("GET", f"/api/sessions?limit={PAGE}{before}"), SessionPage)

    async def delete(self, session_id: str) -> None:
        """Delete a session for good. Raises `Failure`."""
        await self._ask("DELETE", f"/api/sessions/{quote(session_id, safe='')}")

    async def offered(self) -> Offered:
        """The models and modes that the server offers. Raises `Failure`."""
        return _read(await self._ask("GET", "/api/config"), Offered)

    def failure(self, error: Denied | CannotConnect) -> Failure:
        """What the editor's user reads, and what to do."""
        if isinstance(error, Denied):
            return _refused(error.status, error.code, error.message)
        if isinstance(error.__cause__, Failure):
            return error.__cause__
        return _unreachable(str(error))

    async def _located(self) -> Place:
        try:
            return await self._locate()
        except Failure as failure:
            raise CannotConnect(failure.message) from failure

    async def _ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        # httpcore alone: httpx over it takes 7 MB and half a second more.
        import httpcore

        place = await self._locate()
        base = base_address(place.url)
        address = http_base(base)
        credentials = [("Authorization", f"Bearer {place.token}")] if place.token else []
        content = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))] if body else []
        headers = [("User-Agent", USER_AGENT), *credentials, *content]
        try:
            async with (
                asyncio.timeout(TIMEOUT_S),
                _pool(address, base) as pool,
                pool.stream(method, f"{address}{path}", headers=headers, content=body) as response,
            ):
                data = b""
                async for block in response.aiter_stream():
                    data += block
                    if len(data) > BODY_BYTES_MAX:
                        raise Failure(INTERNAL_ERROR, f"the server's answer to {method} {path} is too large")
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError, OSError) as error:
            raise _unreachable(f"{place.url}: {error or type(error).__name__}") from error
        if 200 <= response.status < 300:
            return data
        try:
            refusal = msgspec.json.decode(data, type=_Refusal)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            refusal = _Refusal(f"http_{response.status}", f"it answered with HTTP {response.status}")
        raise _refused(response.status, refusal.code, refusal.message)


def _tell_refused(refused: dict[str, str]) -> None:
    for name, reason in refused.items():
        sys.stderr.write(f"holdfast: the session goes on without the MCP server {name!r}: {reason}\n")


def http_base(base: str) -> str:
    """The HTTP address of a server, for its websocket address."""
    parts = urlsplit(base)
    scheme = {"ws": "http", "wss": "https"}[parts.scheme]
    return urlunsplit((scheme, parts.netloc, parts.path.removesuffix("/ws"), "", ""))


def _unreachable(why: str) -> Failure:
    told = f"no Holdfast server can be reached ({why}). Start it with `holdfast serve`, or name another with --url."
    return Failure(INTERNAL_ERROR, told, {"code": "no_server"})


def _refused(status: int, code: str, message: str) -> Failure:
    if status == 401:
        told = f"the server refused the token: {message}. Name the file that has it with --token-file."
        return Failure(AUTH_REQUIRED, told, {"code": code})
    if status == 404:
        return Failure(NOT_FOUND, message, {"code": code})
    return Failure(INTERNAL_ERROR, f"the server refused: {message}", {"code": code})


def _pool(http: str, base: str) -> "httpcore.AsyncConnectionPool":
    """Connections to the server, through the environment's proxy if it is on another machine."""
    import httpcore

    proxies = {} if is_loopback(base) else urllib.request.getproxies()
    parts = urlsplit(http)
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if proxy is None or urllib.request.proxy_bypass(parts.hostname or ""):
        return httpcore.AsyncConnectionPool()
    return httpcore.AsyncConnectionPool(proxy=httpcore.Proxy(proxy))


def _read(data: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise Failure(INTERNAL_ERROR, f"what answers at this address is no Holdfast server: {error}") from error
