"""Space program, HTTP server: its routes over HTTP/1.1, for callers that have the secret."""

import hmac
import json
import os
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from agent.sandbox.in_space import EXIT, OUTPUT, PING, SECRET_HEADER, VERSION
from agent.sandbox.in_space.commands import CommandTable, RequestRefused
from agent.sandbox.in_space.files import READ_BYTES_MAX, WRITE_BYTES_MAX, SpaceFiles

JSON_BYTES_MAX = 1 << 20
"""Largest request that is no file."""
PASSED_OVER_MAX = 4 << 20
"""How much of a refused request's body is read."""
STALLED_S = 120.0
"""How long a client may send nothing of its request, or take nothing of an answer; then it is cut off."""
TIMEOUT_MAX_S = 86_400.0


class SandboxServer(ThreadingHTTPServer):
    """Listens; a thread for each connection."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], secret: str, files: SpaceFiles) -> None:
        super().__init__(address, Handler)
        self.secret = secret.encode()
        self.files = files
        self.commands = CommandTable()


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: SandboxServer
    protocol_version = "HTTP/1.1"
    server_version = "holdfast-sandbox"
    sys_version = ""
    timeout = STALLED_S

    def do_GET(self) -> None:
        self._answer({"/health": self._health, "/read": self._read, "/list": self._list})

    def do_POST(self) -> None:
        self._answer({"/exec": self._exec, "/cancel": self._cancel})

    def do_PUT(self) -> None:
        self._answer({"/write": self._write})

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: commands and paths are the session's own."""

    def _answer(self, routes: dict[str, Callable[[], None]]) -> None:
        url = urlsplit(self.path)
        self.body_taken = False
        self.query = {name: values[-1] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
        try:
            if url.path == "/":
                self._send(HTTPStatus.OK, b"a sandbox", "text/plain")  # the platform looks whether anybody listens
                return
            given = self.headers.get(SECRET_HEADER, "").encode("latin-1", "replace")
            if not hmac.compare_digest(given, self.server.secret):
                raise RequestRefused(HTTPStatus.UNAUTHORIZED, f"{SECRET_HEADER} is missing or wrong")
            route = routes.get(url.path)
            if route is None:
                raise RequestRefused(HTTPStatus.NOT_FOUND, "there is no such route")
            route()
        except RequestRefused as refused:
            self.close_connection = True
            self._pass_over_body()
            self._send(refused.status, json.dumps({"error": str(refused)}).encode())
        except (OSError, ValueError):
            self.close_connection = True  # the client is gone, or speaks no HTTP

    def _health(self) -> None:
        self._send_json({"version": VERSION})

    def _exec(self) -> None:
        request = self._json()
        command_id, command = str(request.get("id", "")), request.get("command")
        timeout_s = request.get("timeout_s")
        if not command_id or not isinstance(command, str) or not isinstance(timeout_s, int | float):
            raise RequestRefused(HTTPStatus.BAD_REQUEST, "id, command and timeout_s are needed")
        deadline = time.monotonic() + min(float(timeout_s), TIMEOUT_MAX_S)
        running = self.server.commands.start(command_id, command, self.server.files.root)
        try:
            self.close_connection = True
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Transfer-Encoding", "chunked")
            self.send_header("Cache-Control", "no-store")
            self.send_header("X-Accel-Buffering", "no")  # a proxy is to hand on what comes as it comes
            self.end_headers()
            code, stopped = running.run(self.connection, deadline, partial(self._frame, OUTPUT))
        finally:
            self.server.commands.end(command_id)
        self._frame(EXIT, json.dumps({"code": code, "stopped": stopped}).encode())
        self._chunk(b"")

    def _cancel(self) -> None:
        self._send_json({"ended": self.server.commands.cancel(str(self._json().get("id", "")))})

    def _read(self) -> None:
        data, size = self.server.files.read(self.query.get("path", ""), self._number("max", READ_BYTES_MAX))
        self._send(HTTPStatus.OK, data, "application/octet-stream", {"X-Size": str(size)})

    def _write(self) -> None:
        replaced = self.server.files.write(self.query.get("path", ""), self._body(WRITE_BYTES_MAX))
        self._send_json({"replaced": replaced})

    def _list(self) -> None:
        recursive = self.query.get("recursive") == "1"
        entries, more = self.server.files.entries(self.query.get("path", ""), recursive, self._number("max", 1_000))
        self._send_json({"entries": entries, "more": more})

    def _number(self, name: str, default: int) -> int:
        text = self.query.get(name, str(default))
        if not text.isdecimal() or len(text) > 12:
            raise RequestRefused(HTTPStatus.BAD_REQUEST, f"{name} is no number")
        return int(text)

    def _json(self) -> dict[str, Any]:
        try:
            body = json.loads(self._body(JSON_BYTES_MAX))
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            raise RequestRefused(HTTPStatus.BAD_REQUEST, "the request is no JSON object")
        return body

    def _body(self, most: int) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            raise RequestRefused(HTTPStatus.LENGTH_REQUIRED, "Content-Length is needed")
        if len(length) > 12 or int(length) > most:
            raise RequestRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"it is too large: at most {most} bytes")
        self.body_taken = True
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise RequestRefused(HTTPStatus.BAD_REQUEST, "the request is cut short")
        return body

    def _pass_over_body(self) -> None:
        """A connection that is closed before it was read takes the answer with it."""
        length = self.headers.get("Content-Length", "")
        if not self.body_taken and length.isdecimal() and len(length) <= 12:
            with suppress(OSError):
                self.rfile.read(min(int(length), PASSED_OVER_MAX))

    def _send_json(self, content: object) -> None:
        self._send(HTTPStatus.OK, json.dumps(content).encode())

    def _send(
        self, status: int, body: bytes, kind: str = "application/json", more: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (more or {}).items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def _frame(self, kind: bytes, data: bytes) -> None:
        """`OUTPUT` without data says that the command lives."""
        if kind == OUTPUT and not data:
            kind = PING
        self._chunk(kind + struct.pack(">I", len(data)) + data)

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()


def workspace() -> str:
    """The folder of the session's files, made if it is missing."""
    folder = os.environ.get("HOLDFAST_SANDBOX_WORKSPACE") or os.path.expanduser("~/workspace")
    os.makedirs(folder, exist_ok=True)
    return os.path.realpath(folder)
