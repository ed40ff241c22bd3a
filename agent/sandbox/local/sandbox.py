"""Local sandbox: runs each command in bubblewrap on this machine; it can write in the session's workspace alone."""

import os
import subprocess
from contextlib import ExitStack, suppress
from pathlib import Path

import msgspec

from agent.sandbox.local import bubblewrap, unprivileged
from agent.sandbox.local.files import LocalFiles
from agent.sandbox.local.limits import LimitMonitor, WorkspaceQuota, chown_tree
from agent.sandbox.local.probe import Bubblewrap
from agent.sandbox.local.process import CommandProcess
from agent.sandbox.local.process_places import ProcessPlaces
from agent.sandbox.local.project_mount import TEMPORARY_HOME, ProjectMount, project_mount
from agent.sandbox.sandbox import StorageRoom, growing, refuse_nul
from agent.sandbox.settings import SandboxSettings
from agent.util.processes import Launch, start_process
from agent.workspace import paths
from agent.workspace.dirfd import as_workspace_errors, closing
from agent.workspace.disk_executor import DiskExecutor
from agent.workspace.files import ExitStatus, OutputSink, SandboxError
from agent.workspace.workspace import Workspace

INFO_BYTES = 65_536


class _Info(msgspec.Struct, rename="kebab"):
    """What bubblewrap writes to `--info-fd`: the process id of the sandbox's first process on this machine."""

    child_pid: int


class LocalSandbox(LocalFiles):
    """One session's sandbox. Each command has bubblewrap of its own; its processes and its `/tmp` are gone with it."""

    def __init__(
        self,
        workspace: Workspace,
        disk: DiskExecutor,
        places: ProcessPlaces,
        settings: SandboxSettings,
        says: str,
        program: Bubblewrap,
        hidden: tuple[Path, ...],
        storage: StorageRoom | None = None,
    ) -> None:
        """`hidden`: folders of the server that no command sees. `storage`: what the session's owner may store."""
        super().__init__(workspace, disk, places)
        self._settings = settings
        self.says = says
        self.network = settings.network
        self._program = program
        self._hidden = hidden
        self._storage = storage
        self._quota = WorkspaceQuota(workspace.root, workspace.limits, workspace.counted)

    async def exec(self, command: str, output: OutputSink, timeout_s: float) -> ExitStatus:
        refuse_nul(command)
        async with self._places.commands.hold(self._disk.holder):
            self.refuse_closed()
            await self._disk.run_beside(self._make_root)
            before = await self._disk.walk(self._quota.used)
            if why := self._quota.refusal(before):
                raise SandboxError(why)
            mount = await self._disk.run_beside(self._project_mount)
            process, info = await self._start(command, mount)
            with growing(self._storage) as grow:
                try:
                    await process.ready()
                    monitor = LimitMonitor(self._settings, self._quota, self._disk, before, _leader(info), grow)
                    status = await process.run(output, timeout_s, monitor)
                finally:
                    os.close(info)
                    await process.kill()
                note = await self._disk.run_beside(mount.note) if mount is not None else ""
                return ExitStatus(status.code, status.stopped or await monitor.after(), note)

    def _make_root(self) -> None:
        """Create the workspace's folder, and give it to the user as whom commands run."""
        with as_workspace_errors("."), closing(self._workspace.make_root()) as root:
            if os.geteuid() == 0 and self._workspace.counted:
                chown_tree(root, unprivileged.USER_ID, 2 * paths.DEPTH_MAX)

    def _project_mount(self) -> ProjectMount | None:
        """How a project folder is shown to the next command; None for a workspace of our own. Blocks."""
        return None if self._workspace.counted else project_mount(str(self._workspace.root))

    async def _start(self, command: str, mount: ProjectMount | None) -> tuple[CommandProcess, int]:
        """Start the command's sandbox; with the descriptor on which bubblewrap writes its `_Info`."""
        with ExitStack() as stack:
            passed: list[int] = []

            def as_descriptor(data: bytes) -> int:
                fd = os.memfd_create("holdfast", os.MFD_CLOEXEC)
                stack.callback(os.close, fd)
                os.write(fd, data)
                os.lseek(fd, 0, os.SEEK_SET)
                passed.append(fd)
                return fd

            info, info_writer = os.pipe()
            stack.callback(os.close, info_writer)
            passed.append(info_writer)
            folder = str(self._workspace.root.absolute())
            if mount is None:
                launch = self._program.launch(folder)
                place = bubblewrap.WorkspaceMount(launch.source)
            else:
                launch = self._program.launch(folder, mount.user)
                place = bubblewrap.WorkspaceMount(launch.source, folder, TEMPORARY_HOME, mount.guards)
            options = bubblewrap.build(self._settings, place, self._hidden, as_descriptor)
            options += ["--info-fd", str(info_writer)]
            # By a descriptor, so that the command lines that a command sees name no path of this machine.
            arguments = as_descriptor(b"".join(os.fsencode(option) + b"\0" for option in options))
            command_line = [
                *bubblewrap.BEFORE,
                *launch.command,
                "--args",
                str(arguments),
                "--",
                *bubblewrap.inside(self._settings, command),
            ]
            try:
                process = await start_process(
                    Launch(command=command_line, environ={}, stderr=subprocess.STDOUT, cwd="/", passed=passed)
                )
            except BaseException:
                os.close(info)
                raise

        def end() -> None:
            # The sandbox's first process dies with bubblewrap, and all others with that one.
            with suppress(ProcessLookupError):
                process.kill()

        return CommandProcess(process, end), info


def _leader(info: int) -> int:
    """The sandbox's first process. Bubblewrap writes it and closes the pipe before the sandbox is set up."""
    return msgspec.json.decode(os.read(info, INFO_BYTES), type=_Info).child_pid
