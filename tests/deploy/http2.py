"""HTTP/2: opens a websocket on an HTTP/2 connection (RFC 8441), as browsers do where a server announces that it can."""

import asyncio
import ssl
from pathlib import Path
from typing import Self

import h2.connection
import h2.events


class NotAnnounced(Exception):
    """The server does not take websockets on HTTP/2."""


class Http2Socket:
    """One websocket. What comes is given as bytes: the frames of the websocket, as they are on the wire."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._h2 = h2.connection.H2Connection()
        self._stream = 0
        self.status = ""
        self.data = b""

    @classmethod
    async def open(cls, port: int, cert: Path, name: str, path: str, headers: dict[str, str]) -> Self:
        """Connect and ask for a websocket; `status` is the answer. Raises `NotAnnounced`."""
        trust = ssl.create_default_context(cafile=cert)
        trust.set_alpn_protocols(["h2", "http/1.1"])
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust, server_hostname=name)
        if writer.get_extra_info("ssl_object").selected_alpn_protocol() != "h2":
            writer.close()
            raise NotAnnounced
        socket = cls(reader, writer)
        socket._h2.initiate_connection()
        while not any(isinstance(event, h2.events.RemoteSettingsChanged) for event in await socket._receive()):
            pass
        if not socket._h2.remote_settings.enable_connect_protocol:
            writer.close()
            raise NotAnnounced
        socket._stream = socket._h2.get_next_available_stream_id()
        asked = [
            (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"), (":path", path),
            (":authority", f"{name}:{port}"), ("sec-websocket-version", "13"), *((name.lower(), value) for name, value in headers.items()),
        ]  # fmt: skip
        socket._h2.send_headers(socket._stream, asked)
        while not socket.status:
            await socket._receive()
        return socket

    async def until(self, words: bytes) -> None:
        """Receive until these bytes have come."""
        while words not in self.data:
            await self._receive()

    def close(self) -> None:
        """Drop the connection."""
        self._writer.close()

    async def _receive(self) -> list[h2.events.Event]:
        self._writer.write(self._h2.data_to_send())
        received = await asyncio.wait_for(self._reader.read(65_536), 20)
        assert received, "the connection was closed"
        events = self._h2.receive_data(received)
        for event in events:
            if isinstance(event, h2.events.ResponseReceived):
                self.status = dict(event.headers)[b":status"].decode()
            elif isinstance(event, h2.events.DataReceived):
                self.data += event.data or b""
        self._writer.write(self._h2.data_to_send())
        return list(events)
