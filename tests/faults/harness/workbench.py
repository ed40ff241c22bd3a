"""Workbench: the test's control of the tools under test: which calls wait, their processes, and how often each call ran."""

import asyncio
import contextlib
import json
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.faults.harness import tools
from tests.faults.harness.order import Hook

GONE_S = 5.0
"""How long the end of a process may take on a busy machine."""


class Workbench:
    """`holding`: keys of the calls that wait to be let go. `children`: the processes that calls ever started."""

    def __init__(self, folder: Path, changed: Callable[[], None] = lambda: None) -> None:
        self.holding: dict[str, asyncio.StreamWriter] = {}
        self.children: list[int] = []
        self._runs = folder / "runs"
        self.changed = changed
        self._server: asyncio.Server | None = None
        self.port = 0
        self.patience: Callable[[], float] | None = None
        """Seconds after which a call that holds is let go; None: when the test says so."""

    @property
    def hook(self) -> Hook:
        """Gives a server the tools."""
        return Hook(tools.HOOK, {"port": self.port, "runs": str(self._runs)})

    def runs(self) -> Counter[str]:
        """How often each call has run, by its key."""
        return Counter(self._runs.read_text().split()) if self._runs.exists() else Counter()

    def forget_runs_but(self, kept: Counter[str]) -> None:
        """All other runs belong to a past that was lost. To be called while no server runs."""
        self._runs.write_text("".join(f"{key}\n" for key in kept.elements()))

    def let_go(self) -> None:
        """Every call that holds may end."""
        for writer in self.holding.values():
            writer.write(b"go\n")

    async def all_gone(self) -> None:
        """Until no process of a call is left. Raises TimeoutError if one lives on."""
        for child in self.children:
            await _gone(child)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self.holding.values()):
            writer.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        message = json.loads(await reader.readline() or b"null")
        if message is not None:
            self.children.append(message["child"])
            self.holding[message["key"]] = writer
            self.changed()
            if self.patience is not None:
                asyncio.get_running_loop().call_later(self.patience(), writer.write, b"go\n")
            with contextlib.suppress(ConnectionError):
                await reader.read()
            del self.holding[message["key"]]
            self.changed()
        writer.close()


async def _gone(pid: int) -> None:
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    loop, gone = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(process, gone.set)
    try:
        async with asyncio.timeout(GONE_S):
            await gone.wait()
    finally:
        loop.remove_reader(process)
        os.close(process)
