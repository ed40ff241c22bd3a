"""Tasks: the one place that makes a client's tasks; they end with the block that owns them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine

Start = Callable[[Coroutine[None, None, None], str], None]


@contextlib.asynccontextmanager
async def owned_tasks() -> AsyncIterator[Start]:
    """Tasks started with the given function (a coroutine and a name) are cancelled and awaited when the block is left.

    A task that fails cancels the block; its exception is raised in an `ExceptionGroup`.
    """
    started: list[asyncio.Task[None]] = []
    # agent.util.tasks is the server's; a client imports protocol alone, and a group owns its tasks as strictly.
    async with asyncio.TaskGroup() as tasks:  # noqa: TID251 - the clients' own task owner; see the line above

        def start(coroutine: Coroutine[None, None, None], name: str) -> None:
            started.append(tasks.create_task(coroutine, name=name))

        try:
            yield start
        finally:
            for task in started:
                task.cancel()
