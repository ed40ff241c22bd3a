"""Scripted model: an OpenAI-compatible model server whose answers are made by words of the newest input.

`tokens=60 every_ms=2` is answered with so many tokens in that pace; `delete` with a call that a careful server asks about.
"""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Mapping

from clients.session.tasks import Start, owned_tasks

MODEL = "scripted"
REQUEST_BYTES_MAX = 2**24
HEAD_BYTES_MAX = 65_536
TOKENS, EVERY_MS = 40, 2.0


class ScriptedModel:
    """The server, on a port of this machine. `requests`: how many it got."""

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self.requests = 0

    @property
    def api_base(self) -> str:
        """The address that a server is told, as OpenAI's clients want it."""
        return f"http://127.0.0.1:{self.port}/v1"

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["ScriptedModel"]:
        """Answer until the block is left."""
        async with owned_tasks() as start:
            server = await asyncio.start_server(
                lambda reader, writer: self._take(start, reader, writer), "127.0.0.1", self.port, limit=HEAD_BYTES_MAX
            )
            self.port = server.sockets[0].getsockname()[1]
            try:
                yield self
            finally:
                server.close()

    def _take(self, start: Start, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        start(self._serve(reader, writer), "prove model")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request and its answer; the connection is closed behind it."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            length = re.search(r"(?i)^content-length: *(\d+)", head, re.MULTILINE)
            body = await reader.readexactly(min(int(length[1]), REQUEST_BYTES_MAX)) if length else b""
            await self._answer(head, body, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # who asked is gone
        finally:
            writer.close()

    async def _answer(self, head: str, body: bytes, writer: asyncio.StreamWriter) -> None:
        request = json.loads(body) if body else {}
        if not head.startswith("POST") or not request.get("stream"):
            plain = json.dumps({"object": "list", "data": [{"id": MODEL, "object": "model"}], "choices": [_SHORT]})
            writer.write(f"{_head('application/json')}{plain}".encode())
            await writer.drain()
            return
        self.requests += 1
        writer.write(_head("text/event-stream").encode())
        number = self.requests
        for delta, pause_s in deltas(request, number):
            if pause_s:
                await writer.drain()
                await asyncio.sleep(pause_s)
            writer.write(_chunk(delta))
        writer.write(b"data: [DONE]\n\n")
        await writer.drain()


def deltas(request: Mapping[str, object], number: int) -> "list[tuple[Mapping[str, object], float]]":
    """The chunks that answer a request, each with the pause before it, in seconds. The `number` makes its calls' ids."""
    messages = request.get("messages")
    last = messages[-1] if isinstance(messages, list) and messages else {}
    content = last.get("content") if isinstance(last, dict) else ""
    words = content if isinstance(content, str) else json.dumps(content)
    is_user = isinstance(last, dict) and last.get("role") == "user"
    if is_user and "delete" in words and request.get("tools"):
        call = {"index": 0, "id": f"call-{number}", "type": "function", "function": _careful_call(request, number)}
        called = {"tool_calls": [call]}
        return [({"delta": {"content": "I ask first."}}, 0.0), ({"delta": called}, 0.0), (_end("tool_calls"), 0.0)]
    count = int(_number(words, "tokens", TOKENS)) if is_user else 8
    pause_s = _number(words, "every_ms", EVERY_MS) / 1_000
    pieces = [({"delta": {"content": f"{number}.{place} "}}, pause_s) for place in range(count)]
    return [*pieces, (_end("stop"), 0.0)]


def _careful_call(request: Mapping[str, object], number: int) -> Mapping[str, str]:
    """A call that servers ask about: a command that deletes; a file that is written, where no commands are offered."""
    if '"bash"' in json.dumps(request["tools"]):
        return {"name": "bash", "arguments": json.dumps({"command": f"rm -f prove-{number}.txt"})}
    return {"name": "write", "arguments": json.dumps({"path": f"prove-{number}.txt", "content": "a file"})}


_SHORT = {"index": 0, "message": {"role": "assistant", "content": "a title"}, "finish_reason": "stop"}


def _number(words: str, name: str, default: float) -> float:
    found = re.search(rf"\b{name}=(\d+(?:\.\d+)?)", words)
    return float(found[1]) if found else default


def _end(reason: str) -> Mapping[str, object]:
    return {"delta": {}, "finish_reason": reason}


def _chunk(choice: Mapping[str, object]) -> bytes:
    shared = {"id": "prove", "object": "chat.completion.chunk", "created": 1, "model": MODEL}
    return f"data: {json.dumps({**shared, 'choices': [{'index': 0, 'finish_reason': None, **choice}]})}\n\n".encode()


def _head(kind: str) -> str:
    return f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nConnection: close\r\n\r\n"
