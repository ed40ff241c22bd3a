"""Editor: the other side of `holdfast acp`: lines over pipes, each held against the protocol's schema."""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from agent.util.tasks import TaskOwner
from clients.acp.app import serve
from clients.acp.server import Server
from clients.session.client import Place
from tests.support.acp.schema import Checker
from tests.support.forking.interpreter import holdfast
from tests.support.paths import ROOT

PATIENCE_S = 45.0
COMMAND = [*holdfast(), "acp"]
Message = dict[str, Any]


class Editor:
    """What the agent wrote, and ways to ask it. `updates` are those of all sessions, `asks` its requests."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self.lines: list[Message] = []
        self.checker = Checker()
        self.approving = False
        """Whether each question about a call is answered by its first option."""
        self._send = send
        self._number = 0
        self._waiting: dict[int, asyncio.Future[Message]] = {}
        self._arrived = asyncio.Event()

    @property
    def updates(self) -> list[Message]:
        return [line["params"]["update"] for line in self.lines if line.get("method") == "session/update"]

    @property
    def asks(self) -> list[Message]:
        return [line for line in self.lines if line.get("method") == "session/request_permission"]

    @property
    def withdrawn(self) -> list[int]:
        return [line["params"]["requestId"] for line in self.lines if line.get("method") == "$/cancel_request"]

    def text(self, kind: str = "agent_message_chunk") -> str:
        """All text of this kind so far."""
        return "".join(update["content"]["text"] for update in self.updates if update["sessionUpdate"] == kind)

    def ask(self, method: str, **params: Any) -> asyncio.Future[Message]:
        """A request; its answer, once it comes."""
        self._number += 1
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._waiting[self._number] = answer
        self.write({"id": self._number, "method": method, "params": params})
        return answer

    async def request(self, method: str, **params: Any) -> Message:
        """The result of a request, or its error under `error`."""
        async with asyncio.timeout(PATIENCE_S):
            line = await self.ask(method, **params)
        result: Message = line["result"] if "result" in line else {"error": line["error"]}
        return result

    async def initialize(self, version: int = 1, **capabilities: Any) -> Message:
        """The answer to `initialize`."""
        if version == 2:
            info = {"name": "test", "version": "1"}
            return await self.request("initialize", protocolVersion=2, info=info, capabilities=capabilities)
        return await self.request("initialize", protocolVersion=1, clientCapabilities=capabilities)

    async def new(self) -> str:
        """A new session's id."""
        result = await self.request("session/new", cwd="/tmp", mcpServers=[])
        assert "sessionId" in result, result
        session_id: str = result["sessionId"]
        return session_id

    async def load(self, session_id: str) -> Message:
        """Load a session with its history."""
        return await self.request("session/load", sessionId=session_id, cwd="/tmp", mcpServers=[])

    def prompt(self, session_id: str, text: str) -> asyncio.Future[Message]:
        """Say something; the prompt's answer, once it comes."""
        return self.ask("session/prompt", sessionId=session_id, prompt=[{"type": "text", "text": text}])

    def notify(self, method: str, **params: Any) -> None:
        """A message without an answer."""
        self.write({"method": method, "params": params})

    def choose(self, ask: Message, option: str) -> None:
        """Answer a request for permission by one of its options."""
        self.write({"id": ask["id"], "result": {"outcome": {"outcome": "selected", "optionId": option}}})

    def write(self, message: Message) -> None:
        """A message to the agent."""
        line = {"jsonrpc": "2.0", **message}
        self.checker.check(line, by_agent=False)
        self._send(json.dumps(line).encode() + b"\n")

    async def until(self, done: Callable[[], Any]) -> None:
        """Wait until this holds; it is looked at after each line."""
        async with asyncio.timeout(PATIENCE_S):
            while not done():
                self._arrived.clear()
                await self._arrived.wait()

    def arrived(self, line: bytes) -> None:
        """The agent wrote a line."""
        message = json.loads(line)
        self.checker.check(message, by_agent=True)
        self.lines.append(message)
        if "method" not in message and message["id"] in self._waiting:
            self._waiting.pop(message["id"]).set_result(message)
        if self.approving and message.get("method") == "session/request_permission":
            self.choose(message, message["params"]["options"][0]["optionId"])
        self._arrived.set()


@contextlib.asynccontextmanager
async def editor(url: str, token: str | None = None) -> AsyncIterator[Editor]:
    """An editor whose agent runs in the test's own loop. At the end it leaves, and every line was as the schema wants it."""

    async def locate() -> Place:
        return Place(url, token)

    to_agent, from_agent = os.pipe(), os.pipe()
    one = Editor(lambda data: (os.write(to_agent[1], data), None)[1])
    tasks = TaskOwner("editor")
    agent = tasks.start(serve(Server(locate), "1", to_agent[0], from_agent[1], asyncio.Event()), "agent")
    reading = tasks.start(_read(from_agent[0], one), "read")
    try:
        yield one
    finally:
        os.close(to_agent[1])
        async with asyncio.timeout(PATIENCE_S):
            await agent
        os.close(to_agent[0])
        os.close(from_agent[1])
        await reading
        await tasks.aclose()
    assert not one.checker.faults, one.checker.faults


async def _read(descriptor: int, one: Editor) -> None:
    reader = asyncio.StreamReader(limit=2**26)
    pipe = os.fdopen(descriptor, "rb", 0)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), pipe
    )
    async for line in reader:
        one.arrived(line)
    transport.close()


@contextlib.asynccontextmanager
async def editor_process(*options: str, environ: dict[str, str] | None = None) -> AsyncIterator["EditorProcess"]:
    """An editor whose agent is a process, which is killed at the end if it did not end before."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *options,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=2**26,
        cwd=ROOT,
        env={**os.environ, **(environ or {})},
    )
    one = EditorProcess(process)
    tasks = TaskOwner("editor")
    tasks.start(one.read(), "read")
    try:
        yield one
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await tasks.aclose()
    assert not one.checker.faults, one.checker.faults


class EditorProcess(Editor):
    """An editor and its agent's process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        super().__init__(process.stdin.write)
        self.process = process

    async def read(self) -> None:
        """Take the agent's lines to their end."""
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.arrived(line)


def kinds(updates: Sequence[Message]) -> list[str]:
    """The kinds of updates, each run of one kind once."""
    found: list[str] = []
    for update in updates:
        if found[-1:] != [update["sessionUpdate"]]:
            found.append(update["sessionUpdate"])
    return found
