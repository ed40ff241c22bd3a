"""Raw HTTP: a model server that answers any request with the bytes of a list, for providers' own formats and refusals."""

import asyncio
import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self, cast

EVENTS = "text/event-stream"
JSON = "application/json"


@dataclass(frozen=True)
class Sent:
    """An answer: its status, its headers and its body as it is. `cut`: the connection ends before the body does; `hold`:
    nothing comes before the client leaves; `stays`: nothing comes behind the body before the client leaves.

    `piece`: bytes that are sent at once; 0: all.
    """

    body: bytes | str
    status: int = 200
    kind: str = EVENTS
    headers: tuple[tuple[str, str], ...] = ()
    cut: bool = False
    hold: bool = False
    stays: bool = False
    piece: int = 0

    def encoded_body(self) -> bytes:
        return self.body.encode() if isinstance(self.body, str) else self.body

    def encoded(self) -> bytes:
        """The response. A body without a length ends with the connection."""
        body = self.encoded_body()
        head = [f"HTTP/1.1 {self.status} Scripted", f"Content-Type: {self.kind}", "Connection: close"]
        head += [f"{name}: {value}" for name, value in self.headers]
        head.append(f"Content-Length: {len(body) + (self.cut or self.stays)}")
        return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def refused(status: int, body: object, **headers: str) -> Sent:
    """An HTTP error with a JSON body, or with text as it is."""
    text = body if isinstance(body, str) else json.dumps(body)
    return Sent(text, status, JSON, tuple(headers.items()))


def events(*bodies: object, names: bool = False) -> Sent:
    """Server-sent events with JSON data. `names`: each with its `type` as the event's name, as Anthropic sends them."""
    lines = []
    for body in bodies:
        name = f"event: {body['type']}\n" if names and isinstance(body, dict) else ""
        lines.append(f"{name}data: {body if isinstance(body, str) else json.dumps(body)}\n\n")
    return Sent("".join(lines))


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, object]:
        return cast("dict[str, object]", json.loads(self.body))


@dataclass
class RawServer:
    """The server. Answers in order; the last one again and again. `listing`: the answer to each GET.

    `left`: set when a client leaves that an answer waits for.
    """

    answers: Sequence[Sent]
    listing: Sent = field(default_factory=lambda: refused(404, {"error": "no such path"}))
    requests: list[Asked] = field(default_factory=list)
    listed: list[Asked] = field(default_factory=list)
    port: int = 0
    left: asyncio.Event = field(default_factory=asyncio.Event)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def asked(self, count: int) -> None:
        """Wait until so many requests have come."""
        async with asyncio.timeout(30):
            while len(self.requests) < count:
                self._news.clear()
                await self._news.wait()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *rest = head.strip().split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        method, path, _ = first.split(" ", 2)
        asked = Asked(method, path, headers, body)
        if method == "GET":
            self.listed.append(asked)
            answer = self.listing
        else:
            self.requests.append(asked)
            answer = self.answers[min(len(self.requests), len(self.answers)) - 1]
        self._news.set()
        if not answer.hold:
            data = answer.encoded()
            size = answer.piece or len(data)
            for start in range(0, len(data), size):
                writer.write(data[start : start + size])
                await writer.drain()
                await asyncio.sleep(0)  # so that the client reads each piece by itself
        if answer.hold or answer.stays:
            with contextlib.suppress(ConnectionError):
                await reader.read()
            self.left.set()
        writer.close()
