"""MCP reading: bounds each message of a server: a small one at once, a large one in a process of its own.

A small message takes some milliseconds at most. A large one may take seconds and much memory; its process has limits of both,
a low priority, and is killed when it takes too long. Two such processes run at once, and one for each connection.
"""

import asyncio
import logging
import subprocess
import sys
import weakref
from pathlib import Path
from typing import Final

from agent.tools.mcp.incoming import messages
from agent.tools.mcp.incoming.errors import McpServerError
from agent.tools.mcp.incoming.pace import Pace
from agent.tools.mcp.incoming.process import NOT_A_MESSAGE
from agent.util.processes import Launch, start_process

log = logging.getLogger("holdfast.mcp")

MESSAGES = Path(messages.__file__)
PROGRAM = MESSAGES.with_name("process.py")

SMALL_BYTES: Final = 131_072
"""A message up to this size is bounded in the event loop: the slowest takes five milliseconds."""

READING_TIMEOUT_S: Final = 30.0
READING_CPU_S: Final = 5
READING_MEMORY_BYTES: Final = 1_073_741_824
"""Limits of the process for a large message: the largest needs half of the memory and a second. On a busy machine its low priority
makes that many seconds, so it is the processor's time that ends it."""

PROCESSES_MAX: Final = 2

_processes: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore]" = weakref.WeakKeyDictionary()


class MessageReader:
    """Bounds the messages of one connection, one after another, at the connection's pace."""

    def __init__(self) -> None:
        self.pace = Pace()
        self._one = asyncio.Lock()

    async def read(self, raw: bytes) -> bytes | None:
        """The bounded message; None for one that is left out. Raises NotAMessage, and McpServerError for one that takes too long."""
        await self.pace.wait(1, len(raw))
        if len(raw) <= SMALL_BYTES:
            return messages.bound_message(raw)
        loop = asyncio.get_running_loop()
        async with self._one, _processes.setdefault(loop, asyncio.Semaphore(PROCESSES_MAX)):
            return await _in_a_process(raw)


async def _in_a_process(raw: bytes) -> bytes | None:
    """As `bound_message`. Cancelled, it kills its process."""
    command = (sys.executable, "-I", str(PROGRAM), str(MESSAGES), str(READING_MEMORY_BYTES), str(READING_CPU_S))
    process = await start_process(Launch(command=command, environ={}, stderr=subprocess.DEVNULL, new_group=True))
    try:
        async with asyncio.timeout(READING_TIMEOUT_S):
            bounded = await process.communicate(raw)
    except TimeoutError:
        raise McpServerError("it sent a message that takes too long to read") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        process.close()
    if process.returncode == NOT_A_MESSAGE:
        raise messages.NotAMessage
    if process.returncode != 0:
        log.warning("an MCP server's message of %d bytes could not be read: exit %s", len(raw), process.returncode)
        raise McpServerError("it sent a message that takes too much to read")
    return bounded or None
