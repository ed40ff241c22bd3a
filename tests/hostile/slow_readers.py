"""Slow readers: many sockets on one session, none of which reads before all are open; then each reads a little in turn."""

import asyncio
import base64
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Callable
from functools import partial

from protocol import SUBPROTOCOL_JSON
from tests.support.polling import eventually

KERNEL_BYTES = 65_536
"""What the kernel keeps for a reader: else it would take a whole snapshot for each in place of the server."""
TAKEN_BYTES = 65_536
OPENED = b"HTTP/1.1 101 "


class SlowReaders:
    """Open sockets that are not read yet."""

    def __init__(self, sockets: list[socket.socket]) -> None:
        self._sockets = sockets

    async def read_all(self, last: bytes, look: Callable[[], object]) -> int:
        """Read all of them, a little each in turn, until each has got a frame with `last` in it; the bytes of the one
        that has got the fewest: heartbeats are for some.

        `look` is called before each turn.
        """
        got = dict.fromkeys(self._sockets, 0)
        ends = dict.fromkeys(self._sockets, b"")
        while ends:
            look()
            progress = False
            for one in list(ends):
                with contextlib.suppress(BlockingIOError):
                    data = one.recv(TAKEN_BYTES)
                    assert data, "the server cut a slow reader"
                    progress = True
                    got[one] += len(data)
                    ends[one] = (ends[one] + data)[-1_024:]
                    if last in ends[one]:
                        del ends[one]
            await asyncio.sleep(0 if progress else 0.001)
        return min(got.values())


@contextlib.asynccontextmanager
async def slow_readers(port: int, path: str, token: str, count: int) -> AsyncIterator[SlowReaders]:
    """So many sockets, each of which has been answered and has not read more than that."""
    async with contextlib.AsyncExitStack() as stack:
        sockets = []
        for _ in range(count):
            one = stack.enter_context(socket.socket())
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, KERNEL_BYTES)
            one.setblocking(False)
            await asyncio.get_running_loop().sock_connect(one, ("127.0.0.1", port))
            one.sendall(_upgrade(path, token))
            sockets.append(one)
        for one in sockets:
            await eventually(partial(_answered, one), "the upgrade is answered")
        yield SlowReaders(sockets)


def _answered(one: socket.socket) -> bool:
    try:
        begin = one.recv(len(OPENED), socket.MSG_PEEK)
    except BlockingIOError:
        return False
    assert begin == OPENED, begin
    return True


def _upgrade(path: str, token: str) -> bytes:
    key = base64.b64encode(os.urandom(16)).decode()
    fields = {
        "Host": "localhost",
        "Authorization": f"Bearer {token}",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": key,
        "Sec-WebSocket-Protocol": SUBPROTOCOL_JSON,
    }
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode()
