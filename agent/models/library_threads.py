"""Library threads: the threads in which LiteLLM prepares a call, in place of the event loop's default executor.

`litellm.acompletion` runs `completion` in a thread: it makes the request's parameters, and for some providers asks for a
token or a description of the model first. There is no parameter for the executor (litellm `main.py`). Loaded together with
LiteLLM.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from functools import partial
from typing import Any

import litellm.main

from agent.util.executors import HolderExecutor

call_threads: ContextVar[HolderExecutor | None] = ContextVar("call_threads", default=None)
"""The threads of the model call under way."""


class _Loop:
    """The running loop as LiteLLM uses it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    def run_in_executor(self, executor: Any, work: Callable[..., Any], *arguments: Any) -> Awaitable[Any]:
        """Run the work in the call's threads. Raises PlacesTaken."""
        threads = call_threads.get()
        if threads is None:
            raise RuntimeError("LiteLLM was called without threads for its work; call it by `Provider.open`")
        return _run(threads, partial(work, *arguments))


async def _run(threads: HolderExecutor, work: Callable[[], Any]) -> Any:
    """The result of the work, which may be a coroutine: one that nobody waits for any more is closed, or Python warns of it."""
    working = await threads.start(work)
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        working.add_done_callback(_close)
        raise


def _close(working: "asyncio.Future[Any]") -> None:
    if not working.cancelled() and working.exception() is None and asyncio.iscoroutine(working.result()):
        working.result().close()


class _Asyncio:
    """The module `asyncio` as LiteLLM's main module uses it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)

    def get_event_loop(self) -> _Loop:
        return _Loop(asyncio.get_running_loop())


def install() -> None:
    """Give LiteLLM's calls their own threads, for all calls of the process."""
    litellm.main.asyncio = _Asyncio()  # stands for the module there
