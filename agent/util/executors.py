"""Executors: threads for blocking work, a bounded pool for each kind, in which one user can hold a few threads only.

Work that hangs (a dead network disk, a name server that does not answer) cannot be ended from outside: it keeps its thread
and its user's place, and the threads of the other kinds and the other users' places stay free. Nothing of this project runs
in the event loop's default executor.
"""

import asyncio
import concurrent.futures
import contextvars
import functools
import logging
import queue
import socket
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from agent.util.places import Holder, PlaceLimits, Places, PlacesTaken

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

    async def aclose(self) -> None:
        """Take no more work, and wait up to `CLOSE_S` for what runs."""
        self._closed = True
        if self._running:
            _, left = await asyncio.wait(list(self._running), timeout=CLOSE_S)
            if left:
                log.warning("%d threads of %s still work; they end with the process", len(left), self.name)
        self._threads.shutdown(wait=False)


class DaemonThreads(concurrent.futures.Executor):
    """At most `size` threads, started when they are needed, which a process does not wait for at its end.

    The interpreter joins the threads of `ThreadPoolExecutor` at its exit, whatever `shutdown` was told, so that work which
    hangs would keep the process: https://docs.python.org/3/library/concurrent.futures.html#threadpoolexecutor
    """

    def __init__(self, name: str, size: int) -> None:
        self._name = name
        self._size = size
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()  # bounded by the caller's places
        self._idle = threading.Semaphore(0)
        self._threads: list[threading.Thread] = []

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> "concurrent.futures.Future[T]":
        """Run `fn(*args, **kwargs)` in a thread. Called by one thread at a time."""
        future: concurrent.futures.Future[T] = concurrent.futures.Future()
        self._work.put(functools.partial(_carry_out, future, functools.partial(fn, *args, **kwargs)))
        if not self._idle.acquire(blocking=False) and len(self._threads) < self._size:
            thread = threading.Thread(target=self._serve, name=f"{self._name}_{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the threads when their work has ended. `wait`: return only then."""
        for _ in self._threads:
            self._work.put(None)
        for thread in self._threads if wait else ():
            thread.join()

    def _serve(self) -> None:
        while (work := self._work.get()) is not None:
            work()
            del work  # what it refers to must not live until the next work comes
            self._idle.release()


def _carry_out(future: "concurrent.futures.Future[T]", work: Callable[[], T]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = work()
    except BaseException as error:  # noqa: BLE001  # it is the caller's: `await` raises it there
        future.set_exception(error)
    else:
        future.set_result(result)


DISK = PlaceLimits(total=24, per_user=6, per_session=3)
"""Files of the sessions. A session works on its files one after another; beside that it may count what a command wrote,
and somebody up- or downloads. Threads that wait for a disk cost little; four users at their bound leave none."""

SERVER_WORK = PlaceLimits(total=4, per_user=4, per_session=4)
"""The server's own files and imports: logins, exports, keys. What one user causes of it is bounded by other limits."""

NAMES = PlaceLimits(total=32, per_user=4, per_session=2)
"""Look-ups of names that users chose. A silent name server keeps a thread for 10 to 30 s."""

LIBRARY_NAMES = PlaceLimits(total=16, per_user=2, per_session=2)
"""Look-ups of names that the operator chose (models' providers, the Hub, MCP servers); the user is the name that is looked
up, so a name whose server is silent takes two threads and not all."""

HUB = PlaceLimits(total=16, per_user=4, per_session=4, wait_s=60.0)
"""Requests to the Hub; the Hub limits the rate of one address anyway. More wait, at most as long as a request may take."""

HUB_FOLLOW = PlaceLimits(total=32, per_user=4, per_session=4)
"""Jobs whose logs are followed, a thread each for as long as the job runs."""

MODELS = PlaceLimits(total=8, per_user=2, per_session=2)
"""Model calls of LiteLLM's providers that block, and its import."""

CONVERSION = PlaceLimits(total=2, per_user=1, per_session=1, wait_s=30.0)
"""Work of the processor alone: text made of pages, long files cut into lines. More at once would only slow down the loop."""


class Executors:
    """All executors of a server, one for each kind of work, and nothing shared between them."""

    def __init__(self) -> None:
        self.disk = WorkExecutor("disk", "work on files", DISK)
        self.server = WorkExecutor("server", "the server's own work on files", SERVER_WORK)
        self.names = WorkExecutor("names", "looking up names", NAMES)
        self.library_names = WorkExecutor("library-names", "looking up names", LIBRARY_NAMES)
        self.hub = WorkExecutor("hub", "requests to the Hub", HUB)
        self.hub_follow = WorkExecutor("hub-follow", "following logs of jobs", HUB_FOLLOW)
        self.models = WorkExecutor("models", "calls of models that block", MODELS)
        self.conversion = WorkExecutor("conversion", "conversion of text", CONVERSION)

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
