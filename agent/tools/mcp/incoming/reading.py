"""MCP reading: bounds each message of a server: a small one at once, a large one in a process of its own.

A small message takes some milliseconds at most. A large one may take seconds and much memory; its process has limits of both,
a low priority, and is killed when it takes too long. Two such processes run at once, and one for each connection.
"""

import asyncio
import logging
import subprocess
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from agent.tools.mcp.incoming import messages
from agent.tools.mcp.incoming.errors import McpServerError
from agent.tools.mcp.incoming.files import KEPT_S, KeptFiles, new_secret
from agent.tools.mcp.incoming.pace import Pace
from agent.tools.mcp.incoming.process import LENGTH_BYTES, NOT_A_MESSAGE
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
        self._files = KeptFiles()
        self._one = asyncio.Lock()

    async def read(self, raw: bytes) -> bytes | None:
        """The bounded message; None for one that is left out. Raises NotAMessage, and McpServerError for one that takes too long."""
        await self.pace.wait(1, len(raw))
        if len(raw) <= SMALL_BYTES:
            return messages.bound_message(raw)
        loop = asyncio.get_running_loop()
        async with self._one, _processes.setdefault(loop, asyncio.Semaphore(PROCESSES_MAX)):
            secret = new_secret()
            bounded, *files = await _in_a_process(raw, secret)
            self._files.keep(secret, [content.decode() for content in files], loop.time())
            if files:
                loop.call_later(KEPT_S + 1, _drop_old, weakref.ref(self._files))
            return bounded or None


def _drop_old(files: "weakref.ref[KeptFiles]") -> None:
    """Drop what was kept for too long, if the connection is still there."""
    kept = files()
    if kept is not None:
        kept.drop_old(asyncio.get_running_loop().time())


async def _in_a_process(raw: bytes, secret: str) -> list[bytes]:
    """The message as `bound_message` gives it, and the files that were taken out of it. Cancelled, it kills its process."""
    limits = (str(READING_MEMORY_BYTES), str(READING_CPU_S))
    command = (sys.executable, "-I", str(PROGRAM), str(MESSAGES), *limits, secret)
    process = await start_process(Launch(command=command, environ={}, stderr=subprocess.DEVNULL, new_group=True))
    try:
        async with asyncio.timeout(READING_TIMEOUT_S):
            output = await process.communicate(raw)
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
    return list(_parts(output))


def _parts(output: bytes) -> Iterator[bytes]:
    """What the process wrote, part by part."""
    at = 0
    while at < len(output):
        start = at + LENGTH_BYTES
        at = start + int.from_bytes(output[at:start], "big")
        yield output[start:at]
