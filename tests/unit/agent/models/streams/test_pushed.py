"""Pushed bodies: text is taken in the step of the loop in which it comes, unless there is no room for it."""

import asyncio
from dataclasses import dataclass, field

import pytest
from aiohttp import StreamReader
from aiohttp.base_protocol import BaseProtocol

from agent.models.streams.pushed import push
from agent.util.tasks import TaskOwner
from tests.support.backends import SCRIPTED, Sink, scripted
from tests.support.models.scripted_model import Finish, Gate, Raw, Text, stream

WAYS = [way for way in SCRIPTED if way.endswith("direct")]


@dataclass
class Filling(Sink):
    """Has no room from its second piece on, until `emptied` is set."""

    full: asyncio.Event = field(default_factory=asyncio.Event)
    emptied: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, kind: str, piece: str) -> None:
        if not self.has_room:
            self.full.set()
            await self.emptied.wait()
            self.has_room = True
        await super().__call__(kind, piece)

    def put(self, kind: str, piece: str) -> None:
        super().put(kind, piece)
        self.has_room = self.emptied.is_set()


class Broken(Sink):
    """Takes its first piece alone."""

    def put(self, kind: str, piece: str) -> None:
        raise ZeroDivisionError


@pytest.mark.parametrize("way", WAYS)
async def test_text_behind_the_first_is_taken_at_once_and_in_order(way: str, tasks: TaskOwner) -> None:
    gates, sink = [Gate(), Gate(), Gate()], Sink()
    answer = stream(Text("a"), gates[0], Text("b"), Raw(b": still here\n\n"), gates[1], Text("c"), gates[2], Finish())
    async with scripted(way, [answer]) as backend:
        call = tasks.start(backend.models.call(backend.ask("hello"), sink), "call")
        async with asyncio.timeout(30):
            for count, gate in enumerate(gates, 1):
                await gate.reached.wait()
                while len(sink.deltas) < count:
                    await asyncio.sleep(0)
                gate.open()
            reply = await call
    assert sink.all() == "abc"
    assert sink.at_once >= 1, "those that come within a moment of each other are taken together"
    assert reply.finish_reason == "stop"


@pytest.mark.parametrize("way", WAYS)
async def test_text_for_which_there_is_no_room_waits_and_keeps_its_order(way: str, tasks: TaskOwner) -> None:
    gate, sink = Gate(), Filling()
    pieces = [f"{number} " for number in range(4_000)]  # more than aiohttp holds: it reads on later
    answer = stream(Text("a "), gate, *map(Text, pieces), Finish())
    async with scripted(way, [answer]) as backend:
        call = tasks.start(backend.models.call(backend.ask("hello"), sink), "call")
        async with asyncio.timeout(30):
            await sink.first.wait()
            sink.has_room = False
            gate.open()
            await sink.full.wait()
            assert sink.all() == "a ", "what has no room is not kept"
            sink.emptied.set()
            await call
    assert sink.all() == "a " + "".join(pieces)


async def test_what_a_sink_raises_passes(tasks: TaskOwner) -> None:
    gate, sink = Gate(), Broken()
    async with scripted(WAYS[0], [stream(Text("a"), gate, Text("b"), Finish())]) as backend:
        call = tasks.start(backend.models.call(backend.ask("hello"), sink), "call")
        async with asyncio.timeout(30):
            await sink.first.wait()
            gate.open()
            with pytest.raises(ZeroDivisionError):
                await call


async def test_a_call_that_is_cancelled_closes_its_body(tasks: TaskOwner) -> None:
    gate, sink = Gate(), Sink()
    async with scripted(WAYS[0], [stream(Text("a"), Text("b"), gate)]) as backend:
        call = tasks.start(backend.models.call(backend.ask("hello"), sink), "call")
        async with asyncio.timeout(30):
            await gate.reached.wait()
            while sink.all() != "ab":
                await asyncio.sleep(0)
            call.cancel()
            await backend.requests[0].left.wait()


async def test_of_large_blocks_that_come_in_one_step_the_first_alone_is_taken_in_it(
    monkeypatch: pytest.MonkeyPatch, tasks: TaskOwner
) -> None:
    loop, taken, now = asyncio.get_running_loop(), list[bytes](), [1_000.0]
    monkeypatch.setattr(loop, "time", lambda: now[0])

    def take(block: bytes) -> bool:
        taken.append(block)
        now[0] += 1.0  # it takes long
        return True

    reader = StreamReader(BaseProtocol(loop), 2**16, loop=loop)
    reader._protocol.transport = asyncio.Transport()  # it is connected
    pushing = tasks.start(push(reader, take), "push")
    await asyncio.sleep(0)
    for block in (b"a", b"b", b"c"):
        reader.feed_data(block)
    await pushing
    assert taken == [b"a"]
    assert await reader.readany() == b"bc", "the task takes the others together, and lets others run"


async def test_what_is_held_is_read_in_whole_blocks_of_no_more_than_is_asked_for(tasks: TaskOwner) -> None:
    loop = asyncio.get_running_loop()
    reader = StreamReader(BaseProtocol(loop), 2**16, loop=loop)
    reader._protocol.transport = asyncio.Transport()  # it is connected
    pushing = tasks.start(push(reader, lambda _: False), "push")
    await asyncio.sleep(0)
    reader.begin_http_chunk_receiving()
    for block in (b"0", b"123", b"456", b"", b"78", b"9abcdef", b"g"):
        reader.feed_data(block)
        reader.end_http_chunk_receiving()
    await pushing
    assert [await reader.read(size) for size in (2, 5, 4, 5, 100)] == [b"12", b"3456", b"78", b"9abcd", b"efg"]
    assert (reader._size, reader._buffer_offset, list(reader._http_chunk_splits or ())) == (0, 0, [reader.total_bytes])
    reader.feed_data(b"hi")
    assert await reader.readany() == b"hi"
