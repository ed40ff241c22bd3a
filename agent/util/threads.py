"""Daemon threads: run blocking work; a process does not wait for them at its end."""

import asyncio
import concurrent.futures
import functools
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


def start_in_own_thread(name: str, work: Callable[[], T]) -> "asyncio.Future[T]":
    """Run `work` in a new thread; the future of its result. For what a server does once: at its start, or at its end."""
    future: concurrent.futures.Future[T] = concurrent.futures.Future()
    threading.Thread(target=_carry_out, args=(future, work), name=name, daemon=True).start()
    return asyncio.wrap_future(future)


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
