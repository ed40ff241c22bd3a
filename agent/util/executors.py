"""Executors: threads for blocking work, a bounded pool for each kind, in which one user can hold a few threads only.

Work that hangs (a dead network disk, a name server that does not answer) cannot be ended from outside: it keeps its thread
and its user's place, and the threads of the other kinds and the other users' places stay free. Nothing of this project runs
in the event loop's default executor.
"""

import asyncio
import contextvars
import functools
import logging
import socket
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from agent.util.places import Holder, PlaceLimits, Places, PlacesTaken
from agent.util.threads import DaemonThreads

T = TypeVar("T")

log = logging.getLogger("holdfast.executors")

CLOSE_S = 2.0
"""How long a stop waits for work that still runs. A thread that hangs longer ends with the process."""


class WorkExecutor:
    """The threads for one kind of work. `name`: of its threads; `what`: the kind, in the answer when its places are taken.

    A caller that is cancelled returns at once; its work keeps its place until it has ended.
    """

    def __init__(self, name: str, what: str, limits: PlaceLimits) -> None:
        self.name = name
        self.places = Places(what, limits)
        self._threads = DaemonThreads(name, limits.total)
        self._running: set[asyncio.Future[Any]] = set()
        self._closed = False

    def __len__(self) -> int:
        """The number of threads that work."""
        return len(self._running)

    async def run(self, work: Callable[[], T], holder: Holder) -> T:
        """Run `work` in a thread, as soon as this holder has a place; its result. Raises PlacesTaken, and what `work` raises."""
        return await asyncio.shield(await self.start(work, holder))

    async def start(self, work: Callable[[], T], holder: Holder) -> "asyncio.Future[T]":
        """Start `work` as soon as this holder has a place; the future of its result. Raises PlacesTaken."""
        give_back = await self.places.take(holder)
        return self._begin(work, give_back)

    def start_now(self, work: Callable[[], T], holder: Holder) -> "asyncio.Future[T]":
        """As `start`, without waiting for a place."""
        return self._begin(work, self.places.take_now(holder))

    def _begin(self, work: Callable[[], T], give_back: Callable[[], None]) -> "asyncio.Future[T]":
        try:
            if self._closed:
                raise RuntimeError(f"the executor {self.name} is closed")
            context = contextvars.copy_context()
            future = asyncio.get_running_loop().run_in_executor(self._threads, functools.partial(context.run, work))
        except BaseException:
            give_back()
            raise
        self._running.add(future)

        def ended(future: "asyncio.Future[T]") -> None:
            self._running.discard(future)
            give_back()
            if not future.cancelled():
                future.exception()  # marks it as read: its caller may have left

        future.add_done_callback(ended)
        return future

    def of(self, holder: Holder) -> "HolderExecutor":
        """These threads for one holder."""
        return HolderExecutor(self, holder)

    async def aclose(self) -> None:
        """Take no more work, and wait up to `CLOSE_S` for what runs."""
        self._closed = True
        if self._running:
            _, left = await asyncio.wait(list(self._running), timeout=CLOSE_S)
            if left:
                log.warning("%d threads of %s still work; they end with the process", len(left), self.name)
        self._threads.shutdown(wait=False)


class HolderExecutor:
    """The threads of one kind of work for one holder."""

    __slots__ = ("_executor", "holder")

    def __init__(self, executor: WorkExecutor, holder: Holder) -> None:
        self._executor = executor
        self.holder = holder

    async def run(self, work: Callable[[], T]) -> T:
        """As `WorkExecutor.run`."""
        return await self._executor.run(work, self.holder)

    async def start(self, work: Callable[[], T]) -> "asyncio.Future[T]":
        """As `WorkExecutor.start`."""
        return await self._executor.start(work, self.holder)


DISK_THREADS = 24
"""Files of the sessions: threads that wait for a disk cost little, and four users at their bound leave none. A session works
on its files one after another; beside that, what a command wrote is counted, and somebody up- or downloads."""

WALK_THREADS = 8
"""Walks through all files of a workspace at once: counting, snapshots; two of one user. Each takes the interpreter for most of its
time, and the event loop waits for all of them after each of its system calls."""

SERVER_THREADS = 4
"""The server's own files: logins, keys, certificates. What one user causes of it is bounded before it comes here."""

NAME_THREADS = 32
"""Look-ups of names that users chose. A name server that is silent keeps a thread for 10 to 30 s."""

LIBRARY_NAME_THREADS = 16
"""Look-ups of names that the operator chose (models' providers, the Hub, MCP servers). The name that is looked up counts as
the user, so that one whose server is silent takes two threads and not all."""

HUB_THREADS = 16
"""Requests to the Hub at once, which limits the rate of one address anyway; more wait as long as a request may take."""

HUB_FOLLOW_THREADS = 32
"""Jobs whose logs are followed at once, each as long as it runs; more are refused, since waiting could take hours."""

SANDBOX_THREADS = 16
"""Requests to remote sandboxes at once, as to the Hub."""

SANDBOX_COMMANDS = 64
"""Commands in remote sandboxes at once, each as long as it runs. A call waits for its place as long as it may take."""

IDENTITY_THREADS = 8
"""Tokens that the Hub is asked about at once, before anybody knows whose they are."""

IDENTITY_WAITING_MAX = 100
"""Tokens that may wait for that; more get HTTP 503. The last of them waits for about ten answers."""

MODEL_THREADS = 8
"""Model calls at once whose providers may block a thread first, for a token or a description of the model."""

MODEL_OPENING_THREADS = 8
"""Model calls at once whose request is made ready: milliseconds of work each, without a request of its own."""

SEARCH_THREADS = 4
"""Searches at once, of all sessions, each a process that takes a processor; two of one user. One message may ask for many."""

SEARCH_WAIT_S = 9.0
"""How long a search waits for its place: its time limit of 10 s runs meanwhile, and something of it must be left."""

HTML_THREADS = 2
"""Pages converted to Markdown at once, of all sessions, each a process; one of one user. Each takes much memory too."""

CONVERSION_THREADS = 2
"""Work of the processor alone: text made of pages, long files cut into lines. More at once would only slow down the loop."""


class Executors:
    """All executors of a server, one for each kind of work, and nothing shared between them."""

    def __init__(self) -> None:
        def executor(name: str, what: str, total: int, per_user: int, per_session: int, **more: float) -> WorkExecutor:
            limits = {"total": total, "per_user": per_user, "per_session": per_session, **more}
            return WorkExecutor(name, what, msgspec.convert(limits, PlaceLimits))

        self.disk = executor("disk", "work on files", DISK_THREADS, 6, 3)
        self.walks = executor("walks", "going through all files of a session", WALK_THREADS, 2, 2, wait_s=60.0)
        self.server = executor("server", "the server's own files", SERVER_THREADS, 4, 4, waiting_max=1_000)
        self.names = executor("names", "looking up names", NAME_THREADS, 4, 2)
        self.library_names = executor("library-names", "looking up one name", LIBRARY_NAME_THREADS, 2, 2)
        self.hub = executor("hub", "requests to the Hub", HUB_THREADS, 4, 4, wait_s=60.0)
        self.hub_follow = executor("hub-follow", "following the logs of jobs", HUB_FOLLOW_THREADS, 4, 4, wait_s=0.0)
        self.sandbox = executor("sandbox", "requests to remote sandboxes", SANDBOX_THREADS, 4, 4, wait_s=60.0)
        self.sandbox_commands = executor(
            "sandbox-run", "commands in remote sandboxes", SANDBOX_COMMANDS, 16, 8, wait_s=600.0
        )
        self.identity = executor(
            "whoami",
            "asking the Hub about tokens",
            IDENTITY_THREADS,
            IDENTITY_THREADS,
            IDENTITY_THREADS,
            waiting_max=IDENTITY_WAITING_MAX,
            wait_s=120.0,
        )
        self.models = executor("models", "calls of models that block", MODEL_THREADS, 2, 2)
        self.search = executor("search", "searches", SEARCH_THREADS, 2, 2, wait_s=SEARCH_WAIT_S)
        self.html = executor("html", "conversion of pages", HTML_THREADS, 1, 1, wait_s=60.0)
        self.model_openings = executor("models-open", "calls of models", MODEL_OPENING_THREADS, 4, 4, wait_s=30.0)
        self.conversion = executor("conversion", "conversion of text", CONVERSION_THREADS, 1, 1, wait_s=30.0)

    def all(self) -> list[WorkExecutor]:
        """Each executor."""
        return [one for one in vars(self).values() if isinstance(one, WorkExecutor)]

    def serve_library_names(self, loop: asyncio.AbstractEventLoop) -> Callable[[], None]:
        """Let the names that libraries look up through `loop.getaddrinfo` be looked up here; returns what undoes that.

        The loop itself would use its default executor, or with uvloop two threads of libuv:
        https://docs.libuv.org/en/v1.x/threadpool.html
        """

        async def getaddrinfo(
            host: str | bytes | None,
            port: int | str | None,
            *,
            family: int = 0,
            type: int = 0,
            proto: int = 0,
            flags: int = 0,
        ) -> list[Any]:
            name = host.decode("ascii", "replace") if isinstance(host, bytes) else host or ""
            look_up = functools.partial(socket.getaddrinfo, host, port, family, type, proto, flags)
            try:
                return await self.library_names.run(look_up, Holder(name))
            except PlacesTaken as error:
                raise socket.gaierror(socket.EAI_AGAIN, str(error)) from error

        before = loop.getaddrinfo
        setattr(loop, "getaddrinfo", getaddrinfo)  # noqa: B010  # a method of this one loop
        return functools.partial(setattr, loop, "getaddrinfo", before)

    async def aclose(self) -> None:
        """Close all of them."""
        await asyncio.gather(*(one.aclose() for one in self.all()))
