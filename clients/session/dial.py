"""Outside, opening a socket: one attempt, and what its failure means."""

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.http11 import Response
from websockets.typing import Subprotocol

from clients.session.address import is_loopback
from clients.session.core import Encoding
from clients.session.errors import CannotConnect, Denied
from protocol import SUBPROTOCOL_JSON, SUBPROTOCOL_MSGPACK

USER_AGENT = "holdfast-client/1"

SUBPROTOCOLS: dict[Encoding, Subprotocol] = {
    "json": Subprotocol(SUBPROTOCOL_JSON),
    "msgpack": Subprotocol(SUBPROTOCOL_MSGPACK),
}


class Dialing(msgspec.Struct, frozen=True, kw_only=True):
    """How sockets are opened. `max_size` in bytes, of one websocket message; times in seconds."""

    encoding: Encoding
    token: str | None
    max_size: int
    open_timeout_s: float
    close_timeout_s: float


class _Connect(connect):
    """Follows no redirect: the credentials are for this server."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """Give the refusal back as it is."""
        return exc


async def dial(address: str, how: Dialing) -> ClientConnection:
    """An open socket. Raises `Denied` or `CannotConnect`."""
    subprotocol = SUBPROTOCOLS[how.encoding]
    try:
        # The heartbeat is the watchdog. Pings of our own would take a consumer that holds back the reading for a dead peer.
        socket = await _Connect(
            address,
            subprotocols=[subprotocol],
            additional_headers={"Authorization": f"Bearer {how.token}"} if how.token else None,
            user_agent_header=USER_AGENT,
            compression=None,
            proxy=None if is_loopback(address) else True,
            open_timeout=how.open_timeout_s,
            close_timeout=how.close_timeout_s,
            ping_interval=None,
            max_size=how.max_size,
        )
    except InvalidStatus as refused:
        raise read_denial(refused.response) from refused
    except TimeoutError as error:
        raise CannotConnect(f"no answer within {how.open_timeout_s:g} s") from error
    except (OSError, WebSocketException) as error:
        raise CannotConnect(_said(error)) from error
    if socket.subprotocol != subprotocol:
        await socket.close()
        raise CannotConnect(f"this server does not speak {subprotocol}")
    return socket


def read_denial(response: Response) -> Denied:
    """The server's refusal, from its JSON body; a proxy's, from its status."""
    status = response.status_code
    try:
        body = msgspec.json.decode(response.body, type=_Body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        body = _Body(f"http_{status}", response.reason_phrase or "the server refused the connection")
    return Denied(status, body.code, body.message, _retry_after(response.headers.get("Retry-After")))


def close_of(closed: ConnectionClosed) -> tuple[int | None, str]:
    """Code and reason of the side that closed first; no code where the connection was cut."""
    first = closed.sent if closed.rcvd is None or closed.rcvd_then_sent is False else closed.rcvd
    return (None, "the connection was cut") if first is None else (int(first.code), first.reason)


class _Body(msgspec.Struct):
    code: str
    message: str


def _retry_after(header: str | None) -> float | None:
    return float(header) if header is not None and header.isascii() and header.isdigit() and len(header) < 6 else None


def _said(error: Exception) -> str:
    cause = error.__cause__ if isinstance(error, WebSocketException) and error.__cause__ else error
    return str(cause) or type(cause).__name__
