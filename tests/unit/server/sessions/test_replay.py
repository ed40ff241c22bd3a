"""Replay: records come out merged as their events are, also by what was noted of these; what needs no merging comes out as it went in."""

from hypothesis import given
from hypothesis import strategies as st

from protocol import events as ev
from protocol.codec import decode_event
from protocol.merge import Merger, TextRuns
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


def merges(records: list[Record], position: int) -> list[Record]:
    return [record for record in merged(records, position) if record.first_seq < record.seq]


@FEWER_LIVES
@given(events=lives(), step=st.integers(1, 5))
def test_what_is_noted_is_merged_as_a_replay_merges_it(events: list[ev.Event], step: int) -> None:
    records = [record_of(event) for event in events]
    runs = TextRuns()
    for at in range(0, len(events), step):
        runs.note(events[at : at + step])
    out: list[Record] = []
    for run in runs.take():
        if run.message is not None:
            out.append(record_of(run.message))
        else:
            out += merges(records[run.first_seq - 1 : run.seq], run.first_seq - 1)
    assert out == merges(records, 0)
    assert runs.take() == []


def test_a_run_ends_at_a_hole_in_what_was_noted() -> None:
    runs = TextRuns()
    for seq in (1, 2, 4, 5):
        runs.note([ev.AssistantChunk(seq=seq, at=AT, message_id="a", offset=seq, text="x", kind="text")])
    whole = ev.AssistantMessageEvent(
        seq=6, at=AT, message_id="a", text="x" * 6, reasoning="", sealed=False, tool_calls=[], finish_reason="stop"
    )
    runs.note([whole])
    assert [(run.first_seq, run.seq, run.message is not None) for run in runs.take()] == [(1, 2, False), (4, 6, True)]
