"""Frame slices: a slice holds few frames, and a large frame is not cut up, however its bytes arrive."""

import pytest

from server.transport.frame_slices import SLICE_BYTES, NotingReader
from tests.unit.server.transport.test_socket_protocol import PING, TEXT, frame


@pytest.mark.parametrize("size", [0, 125, 126, 2_000, 65_535, 65_536, 1_000_000])
def test_a_frame_is_one_slice_if_it_is_larger_than_one(size: int) -> None:
    data = frame(TEXT, bytes(size)) + frame(PING) * 1_000
    end = NotingReader().slice_end(b"before" + data, 6) - 6
    whole = len(frame(TEXT, bytes(size)))
    assert end == (SLICE_BYTES if whole <= SLICE_BYTES else end)
    assert whole <= end < whole + SLICE_BYTES


def test_the_rest_of_a_payload_is_one_slice() -> None:
    reader = NotingReader()
    waiting = reader.read_exact(50_000)
    next(waiting)
    reader.feed_data(bytes(20_000))
    assert reader.slice_end(bytes(90_000), 100) == 100 + 30_000
    reader.feed_data(bytes(29_999))
    assert reader.slice_end(bytes(90_000), 100) == 100 + SLICE_BYTES
    reader.feed_data(b"x")
    with pytest.raises(StopIteration):
        next(waiting)
    assert (reader.wanted, len(reader.buffer)) == (0, 0)


def test_a_header_that_has_not_come_yet_is_no_reason_for_a_larger_slice() -> None:
    assert NotingReader().slice_end(b"x", 0) <= SLICE_BYTES
    assert NotingReader().slice_end(b"", 0) <= SLICE_BYTES


def test_a_reader_at_its_end_says_what_is_missing() -> None:
    reader = NotingReader()
    reader.feed_data(b"x")
    reader.feed_eof()
    with pytest.raises(EOFError, match="1 bytes, expected 2"):
        next(reader.read_exact(2))
