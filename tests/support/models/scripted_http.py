"""Scripted HTTP: the connections of the scripted model server: one request at a time, answered as scripted."""

import asyncio
import json
import socket
import time
from dataclasses import dataclass, field
from typing import Protocol, cast

from agent.util.tasks import TaskOwner
from tests.support.models.model_script import (
    Answer,
    Cut,
    Gate,
    Hang,
    Op,
    Paced,
    Refusal,
    Silence,
)
from tests.support.models.script_formats import format_of, program

_STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n"
_LAST_CHUNK = b"0\r\n\r\n"
_MAX_REQUEST_BYTES = 64 * 1024 * 1024


@dataclass(eq=False)
class Request:
    """One request as it came, and how it ended."""

    body: dict[str, object]
    headers: dict[str, str]
    at: float = field(default_factory=time.monotonic)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    left_at: float | None = None
    finished: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def messages(self) -> list[dict[str, object]]:
        return cast("list[dict[str, object]]", self.body.get("messages", []))

    @property
    def tools(self) -> list[dict[str, object]]:
        return cast("list[dict[str, object]]", self.body.get("tools") or [])

    @property
    def streams(self) -> bool:
        """Whether it asks for a stream. Gemini is asked for one by the address."""
        return self.body.get("stream") is True or "contents" in self.body

    @property
    def last_user_text(self) -> str:
        others = self.body.get("input") or self.body.get("contents") or []
        messages = self.messages or cast("list[dict[str, object]]", others)
        texts = [one.get("content") or one.get("parts") for one in messages if one.get("role") == "user"]
        return str(texts[-1]) if texts else ""


class Host(Protocol):
    """What a connection needs of its server."""

    tasks: TaskOwner

    def answer(self, request: Request) -> Answer: ...
    def joined(self, connection: "Connection") -> None: ...
    def parted(self, connection: "Connection") -> None: ...


class Connection(asyncio.Protocol):
    """One client: HTTP/1.1 with keep-alive, one request at a time, bodies with a Content-Length."""

    def __init__(self, server: Host) -> None:
        self._server = server
        self._inbox = bytearray()
        self._transport: asyncio.Transport | None = None
        self._request: Request | None = None
        self._task: asyncio.Task[None] | None = None
        self._path = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._server.joined(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._server.parted(self)
        if self._request is not None and not self._request.finished.is_set():
            self._request.left_at = time.monotonic()
            self._request.left.set()
        if self._task is not None:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        self._inbox += data
        self._next()

    def stop(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _next(self) -> None:
        """Take the next whole request, if no other is being answered."""
        end = self._inbox.find(b"\r\n\r\n")
        if end < 0 or self._task is not None or self._transport is None:
            return
        lines = self._inbox[:end].decode("latin-1").split("\r\n")
        headers = {
            name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])
        }
        length = int(headers.get("content-length", "0"))
        if length > _MAX_REQUEST_BYTES:
            self._transport.abort()
            return
        if len(self._inbox) < end + 4 + length:
            return
        body = bytes(self._inbox[end + 4 : end + 4 + length])
        del self._inbox[: end + 4 + length]
        method, path, _ = lines[0].split(" ", 2)
        self._path = path.split("?")[0]
        if method != "POST" or not (self._path.endswith("/chat/completions") or format_of(self._path)):
            self._refuse(Refusal(404, f"{method} {path}: only POST /v1/chat/completions is served"))
            return
        self._request = Request(json.loads(body), headers)
        answer = self._server.answer(self._request)
        self._task = self._server.tasks.start(self._serve(answer), "reply")
        self._task.add_done_callback(self._served)

    def _served(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if not task.cancelled() and task.exception() is None:
            self._next()

    async def _serve(self, answer: Answer) -> None:
        assert self._transport is not None and self._request is not None
        if isinstance(answer, Refusal):
            self._request.finished.set()
            self._refuse(answer)
        elif isinstance(answer, Silence):
            await asyncio.Event().wait()
        else:
            self._transport.write(_STREAM_HEAD)
            await asyncio.sleep(0)
            for op in program(answer, self._path):
                await self._perform(op)
                if self._transport.is_closing():
                    return
            self._request.finished.set()
            self._transport.write(_LAST_CHUNK)

    async def _perform(self, op: Op) -> None:
        assert self._transport is not None and self._request is not None
        match op:
            case bytes():
                self._transport.write(op)
            case float():
                await asyncio.sleep(op)
            case Gate():
                await op.passed()
            case Hang():
                await asyncio.Event().wait()
            case Paced():
                await self._tokens(op)
            case Cut(reset=reset):
                self._request.finished.set()
                if reset:
                    self._transport.abort()
                else:
                    self._transport.close()

    async def _tokens(self, op: Paced) -> None:
        assert self._transport is not None
        data = b"" if op.tokens.stamped else op.event()
        begin = time.monotonic()
        for number in range(op.tokens.count):
            wait = begin + number * op.tokens.every - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            self._transport.write(data or op.event())

    def _refuse(self, refusal: Refusal) -> None:
        assert self._transport is not None
        payload = refusal.payload()
        head = f"HTTP/1.1 {refusal.status} Scripted\r\nContent-Type: application/json\r\nContent-Length: {len(payload)}\r\n"
        if refusal.retry_after is not None:
            head += f"Retry-After: {refusal.retry_after:g}\r\n"
        self._transport.write(head.encode() + b"\r\n" + payload)
