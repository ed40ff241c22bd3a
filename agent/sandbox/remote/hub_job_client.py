"""Hub job client: runs commands and accesses files in a sandbox Job, by huggingface_hub's synchronous `Sandbox`."""

import asyncio
import base64
import secrets
import shlex
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from agent.hub.errors import CallStopped, HubError
from agent.hub.request import HubCall
from agent.hub.thread_pipe import ThreadPipe
from agent.sandbox.remote.hub_owner import HubOwnerClient
from agent.sandbox.remote.sandbox import LATE_S
from agent.sandbox.settings import RemoteSettings
from agent.util.tasks import TaskOwner
from agent.workspace.files import Entry, ExitStatus, FileStart, OutputSink, SandboxError, SandboxLost
from agent.workspace.paths import is_unfinished, shown, unfinished_name

if TYPE_CHECKING:
    from huggingface_hub import Sandbox

T = TypeVar("T")

WORKSPACE = "/workspace"
MARK = "HOLDFAST_COMMAND"
ASK_S = 120.0
"""Seconds that one call for a file or a listing may take."""
KILL_S = 30.0
DEPTH_MAX = 64
"""Folders within folders that a listing goes into."""
_KILL = (
    "for round in 1 2 3 4 5 6 7 8 9 10; do found=; "
    f'for file in $(grep -ls "{MARK}=$mark" /proc/[0-9]*/environ); do pid=${{file#/proc/}}; pid=${{pid%/environ}}; '
    '[ "$pid" = $$ ] || ! kill -9 "$pid" 2>/dev/null || found=1; done; '
    '[ -n "$found" ] || break; done'
)
"""Kills what has a command's mark in its environment, but for itself, until nothing has; more may be made meanwhile.

The search, which has the mark too, is over before the first kill. It is one process, however many there are to look at."""
RUN = f'"$(command -v bash || echo /bin/sh)" -c "$1"; code=$?; mark=${MARK}; {_KILL}; exit $code'
"""A command, and the end of what it leaves in the background, which may hold its output open."""
KILL = f'mark="$1"; {_KILL}'
KINDS = {"file": "file", "dir": "folder", "symlink": "link"}


class HubJobClient:
    """One sandbox Job that runs. The library's calls block, so they run in threads."""

    def __init__(self, owner: HubOwnerClient, sandbox: "Sandbox", settings: RemoteSettings) -> None:
        self._owner = owner
        self._sandbox = sandbox
        self._idle_s = settings.hub_idle_s

    async def prepare(self) -> None:
        """Check that it answers, and create its workspace folder."""
        await self._ask(lambda: self._sandbox.files.mkdir(WORKSPACE))

    async def exec(self, command: str, output: OutputSink, timeout_s: float) -> ExitStatus:
        """Run a command, with a mark in its environment by which it is ended with all that came of it."""
        mark = secrets.token_hex(16)
        ended: ExitStatus | None = None
        late = asyncio.Event()
        tasks = TaskOwner("sandbox command")
        tasks.start(self._stay_awake(), "stay awake")
        tasks.start(self._out_of_time(mark, timeout_s, late), "clock")
        try:
            ended = await self._follow(mark, command, output, timeout_s)
        finally:
            await tasks.aclose()
            if ended is None:
                await self._kill(mark)
        return ExitStatus(ended.code or 137, f"not done within {timeout_s:g} s") if late.is_set() else ended

    async def read(self, path: str, most: int) -> FileStart:
        """The first `most` bytes of a file, and its size."""

        def read() -> FileStart:
            entry = self._sandbox.files.stat(_absolute(path))
            if entry.type != "file":
                raise SandboxError(f"{shown(path)} is a {KINDS.get(entry.type, 'special file')}, not a file")
            if entry.size <= most:
                data = self._sandbox.files.read(_absolute(path))[:most]
                return FileStart(data, max(entry.size, len(data)))
            head = f"head -c {most} < {shlex.quote(_absolute(path))} | base64"
            result = self._sandbox.run(["/bin/sh", "-c", head], timeout=ASK_S)
            return FileStart(base64.b64decode(result.stdout)[:most], entry.size)

        return await self._ask(read, path)

    async def write(self, path: str, data: bytes) -> bool:
        """Write a file: under another name beside it, then rename it."""
        above, _, _ = _absolute(path).rpartition("/")
        unfinished = f"{above}/{unfinished_name(secrets.token_hex(8))}"

        def write() -> bool:
            files = self._sandbox.files
            former = files.stat(_absolute(path)) if files.exists(_absolute(path)) else None
            if former is not None and former.type != "file":
                raise SandboxError(f"{shown(path)} is a {KINDS.get(former.type, 'special file')}, not a file")
            try:
                files.write(unfinished, data)
                self._sandbox.run(["mv", "-f", unfinished, _absolute(path)], timeout=ASK_S)
            except BaseException:
                with suppress(_hub_error()):
                    files.delete(unfinished)
                raise
            return former is not None

        return await self._ask(write, path)

    async def list(self, path: str, recursive: bool, most: int) -> tuple[list[Entry], bool]:
        """The entries of a folder, at most `most`, and whether there are more."""

        entries: list[Entry] = []

        def walk(folder: str, depth: int) -> None:
            for one in sorted(self._sandbox.files.list(_absolute(folder)), key=lambda entry: entry.name):
                if len(entries) > most or is_unfinished(one.name):
                    continue
                kind = KINDS.get(one.type, "special file")
                name = f"{folder}/{one.name}" if folder else one.name
                size = one.size if kind == "file" else 0
                entries.append(Entry(name, kind, size, (one.mtime_ms or 0) // 1_000))
                if recursive and kind == "folder" and depth < DEPTH_MAX:
                    walk(name, depth + 1)

        await self._ask(lambda: walk(path, 0), path)
        return entries[:most], len(entries) > most

    async def aclose(self) -> None:
        """Close the connections to it; the Job goes on."""
        await self._owner.wait_for(lambda _: self._sandbox.close(), KILL_S)

    async def _follow(self, mark: str, command: str, output: OutputSink, timeout_s: float) -> ExitStatus:
        pipe = ThreadPipe()
        call = self._owner.call(timeout_s + LATE_S)

        def run(_: HubCall) -> ExitStatus:
            ended = self._sandbox.run(
                ["/bin/sh", "-c", RUN, "sh", command],
                cwd=WORKSPACE,
                env={MARK: mark},
                timeout=timeout_s + LATE_S,
                on_stdout=pipe.put,
                on_stderr=pipe.put,
                check=False,
                capture_output=False,
            )
            return ExitStatus(ended.exit_code if ended.exit_code is not None else 128 + (ended.signal or 9))

        def work() -> ExitStatus:
            try:
                return self._in_thread(call, run)
            finally:
                pipe.end()

        running = await self._owner.threads.follow.begin(call, work, self._owner.holder)
        try:
            async with asyncio.timeout(timeout_s + LATE_S):
                while (text := await pipe.take()) is not None:
                    await output(text.encode(errors="replace"))
                return await asyncio.shield(running)
        except TimeoutError:
            raise SandboxLost("the sandbox does not answer") from None
        finally:
            pipe.close()
            call.stop()

    async def _kill(self, mark: str) -> None:
        """Kill what is left of a command."""
        with suppress(SandboxError):
            await self._ask(lambda: self._sandbox.run(["/bin/sh", "-c", KILL, "sh", mark], timeout=KILL_S, check=False))

    async def _out_of_time(self, mark: str, timeout_s: float, late: asyncio.Event) -> None:
        await asyncio.sleep(timeout_s)
        late.set()
        await self._kill(mark)

    async def _stay_awake(self) -> None:
        """Call the sandbox now and then while a command runs: it does not count that as use, and would end as idle."""
        while True:
            await asyncio.sleep(self._idle_s / 3)
            with suppress(SandboxError):
                await self._ask(lambda: self._sandbox.processes())

    async def _ask(self, work: Callable[[], T], path: str = "") -> T:
        return await self._owner.wait_for(lambda call: self._in_thread(call, lambda _: work(), path), ASK_S)

    def _in_thread(self, call: HubCall, work: Callable[[HubCall], T], path: str = "") -> T:
        """Run `work` in this thread. Raises SandboxError, and SandboxLost where the sandbox is gone or another one."""
        try:
            return self._owner.within(call, work)
        except HubError as error:
            raise SandboxLost(str(error)) from None
        except CallStopped:
            raise SandboxError("stopped") from None
        except _hub_error() as error:
            status = getattr(error, "status_code", None)
            if status == 404 and path and self._answers(call):
                raise SandboxError(f"there is no {shown(path)} in the workspace") from None
            if status is not None and 400 <= status < 500 and status not in (401, 403, 404, 408, 410, 429):
                raise SandboxError(f"the sandbox refused: {str(error)[:300]}") from None
            raise SandboxLost(f"the sandbox does not answer as it should ({status or type(error).__name__})") from None

    def _answers(self, call: HubCall) -> bool:
        """Whether the sandbox itself answers, and not a proxy in front of one that is gone."""
        try:
            return self._owner.within(call, lambda _: self._sandbox.files.exists(WORKSPACE))
        except (HubError, _hub_error()):
            return False


def _hub_error() -> type[Exception]:
    from huggingface_hub.errors import SandboxError as HubSandboxError

    return HubSandboxError


def _absolute(path: str) -> str:
    return f"{WORKSPACE}/{path}" if path else WORKSPACE
