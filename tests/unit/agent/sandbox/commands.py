"""Sandbox commands: a sandbox on this machine that runs commands, for the tests of isolation."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from agent.sandbox.local.sandbox import LocalSandbox
from agent.sandbox.settings import SandboxSettings
from agent.workspace.files import ExitStatus
from agent.workspace.settings import WorkspaceLimits
from agent.workspace.workspace import Workspace
from tests.contract.sandboxes import bubblewrap
from tests.support.constants import built_in
from tests.support.executors import disk, places

LONG_S = 60.0


class OpenSandbox:
    """One session's sandbox, and where its workspace really is."""

    def __init__(self, sandbox: LocalSandbox, workspace: Workspace) -> None:
        self.sandbox = sandbox
        self.workspace = workspace
        self.root = workspace.root

    async def run(self, command: str, timeout_s: float = LONG_S) -> tuple[ExitStatus, str]:
        """Run a command to its end; its output, as text."""
        output = bytearray()

        async def sink(piece: bytes) -> None:
            output.extend(piece)

        ended = await self.sandbox.exec(command, sink, timeout_s)
        return ended, output.decode(errors="replace")

    async def output(self, command: str) -> str:
        """The output of a command that ends well."""
        ended, output = await self.run(command)
        assert ended == ExitStatus(0), (ended, output)
        return output


@contextlib.asynccontextmanager
async def open_sandbox(
    folder: Path, limits: Mapping[str, int] | None = None, hidden: tuple[Path, ...] = (), **settings: Any
) -> AsyncIterator[OpenSandbox]:
    """A sandbox whose workspace is below `folder`; the test is skipped where there is no bubblewrap."""
    workspace = Workspace(folder / "workspaces" / "one", WorkspaceLimits(**built_in("workspace", limits or {})))
    chosen = msgspec.convert(built_in("sandbox", settings), SandboxSettings)
    sandbox = LocalSandbox(workspace, disk(), places(), chosen, "a test", bubblewrap(), hidden)
    yield OpenSandbox(sandbox, workspace)
    await sandbox.close()
