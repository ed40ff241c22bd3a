"""Line reader: lines of a descriptor, read beside the event loop."""

import asyncio
import os
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.terminal.input import LINE_MAX_CHARS, LINES_AHEAD, LineReader, split_lines

PATIENCE_S = 45.0


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    os.close(reading)


async def test_lines_come_as_they_are_written_and_then_the_end(pipe: tuple[int, int]) -> None:
    lines = LineReader(pipe[0])
    async with asyncio.timeout(PATIENCE_S):
        os.write(pipe[1], b"one\ntw")
        assert await lines.next() == "one"
        os.write(pipe[1], "o é\r\nlast".encode())
        assert await lines.next() == "two é"
        os.close(pipe[1])
        assert await lines.next() == "last"
        assert await lines.next() is None
        assert await lines.next() is None
    lines.close()


async def test_closing_does_not_wait_for_a_line(pipe: tuple[int, int]) -> None:
    before = set(threading.enumerate())  # others, of earlier tests, may end meanwhile
    lines = LineReader(pipe[0])
    (reading,) = set(threading.enumerate()) - before
    lines.close()
    lines.close()
    assert not reading.is_alive()
    os.close(pipe[1])


async def test_reading_ahead_is_bounded(pipe: tuple[int, int]) -> None:
    lines = LineReader(pipe[0])
    os.write(pipe[1], b"x\n" * (LINES_AHEAD * 3))
    async with asyncio.timeout(PATIENCE_S):
        for _ in range(LINES_AHEAD):
            assert await lines.next() == "x"
        assert len(lines) <= LINES_AHEAD
    lines.close()
    os.close(pipe[1])


async def test_closing_without_a_reader_ends(pipe: tuple[int, int]) -> None:
    lines = LineReader(pipe[0])
    os.write(pipe[1], b"x\n" * (LINES_AHEAD * 3))
    async with asyncio.timeout(PATIENCE_S):
        assert await lines.next() == "x"
    lines.close()
    os.close(pipe[1])


@given(st.text(), st.integers(1, 7))
def test_however_the_bytes_are_cut_the_lines_are_the_same(text: str, size: int) -> None:
    data = text.encode(errors="replace")
    pieces = [data[i : i + size] for i in range(0, len(data), size)]
    expected = [line.removesuffix("\r") for line in data.decode().split("\n")]
    if not data or data.endswith(b"\n"):
        expected.pop()
    assert list(split_lines(iter(pieces))) == expected


def test_bad_bytes_and_endless_lines_are_borne() -> None:
    assert list(split_lines(iter([b"\xff\n", b"ok"]))) == ["\ufffd", "ok"]
    long = list(split_lines(iter([b"x" * 1_000_000] * 10 + [b"\nnext\n"])))
    assert [len(line) for line in long] == [LINE_MAX_CHARS, 4]


def test_a_line_is_cut_where_its_reader_says() -> None:
    line = b"x" * (LINE_MAX_CHARS + 5)
    assert [len(one) for one in split_lines(iter([line, b"\n"]))] == [LINE_MAX_CHARS]
    assert [len(one) for one in split_lines(iter([line, b"\n"]), 2 * LINE_MAX_CHARS)] == [LINE_MAX_CHARS + 5]
