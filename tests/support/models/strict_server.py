"""Strict server: serves one of the strict providers over HTTP."""

import asyncio
import contextlib
import json
import re
from types import TracebackType
from typing import Self

from tests.support.models.strict_provider import StrictProvider


class StrictServer:
    """The provider's server: each POST is a call. Connections are kept open.

    `unanswered`: the number of the request that gets no answer; `reached` is set when it came.
    """

    def __init__(self, provider: StrictProvider, unanswered: int = 0) -> None:
        self.provider = provider
        self.reached = asyncio.Event()
        self._unanswered = unanswered
        self._received = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def base(self) -> str:
        """The address, as LiteLLM wants it for each provider."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=64 * 1024 * 1024)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.close()
        await self._server.wait_closed()
        while self._writers:
            await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
                length = re.search(r"content-length: (\d+)", head)
                body = json.loads(await reader.readexactly(int(length[1]) if length else 0))
                self._received += 1
                if self._received == self._unanswered:
                    self.reached.set()
                    await reader.read()
                    return
                status, payload = self.provider.respond(body)
                kind = "text/event-stream" if status == 200 else "application/json"
                writer.write(
                    f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(payload)}\r\n\r\n".encode()
                )
                writer.write(payload)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
            self._writers.discard(writer)
