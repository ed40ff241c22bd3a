"""MCP pace: how fast messages, lists and logs of a server are taken. Also: lines in pieces, and event streams."""

from collections.abc import AsyncIterator

import pytest

from agent.tools.mcp.calls import LOG_PAUSE_S, CallLogQueue, log_pause_s
from agent.tools.mcp.incoming.errors import McpServerError
from agent.tools.mcp.incoming.event_stream import EventStream
from agent.tools.mcp.incoming.pace import (
    BYTES_AT_ONCE,
    BYTES_PER_S,
    MESSAGES_AT_ONCE,
    MESSAGES_PER_S,
    Lines,
    Pace,
    TooLong,
)
from agent.tools.mcp.incoming.reading import MessageReader
from agent.tools.mcp.listing import LISTING_PAUSE_MAX_S, ListingPace


def test_messages_at_once_need_no_pause_and_then_one_each() -> None:
    pace = Pace(now_s=100.0)
    assert pace.take(100.0, MESSAGES_AT_ONCE, 0) == 0
    assert pace.take(100.0, 1, 0) == pytest.approx(1 / MESSAGES_PER_S)
    assert pace.take(200.0, 1, 0) == 0


def test_bytes_at_once_need_no_pause_and_then_so_many_a_second() -> None:
    pace = Pace(now_s=100.0)
    assert pace.take(100.0, 0, int(BYTES_AT_ONCE)) == 0
    assert pace.take(100.0, 0, int(BYTES_PER_S)) == pytest.approx(1.0)


def test_lines_are_the_same_however_they_come() -> None:
    text = b"a\n\nbcd\nef\n"
    for size in range(1, len(text) + 1):
        lines = Lines(3)
        got = [line for at in range(0, len(text), size) for line in lines.feed(text[at : at + size])]
        assert got == [b"a", b"", b"bcd", b"ef"]
    lines = Lines(3)
    with pytest.raises(TooLong):
        lines.feed(b"ab"), lines.feed(b"cd")


class Pieces:
    """A body that comes in pieces of this size."""

    def __init__(self, body: bytes, size: int) -> None:
        self._body = body
        self._size = size

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for at in range(0, len(self._body), self._size):
            yield self._body[at : at + self._size]


async def events(body: bytes, size: int = 7, bytes_max: int = 1_000) -> tuple[bytes, list[str]]:
    """What the library gets of a body, and what was reported."""
    reported: list[str] = []

    def error(why: str) -> McpServerError:
        reported.append(why)
        return McpServerError(why)

    stream = EventStream(Pieces(body, size), MessageReader(), bytes_max, error, lambda: reported.append("ended"))
    try:
        return b"".join([event async for event in stream]), reported
    except McpServerError:
        return b"", reported


@pytest.mark.parametrize("size", [1, 7, 1_000])
async def test_events_pass_with_their_fields_and_a_bounded_message(size: int) -> None:
    ping = b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{}}'
    body = b": hello\nid: 1\ndata:\n\nevent: message\r\nid: 2\r\ndata: " + ping + b"\r\n\r\ndata: words\n\nretry: 5\n\n"
    got, reported = await events(body, size)
    assert got == b"id: 1\n\nevent: message\nid: 2\ndata: " + ping + b"\n\nretry: 5\n\n"
    assert reported == ["ended"]


async def test_an_event_in_several_data_lines_is_one_message() -> None:
    got, _ = await events(b'data: {"jsonrpc":"2.0",\ndata: "id":1,\ndata: "result":{}}\n\n')
    assert got == b'data: {"jsonrpc":"2.0","id":1,"result":{}}\n\n'


@pytest.mark.parametrize("body", [b"data: " + b"x" * 2_000, b"data: x\n" * 400])
async def test_an_event_beyond_the_bound_ends_the_connection(body: bytes) -> None:
    assert await events(body) == (b"", ["it sent a message of more than 1000 bytes", "ended"])


def test_a_change_is_listed_at_once_and_changes_without_end_more_and_more_rarely() -> None:
    pace = ListingPace()
    now, waits = 1_000.0, []
    for _ in range(8):
        waits.append(pace.wait_s(now))
        now += waits[-1]
        pace.listed(now)
    assert waits == [0, 1, 2, 4, 8, LISTING_PAUSE_MAX_S, LISTING_PAUSE_MAX_S, LISTING_PAUSE_MAX_S]
    later = now + 3 * LISTING_PAUSE_MAX_S
    pace.listed(later)
    assert pace.wait_s(later) == 1


def test_the_texts_of_a_call_become_rarer_the_longer_it_takes() -> None:
    now, texts = 0.0, 0
    while now < 300:
        now += log_pause_s(now)
        texts += 1
    assert log_pause_s(0) == LOG_PAUSE_S and texts < 400


async def test_lines_of_a_call_that_do_not_fit_are_counted_and_after_the_total_there_are_none() -> None:
    queue = CallLogQueue(max_chars=10, total_chars=40)
    for line in ("aaaa", "bbbb", "cccc"):
        queue.add(line)
    assert await queue.next() == "aaaa\nbbbb\n[1 messages left out]\n"
    for _ in range(100):
        queue.add("dddd")
        await queue.pause(0)
        if queue.spent():
            break
        await queue.next()
    assert "[its further messages are left out]\n" in (await queue.next() or "")
    queue.add("eeee")
    queue.end()
    await queue.pause(60)
    assert await queue.next() is None
