"""Bare session server: the least that speaks the wire, stores each event and streams a model's answer, as a floor of the live path.

It has no tools, credentials, redaction, view or recovery. Run as `python -m benchmarks.bare_sessions API_BASE FOLDER`.
"""

import asyncio
import json
import socket
import sqlite3
import sys
import uuid
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from agent.util.tasks import TaskOwner


class Delta(msgspec.Struct):
    """The part of an answer in a chunk of OpenAI's stream."""

    content: str | None = None


class Choice(msgspec.Struct):
    """The one choice of a chunk."""

    delta: Delta


class Chunk(msgspec.Struct):
    """What is read of a chunk of OpenAI's stream."""

    choices: list[Choice]


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Chunk).decode


class Session:
    """The events of one session, and the sockets that wait for more."""

    def __init__(self, session_id: str, db: sqlite3.Connection) -> None:
        self.session_id = session_id
        self.events: list[bytes] = []
        self.waiting: list[asyncio.Event] = []
        self._db = db
        self._text = ""
        self._message_id = ""
        self._coming: list[str] = []

    def emit(self, **fields: Any) -> None:
        """Store an event, after the text that came before it, and wake the sockets."""
        self._flush()
        self._store(fields)
        self._wake()

    def begin(self) -> None:
        """A new message of the model."""
        self._message_id, self._text = uuid.uuid4().hex, ""

    def add(self, text: str) -> None:
        """Text of the model. What comes in one step of the event loop is one event."""
        if not self._coming:
            asyncio.get_running_loop().call_soon(self._step)
        self._coming.append(text)

    def finish(self) -> None:
        """The end of the message and of the turn."""
        self._flush()
        self.emit(type="assistant_message", message_id=self._message_id, text=self._text)
        self.emit(type="turn_complete", turn_id="t")

    def _step(self) -> None:
        self._flush()
        self._wake()

    def _flush(self) -> None:
        if self._coming:
            text = "".join(self._coming)
            self._coming.clear()
            where = {"message_id": self._message_id, "offset": len(self._text)}
            self._store({"type": "assistant_chunk", **where, "text": text})
            self._text += text

    def _store(self, fields: dict[str, Any]) -> None:
        seq = len(self.events) + 1
        data = _encode({"seq": seq, **fields})
        self.events.append(data)
        self._db.execute("INSERT INTO events VALUES (?, ?, ?)", (self.session_id, seq, data))

    def _wake(self) -> None:
        for event in self.waiting:
            event.set()


class Sessions:
    """All sessions, and the one endpoint for their sockets."""

    def __init__(self, api_base: str, folder: Path) -> None:
        self._db = sqlite3.connect(folder / "events.db", isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute(
            "CREATE TABLE events (session TEXT, seq INTEGER, data BLOB, PRIMARY KEY (session, seq)) WITHOUT ROWID"
        )
        self._url = f"{api_base}/chat/completions"
        self._sessions: dict[str, Session] = {}
        self._tasks = TaskOwner("bare sessions")
        self._http: aiohttp.ClientSession | None = None

    async def endpoint(self, socket: WebSocket) -> None:
        """Serve one socket."""
        session_id = socket.path_params.get("session_id") or uuid.uuid4().hex
        session = self._sessions.get(session_id) or self._sessions.setdefault(session_id, Session(session_id, self._db))
        await socket.accept()
        changed = asyncio.Event()
        session.waiting.append(changed)
        sending = self._tasks.start(self._send(socket, session, changed), "send")
        try:
            while True:
                frame = json.loads(await socket.receive_text())
                session.emit(type="accepted", submission=frame)
                self._tasks.start(self._answer(session, frame["text"]), "turn")
        except WebSocketDisconnect:
            pass
        finally:
            session.waiting.remove(changed)
            sending.cancel()

    async def _send(self, socket: WebSocket, session: Session, changed: asyncio.Event) -> None:
        sent = len(session.events)
        await socket.send_text(json.dumps({"type": "ready", "session_id": session.session_id, "seq": sent}))
        await socket.send_text(json.dumps({"type": "synced", "seq": sent}))
        while True:
            fresh = session.events[sent:]
            if not fresh:
                changed.clear()
                await changed.wait()
                continue
            sent += len(fresh)
            await socket.send_text(b"\n".join(fresh).decode())

    async def _answer(self, session: Session, text: str) -> None:
        if self._http is None:
            self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        session.emit(type="processing", turn_id="t")
        session.begin()
        body = {"model": "scripted", "stream": True, "messages": [{"role": "user", "content": text}]}
        held = b""
        async with self._http.post(self._url, json=body) as response:
            async for block in response.content.iter_any():
                *lines, held = (held + block).split(b"\n")
                for line in lines:
                    if line.startswith(b"data: {"):
                        chunk = _decode(line[6:])
                        content = chunk.choices[0].delta.content if chunk.choices else None
                        if content:
                            session.add(content)
        session.finish()


def main(api_base: str, folder: str) -> None:
    """Serve until killed; print the address first."""
    sessions = Sessions(api_base, Path(folder))
    routes = [WebSocketRoute(path, sessions.endpoint) for path in ("/ws", "/ws/{session_id}")]
    with socket.create_server(("127.0.0.1", 0), backlog=2_048) as listening:
        print(f"listening on http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
        config = uvicorn.Config(Starlette(routes=routes), log_level="error", ws="websockets-sansio", loop="uvloop")
        config.ws_per_message_deflate = False
        uvicorn.Server(config).run([listening])


if __name__ == "__main__":
    main(*sys.argv[1:])
