"""MCP servers under test: config entries for real servers, a router over them, checks of their processes."""

import asyncio
import contextlib
import json
import os
import socket
import sys
import threading
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import psutil

from agent.tools import Tool, ToolResult, ToolRouter, Workspace, WorkspaceLimits
from agent.tools.mcp import McpLimits, McpServer, McpServers
from tests.support.constants import built_in
from tests.support.forking.interpreter import python
from tests.support.network.ports import free_port
from tests.support.node import node_command
from tests.support.polling import PATIENCE_S, eventually

ROOT = Path(__file__).resolve().parents[5]
EVERYTHING = ROOT / "tests/support/npm/mcp/node_modules/@modelcontextprotocol/server-everything/dist/index.js"
PLAIN = Path(__file__).with_name("plain_server.py")
PATIENT = {"ready_wait_s": PATIENCE_S}
QUICK = {"backoff_initial_s": 0.01, "backoff_max_s": 0.05, "stop_wait_s": 0.5}


def odd(*args: str, folder: Path | None = None, **fields: Any) -> McpServer:
    """The plain server over stdio, which behaves well or badly on demand."""
    noted = ["--folder", str(folder)] if folder is not None else []
    return entry(command=sys.executable, args=["-I", "-S", str(PLAIN), *noted, *args], **fields)


def scripted(folder: Path, tools: list[Any], answers: dict[str, list[Any]], **more: Any) -> McpServer:
    """The plain server with these tools, and these lines in answer to their calls."""
    (folder / "script.json").write_text(json.dumps({"tools": tools, "answers": answers, **more}))
    return odd("--script", str(folder / "script.json"))


def everything(*args: str, **fields: Any) -> McpServer:
    """The reference server of the protocol's own people, over stdio."""
    return entry(command=node_command(), args=[str(EVERYTHING), *args], **fields)


def entry(**fields: Any) -> McpServer:
    return msgspec.convert(fields, McpServer)


def alive(process_id: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(process_id).status() != psutil.STATUS_ZOMBIE
    return False


def noted(folder: Path, name: str) -> int:
    """The process id that the odd server noted under this name; 0 as long as it did not."""
    path = folder / name
    return int(path.read_text() or 0) if path.exists() else 0


class HttpServer:
    """A server over streamable HTTP as a process of its own, that can be killed and started where it was."""

    def __init__(self, *command: str) -> None:
        self.port = free_port()
        self._command = [part.replace("PORT", str(self.port)) for part in command]
        self._process: asyncio.subprocess.Process | None = None

    @classmethod
    def odd(cls, *args: str) -> "HttpServer":
        return cls(*python(), "-m", "tests.unit.agent.tools.mcp.odd_server", "--http", "PORT", *args)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"

    async def start(self) -> "HttpServer":
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            cwd=ROOT,
            env={**os.environ, "PORT": str(self.port)},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        await eventually(self._listens, "an MCP server that listens")
        return self

    async def kill(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
            self._process = None
            await eventually(lambda: not self._listens(), "its end, after that of what stands for it")

    async def __aenter__(self) -> "HttpServer":
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.kill()

    def _listens(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False


class Session:
    """A session's router over MCP servers, its workspace, and the log of its calls."""

    def __init__(self, servers: McpServers, folder: Path, user: str, token: str | None, tools: list[Tool]) -> None:
        self.workspace = Workspace(folder, WorkspaceLimits())
        self.log: list[str] = []
        source = servers.for_session(user, token, {tool.name for tool in tools}, self._keep, folder)
        self.router = ToolRouter(tools, sources=[source] if source is not None else [])

    def names(self) -> list[str]:
        return [spec["function"]["name"] for spec in self.router.specs()]  # type: ignore[index]  # as specs are made

    def spec(self, name: str) -> dict[str, Any]:
        found = {spec["function"]["name"]: spec["function"] for spec in self.router.specs()}  # type: ignore[index]
        return dict(found[name])  # type: ignore[call-overload,no-any-return]  # as above

    async def run(self, name: str, **arguments: object) -> ToolResult:
        return await self.router.run(name, arguments, self._log)

    async def answer(self, name: str, **arguments: object) -> Any:
        """What a tool answered, as JSON."""
        result = await self.run(name, **arguments)
        assert result.success, result.output
        return json.loads(result.output)

    async def _log(self, text: str) -> None:
        self.log.append(text)

    async def _keep(self, path: str, data: bytes) -> None:
        await asyncio.to_thread(self.workspace.write, path, data, _GO)


class ServersUnderTest:
    """All servers of one Holdfast, and sessions that use them."""

    def __init__(self, servers: Mapping[str, McpServer], limits: McpLimits, folder: Path) -> None:
        self.servers = McpServers(servers, limits, folder / "mcp")
        self._folder = folder
        self._sessions: list[Session] = []

    async def session(self, user: str = "ann", token: str | None = None, tools: list[Tool] | None = None) -> Session:
        """A new session whose servers have come up, or failed."""
        made = Session(self.servers, self._folder / f"session-{len(self._sessions)}", user, token, tools or [])
        self._sessions.append(made)
        await made.router.wait_ready()
        return made

    def state(self, name: str) -> tuple[str, str]:
        """A shared server's state, and why."""
        (status,) = [one for one in self.servers.statuses() if one.name == name]
        return status.state, status.reason

    async def aclose(self) -> None:
        for session in self._sessions:
            await session.router.aclose()
        await self.servers.aclose()


@contextlib.asynccontextmanager
async def running_servers(
    folder: Path, servers: Mapping[str, McpServer], **bounds: Any
) -> AsyncIterator[ServersUnderTest]:
    """The servers, from their start to their end."""
    limits = McpLimits(**built_in("mcp", {**PATIENT, **QUICK, **bounds}))
    made = ServersUnderTest(servers, limits, folder)
    made.servers.start()
    try:
        yield made
    finally:
        await made.aclose()


_GO = threading.Event()
