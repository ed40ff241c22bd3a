"""Connection: one socket from its opening to its end: passes frames to the core, sends what is due, closes it when it is silent."""

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.frames import CloseCode
from websockets.http11 import Response
from websockets.typing import Subprotocol

from clients.session.address import is_loopback
from clients.session.core import Encoding, SessionCore
from clients.session.errors import CannotConnect, Denied
from clients.session.outcomes import Fault, Outcome
from clients.session.tasks import owned_tasks
from protocol import SUBPROTOCOL_JSON, SUBPROTOCOL_MSGPACK

USER_AGENT = "holdfast-client/1"

SUBPROTOCOLS: dict[Encoding, Subprotocol] = {
    "json": Subprotocol(SUBPROTOCOL_JSON),
    "msgpack": Subprotocol(SUBPROTOCOL_MSGPACK),
}


class ConnectOptions(msgspec.Struct, frozen=True, kw_only=True):
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


async def open_socket(address: str, options: ConnectOptions) -> ClientConnection:
    """An open socket. Raises `Denied` or `CannotConnect`."""
    subprotocol = SUBPROTOCOLS[options.encoding]
    try:
        # The heartbeat is the watchdog. Pings of our own would take a consumer that holds back the reading for a dead peer.
        socket = await _Connect(
            address,
            subprotocols=[subprotocol],
            additional_headers={"Authorization": f"Bearer {options.token}"} if options.token else None,
            user_agent_header=USER_AGENT,
            compression=None,
            proxy=None if is_loopback(address) else True,
            open_timeout=options.open_timeout_s,
            close_timeout=options.close_timeout_s,
            ping_interval=None,
            max_size=options.max_size,
        )
    except InvalidStatus as refused:
        raise read_denial(refused.response) from refused
    except TimeoutError as error:
        raise CannotConnect(f"no answer within {options.open_timeout_s:g} s") from error
    except (OSError, WebSocketException) as error:
        raise CannotConnect(_message_of(error)) from error
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
    """Code and reason of the side that closed first; no code where the connection was cut, or what came was no websocket any more:
    a proxy that reloads may write into the middle of a frame.
    """
    first, ours = closed.rcvd, closed.rcvd is None or closed.rcvd_then_sent is False
    if ours:
        first = closed.sent
    if first is None:
        return None, "the connection was cut"
    if ours and first.code == CloseCode.PROTOCOL_ERROR:
        return None, f"what came was damaged: {first.reason}"
    return int(first.code), first.reason


class _Body(msgspec.Struct):
    code: str
    message: str


def _retry_after(header: str | None) -> float | None:
    return float(header) if header is not None and header.isascii() and header.isdigit() and len(header) < 6 else None


def _message_of(error: Exception) -> str:
    cause = error.__cause__ if isinstance(error, WebSocketException) and error.__cause__ else error
    return str(cause) or type(cause).__name__


class ConnectionEnd(msgspec.Struct, frozen=True):
    """How a socket ended. `code`: the close code of the side that closed first; None: it was cut, by us if `why` says so."""

    code: int | None
    why: str


class Connection:
    """An open socket and the core it serves. Every outcome is given to `tell`; while that waits, the socket is not read."""

    def __init__(
        self, core: SessionCore, socket: ClientConnection, *, text: bool, deliver: Callable[[Outcome], Awaitable[None]]
    ) -> None:
        self._core = core
        self._socket = socket
        self._text = text
        self._deliver = deliver
        self._now = asyncio.get_running_loop().time
        self._to_send = asyncio.Event()
        self._reading = False
        self._fault = ""

    def wake(self) -> None:
        """There may be something to send."""
        self._to_send.set()

    def allow(self, most: int) -> None:
        """Take messages of so many bytes from now on."""
        self._socket.protocol.max_message_size = most

    async def run(self) -> ConnectionEnd:
        """Until the socket ends."""
        self._core.opened(self._now())
        try:
            async with owned_tasks() as start:
                start(self._write(), "holdfast client write")
                start(self._watch(), "holdfast client watch")
                end = await self._read()
        finally:
            await self._socket.close()
        return ConnectionEnd(None, self._fault) if self._fault else end

    async def send_and_close(self) -> None:
        """Send what is due, then close the socket as one that stays away."""
        with contextlib.suppress(ConnectionClosed):
            await self._send_due()
        await self._socket.close()

    async def _read(self) -> ConnectionEnd:
        while True:
            self._core.listening(self._now())
            self._reading = True
            try:
                data = await self._socket.recv(decode=False)
            except ConnectionClosed as closed:
                return ConnectionEnd(*close_of(closed))
            finally:
                self._reading = False
            for outcome in self._core.receive_each(data, self._now()):
                if isinstance(outcome, Fault):
                    self._fault = outcome.message
                await self._deliver(outcome)
            if self._fault:
                await self._socket.close(1002, "protocol fault")
            elif self._core.next_send() < math.inf:
                self.wake()

    async def _write(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                self._to_send.clear()
                await self._send_due()
                due = self._core.next_send()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout_at(None if due == math.inf else due):
                        await self._to_send.wait()

    async def _send_due(self) -> None:
        for data in self._core.data_to_send(self._now()):
            await self._socket.send(data, text=self._text)

    async def _watch(self) -> None:
        """While the consumer holds back the reading, the silence is ours and cuts nothing."""
        while True:
            left = self._core.deadline - self._now()
            if left <= 0 and self._reading:
                self._fault = "nothing was heard for too long"
                self._socket.transport.abort()
                return
            await asyncio.sleep(max(left, self._core.limits.heartbeat_s / 4))
