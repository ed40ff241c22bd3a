"""The sandbox on this machine: bubblewrap around each command, the session's workspace its only place to write."""

import asyncio
import os
from contextlib import ExitStack, suppress
from pathlib import Path

import msgspec

from agent.sandbox.local import bubblewrap, unprivileged
from agent.sandbox.local.files import LocalFiles
from agent.sandbox.local.limits import LimitMonitor, WorkspaceQuota, chown_tree
from agent.sandbox.local.probe import Bubblewrap
from agent.sandbox.local.process import CommandProcess
from agent.sandbox.settings import SandboxSettings
from agent.workspace.dirfd import closing
from agent.workspace.files import ExitStatus, OutputSink, SandboxError
from agent.workspace.workspace import Workspace

INFO_BYTES = 65_536


class _Info(msgspec.Struct, rename="kebab"):
    """What bubblewrap tells of itself (`--info-fd`): the sandbox's first process, by this machine's number."""

    child_pid: int


class LocalSandbox(LocalFiles):
    """Each command has a sandbox of its own, which is gone with it: its processes, its `/tmp` and all."""

    def __init__(
        self, workspace: Workspace, settings: SandboxSettings, says: str, program: Bubblewrap, hidden: tuple[Path, ...]
    ) -> None:
        """`hidden`: folders of the server that no command sees."""
        super().__init__(workspace, settings)
        self.says = says
        self.network = settings.network
        self._program = program
        self._hidden = hidden
        self._room = WorkspaceQuota(workspace.root, workspace.limits)
        self._places = asyncio.Semaphore(settings.commands_max)

    async def exec(self, command: str, output: OutputSink, timeout_s: float) -> ExitStatus:
        refuse_nul(command)
        async with self._places:
            self.refuse_closed()
            await asyncio.to_thread(self._make_root)
            before = await asyncio.to_thread(self._room.used)
            if why := self._room.hopeless(before):
                raise SandboxError(why)
            started, info = await self._start(command)
            try:
                await started.ready()
                watch = LimitMonitor(self._settings, self._room, before, _leader(info))
                ended = await started.run(output, timeout_s, watch)
            finally:
                os.close(info)
                await started.kill()
            return ended if ended.stopped else ExitStatus(ended.code, await watch.after())

    def _make_root(self) -> None:
        """The workspace is there, and its user's as whom commands run."""
        with closing(self._workspace.make_root()) as root:
            if os.geteuid() == 0:
                chown_tree(root, unprivileged.USER_ID, 2 * self._workspace.limits.depth_max)

    async def _start(self, command: str) -> tuple[CommandProcess, int]:
        """The command's sandbox, and the descriptor on which bubblewrap tells of itself."""
        with ExitStack() as stack:
            brought: list[int] = []

            def bring(data: bytes) -> int:
                fd = os.memfd_create("holdfast", os.MFD_CLOEXEC)
                stack.callback(os.close, fd)
                os.write(fd, data)
                os.lseek(fd, 0, os.SEEK_SET)
                brought.append(fd)
                return fd

            info, told = os.pipe()
            stack.callback(os.close, told)
            launch = self._program.launch(str(self._workspace.root.absolute()))
            built = bubblewrap.build(self._settings, launch.source, self._hidden, bring)
            # By a descriptor, so that the command lines that a command sees name no path of this machine.
            arguments = bring(b"".join(os.fsencode(part) + b"\0" for part in (*built, "--info-fd", str(told))))
            try:
                process = await asyncio.create_subprocess_exec(
                    *(*launch.command, "--args", str(arguments), "--"),
                    *bubblewrap.inside(self._settings, command),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.STDOUT,
                    pass_fds=(*brought, told),
                    cwd="/",
                    env={},
                )
            except BaseException:
                os.close(info)
                raise

        def end() -> None:
            # The sandbox's first process dies with bubblewrap, and all others with that one.
            with suppress(ProcessLookupError):
                process.kill()

        return CommandProcess(process, end), info


def refuse_nul(command: str) -> None:
    """Raises SandboxError for what cannot be handed to a shell."""
    if "\0" in command:
        raise SandboxError("a command cannot hold the character NUL")


def _leader(info: int) -> int:
    """The sandbox's first process. Bubblewrap has told it, and let go of the pipe, before the sandbox stands."""
    return msgspec.json.decode(os.read(info, INFO_BYTES), type=_Info).child_pid
