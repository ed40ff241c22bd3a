"""AG-UI's own client for tests: npm's, in a process that is driven by lines, and the schemas of the protocol's Python package."""

import asyncio
import contextlib
import itertools
import subprocess
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from ag_ui.core import Event
from pydantic import BaseModel, TypeAdapter

from tests.support.node import node_command
from tests.support.paths import ROOT

FOLDER = ROOT / "tests" / "support" / "npm" / "ag_ui"
LINE_BYTES_MAX = 2**24
_numbers = itertools.count(1)
_EVENT: TypeAdapter[Any] = TypeAdapter(Event)


def checked(event: Any) -> Any:
    """The event, if it is one of AG-UI 1.0 and holds nothing else."""
    _nothing_unknown(_EVENT.validate_python(event))
    return event


def _nothing_unknown(model: object) -> None:
    if isinstance(model, BaseModel):
        assert not model.model_extra, f"{type(model).__name__} has no {model.model_extra}"
        for value in dict(model).values():
            _nothing_unknown(value)
    elif isinstance(model, list):
        for value in model:
            _nothing_unknown(value)


class Ran(msgspec.Struct):
    """What the client made of one run, and all its messages."""

    events: list[dict[str, Any]]
    messages: list[dict[str, Any]]
    interrupts: list[dict[str, Any]]
    error: str | None

    @property
    def types(self) -> list[str]:
        return [event["type"] for event in self.events if event["type"] != "CUSTOM"]

    def texts(self, role: str) -> list[str]:
        """What was said in this role."""
        return [one.get("content") or "" for one in self.messages if one["role"] == role]


class NodeAgent:
    """One `HttpAgent`. Its own checks of the order of events are on."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def run(self, say: str | list[dict[str, Any]] = "", **command: Any) -> Ran:
        """One run; `say`: a message that is added before, as a text or its parts."""
        if say:
            command["say"] = {"id": f"said-{next(_numbers)}", "role": "user", "content": say}
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(msgspec.json.encode(command) + b"\n")
        async with asyncio.timeout(30):
            line = await self._process.stdout.readline()
        ran = msgspec.json.decode(line, type=Ran)
        for event in ran.events:
            checked(event)
        return ran

    async def answer(self, interrupts: list[dict[str, Any]], payload: object, **command: Any) -> Ran:
        """A run that answers these interrupts."""
        resume = [{"interruptId": one["id"], "status": "resolved", "payload": payload} for one in interrupts]
        return await self.run(run={"resume": resume}, **command)


@contextlib.asynccontextmanager
async def node_agent(address: str, thread_id: str) -> AsyncIterator[NodeAgent]:
    """The client for a thread of a server. At the end it must not have complained of anything."""
    if not (FOLDER / "node_modules").exists():
        pytest.fail("@ag-ui/client is missing: run `make test` once, it installs it", pytrace=False)
    process = await asyncio.create_subprocess_exec(
        node_command(),
        str(FOLDER / "client.mjs"),
        f"{address}/ag-ui",
        thread_id,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        limit=LINE_BYTES_MAX,
    )
    try:
        yield NodeAgent(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        _, complaints = await process.communicate()
    if complaints:
        pytest.fail(complaints.decode(), pytrace=False)
