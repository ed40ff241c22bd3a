"""Host commands: runs commands on the bare machine as the server's own user, without a sandbox (`sandbox.kind: host`)."""

import os
import secrets
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

from agent.sandbox.local.bubblewrap import RAISE_OUT_OF_MEMORY_SCORE, shell
from agent.sandbox.local.files import LocalFiles
from agent.sandbox.local.limits import LimitMonitor, WorkspaceQuota
from agent.sandbox.local.process import CommandProcess
from agent.sandbox.local.process_places import ProcessPlaces
from agent.sandbox.sandbox import StorageRoom, growing, refuse_nul
from agent.sandbox.settings import SandboxSettings
from agent.util.processes import Launch, start_process
from agent.workspace.disk_executor import DiskExecutor
from agent.workspace.files import ExitStatus, OutputSink
from agent.workspace.workspace import Workspace

ENVIRONMENT_NAMES = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TMPDIR", "TZ")
"""The variables of the server's environment that a command gets: no keys, no tokens."""
PROCESSES = Path("/proc")
COOKIE = "HOLDFAST_COMMAND"
# As in a sandbox the command waits for "go". The shell enters the workspace: a disk that hangs there must not stop who starts it. The shell beside it kills the process group when the server has died.
START = (
    f"{RAISE_OUT_OF_MEMORY_SCORE}"
    'cd "$1" || exit 125; shift; '
    'exec 3<&0; echo ready; read -r go <&3 && [ "$go" = go ] || exit 125; '
    '(read -r gone <&3; kill -KILL 0) >/dev/null 2>&1 & exec 3<&-; exec "$@" </dev/null'
)


class HostSandbox(LocalFiles):
    """Runs commands in the workspace; from there they reach all that the server's user reaches."""

    network = True

    def __init__(
        self,
        workspace: Workspace,
        disk: DiskExecutor,
        places: ProcessPlaces,
        settings: SandboxSettings,
        says: str,
        storage: StorageRoom | None = None,
    ) -> None:
        super().__init__(workspace, disk, places)
        self._settings = settings
        self._storage = storage
        self.says = says
        self._quota = WorkspaceQuota(workspace.root, workspace.limits, workspace.counted)

    async def exec(self, command: str, output: OutputSink, timeout_s: float) -> ExitStatus:
        refuse_nul(command)
        async with self._places.commands.hold(self._disk.holder):
            self.refuse_closed()
            os.close(await self._disk.run_beside(self._workspace.make_root))
            before = await self._disk.walk(self._quota.used)
            process = await self._start(command)
            try:
                await process.ready()
                with growing(self._storage) as grow:
                    monitor = LimitMonitor(self._settings, self._quota, self._disk, before, 0, grow)
                    return await process.run(output, timeout_s, monitor)
            finally:
                await process.kill()

    async def _start(self, command: str) -> CommandProcess:
        cookie = f"{COOKIE}={secrets.token_hex(16)}"
        environment = {name: os.environ[name] for name in ENVIRONMENT_NAMES if name in os.environ}
        process = await start_process(
            Launch(
                command=("/bin/sh", "-c", START, "sh", str(self._workspace.root.absolute()), shell(), "-c", command),
                environ={**environment, "TERM": "dumb", COOKIE: cookie.partition("=")[2]},
                stderr=subprocess.STDOUT,
                cwd="/",
                new_session=True,
            )
        )

        def end() -> None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            _kill_those_with(cookie.encode())

        return CommandProcess(process, end)


def _kill_those_with(cookie: bytes) -> None:
    """Kill each process that has the command's cookie in its environment, until none is left: some leave its process group."""
    killed = True
    while killed:
        killed = False
        for process in PROCESSES.glob("[0-9]*"):
            if int(process.name) != os.getpid() and cookie in _environment(process):
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(int(process.name), signal.SIGKILL)
                    killed = True


def _environment(process: Path) -> list[bytes]:
    try:
        return (process / "environ").read_bytes().split(b"\0")
    except OSError:
        return []
