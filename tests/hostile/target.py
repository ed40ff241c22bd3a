"""Target: what an attack knows of the server, and its ways in."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any, Literal

import msgspec
from websockets.asyncio.client import ClientConnection, connect

from protocol import SUBPROTOCOL_JSON

Way = Literal["user", "drive", "read", "admin"]


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A server under attack.

    `user`: the API token of the user mallory, who owns `session_id`. `admin`: that of an admin. `drive`, `read`: secrets of
    links to a session of the quiet user, `shared_id`; the one to drive also sets the model. `options`: what the test gives this
    attack besides.
    """

    port: int
    user: str
    admin: str
    session_id: str
    drive: str
    read: str
    shared_id: str
    options: dict[str, Any] = {}

    @property
    def http(self) -> str:
        """The server's base URL."""
        return f"http://127.0.0.1:{self.port}"

    def headers(self, way: Way) -> dict[str, str]:
        """The credentials of this way in, as HTTP headers."""
        return {"Authorization": f"Bearer {getattr(self, way)}"}

    def session_of(self, way: Way) -> str:
        """The session that this way leads to."""
        return self.shared_id if way in ("drive", "read") else self.session_id

    @contextlib.asynccontextmanager
    async def socket(
        self, way: Way, *, encoding: str = SUBPROTOCOL_JSON, **options: Any
    ) -> AsyncIterator[ClientConnection]:
        """An open websocket on `session_of(way)`. `options`: more arguments of `websockets.connect`."""
        arguments: dict[str, Any] = {"compression": None, "ping_interval": None, "max_size": None, **options}
        url = f"ws://127.0.0.1:{self.port}/ws/{self.session_of(way)}"
        async with connect(
            url,
            subprotocols=[encoding],  # type: ignore[list-item]  # a NewType of str
            additional_headers=self.headers(way),
            **arguments,
        ) as socket:
            yield socket
