"""Tools of a server under test: each notes that it ran, so that a call that runs twice is found. Installed by a hook."""

import asyncio
import ctypes
import json
import os
import signal
from typing import Annotated

import msgspec
from msgspec import Meta

from agent.policy.effects import Effects
from agent.tools import ToolResult, ToolRouter
from agent.tools.base import StructTool, ToolLog
from server.journal.base import SessionRow
from server.sessions.toolset import ToolsetFactory

HOOK = "tests.faults.harness.tools:install"
LONG_OUTPUT = "a line of what was found\n" * 40
_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1

Key = Annotated[str, Meta(min_length=1, description="the call's own name, to find it in the file")]


class Keyed(msgspec.Struct, forbid_unknown_fields=True):
    """Arguments of a tool that only says that it ran."""

    key: Key


class Change(msgspec.Struct, forbid_unknown_fields=True):
    """Arguments of a tool that must be asked for."""

    key: Key
    value: str


class _RunLog:
    """The file of runs, one line each: written in one piece, so that a kill leaves all of it or nothing."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def __call__(self, key: str) -> None:
        os.write(self._file, f"{key}\n".encode())


class NoteTool(StructTool[Keyed]):
    """Runs freely and is done at once."""

    name = "note"
    description = "Note something."
    arguments = Keyed
    side_effects: str | None = "notes written"

    def __init__(self, record: _RunLog) -> None:
        self._record = record

    async def execute(self, arguments: Keyed, log: ToolLog) -> ToolResult:
        self._record(arguments.key)
        return ToolResult(output=LONG_OUTPUT, success=True)


class ChangeTool(StructTool[Change]):
    """Must be asked for."""

    name = "change"
    description = "Change something."
    arguments = Change

    def __init__(self, record: _RunLog) -> None:
        self._record = record

    def effects(self, arguments: Change) -> Effects:
        return Effects("it changes something", frozenset({"write_outside"}))

    async def execute(self, arguments: Change, log: ToolLog) -> ToolResult:
        self._record(arguments.key)
        return ToolResult(output=f"changed to {arguments.value}", success=True)


class HoldTool(StructTool[Keyed]):
    """Runs freely, with a process of its own, until the test lets it go: see `Workbench`."""

    name = "hold"
    description = "Hold something."
    arguments = Keyed

    def __init__(self, record: _RunLog, port: int) -> None:
        self._record = record
        self._port = port

    async def execute(self, arguments: Keyed, log: ToolLog) -> ToolResult:
        self._record(arguments.key)
        child = await asyncio.create_subprocess_exec(
            "sleep", "3600", stdin=asyncio.subprocess.DEVNULL, preexec_fn=_die_with_parent
        )
        writer: asyncio.StreamWriter | None = None
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            writer.write(json.dumps({"key": arguments.key, "child": child.pid}).encode() + b"\n")
            await log(f"holding {arguments.key}\n")
            await reader.readline()
            await log("let go\n")
        finally:
            if writer is not None:
                writer.close()
            child.kill()
            await child.wait()
        return ToolResult(output=f"held {arguments.key}", success=True)


def _die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def install(port: int, runs: str) -> None:
    """Give every session these tools in the place of the usual ones. `runs`: the file of runs."""
    record = _RunLog(runs)

    def tools_for(self: ToolsetFactory, row: SessionRow, hf_token: str | None, *_: object, **__: object) -> ToolRouter:
        return ToolRouter(
            [NoteTool(record), ChangeTool(record), HoldTool(record, port)],
            max_output_tokens=self._settings.turn.tool_output_max_tokens,
            timeout_s=self._settings.turn.tool_timeout_s,
        )

    ToolsetFactory.saves_workspace = lambda *_: False  # type: ignore[method-assign]  # as these tools have no snapshots
    ToolsetFactory.tools_for = tools_for  # type: ignore[method-assign]  # what a hook is for
