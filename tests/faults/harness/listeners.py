"""Listeners: many clients at little cost: they keep their position and the age of each token, and no view."""

import asyncio
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from websockets.asyncio.client import ClientConnection, connect

from agent.util.tasks import TaskOwner
from protocol import SUBPROTOCOL_JSON
from protocol import events as ev
from protocol.frames import Snapshot
from tests.faults.harness.clients import MAX_SIZE, PATIENCE_S, decode
from tests.support.live import DONE, Address


class Listener:
    """One socket on a session. `turns` counts the turns that ended, `chars` what the model said, `ages_ms` stamped tokens'."""

    def __init__(self, session_id: str, *, stamped: bool = False) -> None:
        self.session_id = session_id
        self.seq = 0
        self.chars = 0
        self.turns = 0
        self.ages_ms: list[float] = []
        self._stamped = stamped
        self._cut_stamp = ""
        self._aged = 0
        self._here = False
        self._changed = asyncio.Event()

    async def listen(self, address: Address) -> None:
        """Until cancelled. Any gap is an error, and so is an end."""
        async with connect(
            f"{address.ws}/{self.session_id}",
            subprotocols=[SUBPROTOCOL_JSON],  # type: ignore[list-item]  # a NewType of str
            max_size=MAX_SIZE,
            compression=None,
            ping_interval=None,
        ) as socket:
            await self._read(socket)

    async def until_turns(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while self.turns < count:
                await self._changed.wait()
                self._changed.clear()

    async def until_here(self) -> None:
        """Until the snapshot came."""
        async with asyncio.timeout(PATIENCE_S):
            while not self._here:
                await self._changed.wait()
                self._changed.clear()

    async def _read(self, socket: ClientConnection) -> None:
        async for message in socket:
            now = time.monotonic_ns()
            for frame in decode(message):
                if isinstance(frame, Snapshot):
                    self.seq, self._here = frame.seq, True
                elif isinstance(frame, ev.EventBase):
                    assert ev.first_seq(frame) == self.seq + 1, "a gap, or an event twice"
                    self.seq = frame.seq
                    self._take(frame, now)
            self._changed.set()
        raise AssertionError(f"the socket ended with {socket.close_code}")

    def _take(self, event: ev.Event, now: int) -> None:
        if isinstance(event, DONE):
            assert isinstance(event, ev.TurnComplete), event
            self.turns += 1
        elif isinstance(event, ev.AssistantChunk) and self._stamped:
            *stamps, self._cut_stamp = (self._cut_stamp + event.text).split(" ")
            self._age(stamps, now)
        elif isinstance(event, ev.AssistantMessageEvent):
            self.chars += len(event.text)
            if self._stamped:
                self._age(event.text.split()[self._aged :], now)  # who fell behind is told them merged
                self._aged, self._cut_stamp = 0, ""

    def _age(self, stamps: list[str], now: int) -> None:
        self._aged += len(stamps)
        self.ages_ms += [(now - int(stamp)) / 1e6 for stamp in stamps]


class Audience:
    """Listeners that listen while this is open; whatever befalls one of them comes out at its end."""

    def __init__(self, address: Address, listeners: Sequence[Listener]) -> None:
        self.listeners = listeners
        self._address = address
        self._tasks = TaskOwner("audience")

    async def __aenter__(self) -> Self:
        self._listening = [self._tasks.start(one.listen(self._address), "listen") for one in self.listeners]
        for one in self.listeners:
            await one.until_here()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        ended = [task for task in self._listening if task.done()]
        await self._tasks.aclose()
        for task in ended:
            task.result()


def percentile(values: Sequence[float], part: float) -> float:
    """The value below which this part of the values lies."""
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]
