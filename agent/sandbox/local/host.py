"""No sandbox at all: commands as the server's own user on the bare machine. Only for who writes `host` in the config."""

import asyncio
import os
import secrets
import signal
from contextlib import suppress
from pathlib import Path

from agent.sandbox.local.bubblewrap import shell
from agent.sandbox.local.files import LocalFiles
from agent.sandbox.local.limits import LimitMonitor, WorkspaceQuota
from agent.sandbox.local.process import CommandProcess
from agent.sandbox.local.sandbox import refuse_nul
from agent.sandbox.settings import SandboxSettings
from agent.workspace.files import ExitStatus, OutputSink
from agent.workspace.workspace import Workspace

KEPT = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TMPDIR", "TZ")
"""What a command sees of the server's environment; its keys and tokens are not among it."""
PROCESSES = Path("/proc")
COOKIE = "HOLDFAST_COMMAND"
# As in a sandbox nothing begins unless it is told to. What waits beside it ends the group when the server has died.
START = (
    'exec 3<&0; echo ready; read -r go <&3 && [ "$go" = go ] || exit 125; '
    '(read -r gone <&3; kill -KILL 0) >/dev/null 2>&1 & exec 3<&-; exec "$@" </dev/null'
)


class HostSandbox(LocalFiles):
    """Runs commands in the workspace; from there they reach all that the server's user reaches."""

    network = True

    def __init__(self, workspace: Workspace, settings: SandboxSettings, says: str) -> None:
        super().__init__(workspace, settings)
        self.says = says
        self._room = WorkspaceQuota(workspace.root, workspace.limits)
        self._places = asyncio.Semaphore(settings.commands_max)

    async def exec(self, command: str, output: OutputSink, timeout_s: float) -> ExitStatus:
        refuse_nul(command)
        async with self._places:
            self.refuse_closed()
            os.close(await asyncio.to_thread(self._workspace.make_root))
            before = await asyncio.to_thread(self._room.used)
            started = await self._start(command)
            try:
                await started.ready()
                return await started.run(output, timeout_s, LimitMonitor(self._settings, self._room, before, 0))
            finally:
                await started.kill()

    async def _start(self, command: str) -> CommandProcess:
        cookie = f"{COOKIE}={secrets.token_hex(16)}"
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        process = await asyncio.create_subprocess_exec(
            *("/bin/sh", "-c", START, "sh", shell(), "-c", command),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=self._workspace.root,
            env={**kept, "TERM": "dumb", COOKIE: cookie.partition("=")[2]},
            start_new_session=True,
        )

        def end() -> None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            _kill_those_with(cookie.encode())

        return CommandProcess(process, end)


def _kill_those_with(cookie: bytes) -> None:
    """Kill what left the process group but carries the command's cookie in its environment, until none is left."""
    found = True
    while found:
        found = False
        for process in PROCESSES.glob("[0-9]*"):
            if int(process.name) != os.getpid() and cookie in _environment(process):
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(int(process.name), signal.SIGKILL)
                    found = True


def _environment(process: Path) -> list[bytes]:
    try:
        return (process / "environ").read_bytes().split(b"\0")
    except OSError:
        return []
