"""Replay: records come out merged as their events are; what needs no merging comes out as it went in."""

from hypothesis import given
from hypothesis import strategies as st

from protocol import events as ev
from protocol.codec import decode_event
from protocol.merge import Merger
from server.journal.base import Record
from server.sessions import replay
from server.sessions.replay import RecordMerger, merged, merged_in_steps, record_of
from tests.unit.protocol.streams import AT, FEWER_LIVES, lives


def log_of(seq: int, call_id: str, size: int) -> Record:
    return record_of(ev.ToolLog(seq=seq, at=AT, tool_call_id=call_id, offset=0, text="x" * size))


@FEWER_LIVES
@given(events=lives(), large=st.booleans())
def test_records_are_merged_as_their_events_are(events: list[ev.Event], large: bool) -> None:
    merger = Merger()
    wanted = [ready for event in events for ready in merger.push(event)] + merger.flush()
    before, replay.LARGE_BYTES = replay.LARGE_BYTES, 0 if large else replay.LARGE_BYTES
    try:
        assert [decode_event(record.data) for record in merged(map(record_of, events), 0)] == wanted
    finally:
        replay.LARGE_BYTES = before


def test_a_record_that_needs_no_merging_comes_out_as_it_went_in() -> None:
    message = Record(4, 1, b'{"type":"assistant_message","not":"decoded"}')
    other = Record(5, 5, b'{"type":"tool_output","not":"decoded"}')
    first, second = log_of(6, "a", 10_000), log_of(7, "b", 10_000)
    merger = RecordMerger(0)
    assert merger.push(message) == [message]
    assert merger.push(other) == [other]
    assert merger.push(first) == []
    assert merger.push(second)[0] is first
    assert merger.flush()[0] is second


async def test_many_records_are_merged_in_steps_to_the_same() -> None:
    records = [log_of(seq, f"call-{seq // 3}", 30_000) for seq in range(1, 12)]
    assert await merged_in_steps(records, 0) == merged(records, 0)
