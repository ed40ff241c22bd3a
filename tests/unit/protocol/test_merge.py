"""Merging: merged or not, and from any position, the events give the same view and none is missing."""

import time
from collections.abc import Iterable
from typing import Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from protocol import codec
from protocol import events as ev
from protocol.merge import Merger, after
from protocol.view import View, apply
from tests.faults.harness.lengths import length
from tests.unit.protocol.streams import AT, FEWER_LIVES, lives


def merged(events: Iterable[ev.Event]) -> list[ev.Event]:
    merger = Merger()
    return [ready for event in events for ready in merger.push(event)] + merger.flush()


def fold(events: Iterable[ev.Event], view: View | None = None) -> View:
    view = View() if view is None else view
    for event in events:
        apply(view, event)
    return view


def copied(view: View) -> View:
    return msgspec.msgpack.decode(msgspec.msgpack.encode(view), type=View)


def chunk(
    seq: int, offset: int, text: str, kind: Literal["text", "reasoning"] = "text", message_id: str = "m"
) -> ev.AssistantChunk:
    return ev.AssistantChunk(seq=seq, at=AT, message_id=message_id, offset=offset, text=text, kind=kind)


def whole(seq: int, text: str) -> ev.AssistantMessageEvent:
    return ev.AssistantMessageEvent(
        seq=seq, at=AT, message_id="m", text=text, reasoning="", tool_calls=[], finish_reason="stop", sealed=False
    )


@FEWER_LIVES
@given(events=lives(), data=st.data())
def test_a_merged_replay_from_every_position_ends_in_the_same_view(events: list[ev.Event], data: st.DataObject) -> None:
    in_the_end = fold(events)
    stored = merged(events)
    half = data.draw(st.integers(0, len(events)))
    stored_in_parts = merged([*merged(events[:half]), *events[half:]])
    seen = View()
    every = length(6, 1)
    offset = data.draw(st.integers(0, every - 1))
    for cut in range(len(events) + 1):
        if cut:
            apply(seen, events[cut - 1])
        if cut % every != offset:
            continue
        for replayed in (stored, stored_in_parts, merged(events[cut:])):
            rest = [after(event, cut) for event in replayed if event.seq > cut]
            assert fold(rest, copied(seen)) == in_the_end


@FEWER_LIVES
@given(events=lives())
def test_after_every_merged_event_the_view_is_the_one_at_its_seq(events: list[ev.Event]) -> None:
    one_by_one, shorter = View(), View()
    ordered = iter(events)
    for event in merged(events):
        while one_by_one.seq < event.seq:
            apply(one_by_one, next(ordered))
        apply(shorter, event)
        assert shorter == one_by_one


@FEWER_LIVES
@given(events=lives(), position=st.integers(0, 200))
def test_merged_events_leave_no_hole_and_overlap_nothing(events: list[ev.Event], position: int) -> None:
    reached = min(position, len(events))
    for event in (after(event, reached) for event in merged(events) if event.seq > reached):
        assert ev.first_seq(event) == reached + 1
        assert event.first_seq is UNSET or event.first_seq < event.seq
        reached = event.seq
    assert reached == len(events)


@FEWER_LIVES
@given(events=lives())
def test_merging_again_changes_nothing(events: list[ev.Event]) -> None:
    once = merged(events)
    assert merged(once) == once


@FEWER_LIVES
@given(events=lives())
def test_merged_events_can_be_stored_and_sent(events: list[ev.Event]) -> None:
    for event in merged(events):
        data = codec.encode(event)
        assert codec.decode_event(data) == event
        assert codec.decode_frame_msgpack(codec.to_msgpack(data)) == event


def test_two_thousand_chunks_and_their_message_are_one_event() -> None:
    events: list[ev.Event] = [chunk(n + 1, n * 4, "owl ") for n in range(2_000)]
    assert len(merged(events)) == 1
    [message] = merged([*events, whole(2_001, "owl " * 2_000)])
    assert message == msgspec.structs.replace(whole(2_001, "owl " * 2_000), first_seq=1)


def test_text_and_reasoning_of_one_message_stay_apart_and_join_its_end() -> None:
    events = [
        chunk(1, 0, "hm", kind="reasoning"),
        chunk(2, 2, "m", kind="reasoning"),
        chunk(3, 0, "Hi"),
        chunk(4, 2, "!"),
    ]
    assert [(e.seq, e.first_seq) for e in merged(events)] == [(2, 1), (4, 3)]
    assert [(e.seq, e.first_seq) for e in merged([*events, whole(5, "Hi!")])] == [(5, 1)]


def test_chunks_of_another_message_are_not_taken_into_the_one_that_ends() -> None:
    other = chunk(1, 0, "never ended", message_id="other")
    assert [(e.seq, e.first_seq) for e in merged([other, chunk(2, 0, "Hi"), whole(3, "Hi")])] == [(1, UNSET), (3, 2)]
    assert [(e.seq, e.first_seq) for e in merged([other, whole(2, "Hi")])] == [(1, UNSET), (2, UNSET)]


def test_an_event_in_between_keeps_what_is_before_and_after_it_apart() -> None:
    events: list[ev.Event] = [
        chunk(1, 0, "a"),
        ev.TitleChanged(seq=2, at=AT, title="t"),
        chunk(3, 1, "b"),
        chunk(4, 2, "c"),
    ]
    assert [(e.seq, e.first_seq) for e in merged(events)] == [(1, UNSET), (2, UNSET), (4, 3)]


def test_logs_of_two_calls_stay_apart() -> None:
    def log(seq: int, call: str, offset: int) -> ev.ToolLog:
        return ev.ToolLog(seq=seq, at=AT, tool_call_id=call, offset=offset, text="x")

    result = merged([log(1, "a", 0), log(2, "a", 1), log(3, "b", 0), log(4, "a", 2)])
    assert [(e.seq, e.first_seq) for e in result] == [(2, 1), (3, UNSET), (4, UNSET)]


@pytest.mark.parametrize(("position", "first_seq"), [(0, 1), (1, 2), (2, 3), (3, UNSET)])
def test_a_merged_event_begins_after_what_its_client_has(position: int, first_seq: object) -> None:
    [event] = merged([chunk(n, n - 1, "x") for n in range(1, 5)])
    assert after(event, position).first_seq == first_seq
    assert after(event, position) == msgspec.structs.replace(event, first_seq=first_seq)


def test_a_merged_event_has_the_time_of_its_last_part() -> None:
    [event] = merged([chunk(1, 0, "a"), msgspec.structs.replace(chunk(2, 1, "b"), at="2026-01-02T03:04:06.000Z")])
    assert event.at == "2026-01-02T03:04:06.000Z"


def merging_cpu_s(pieces: int) -> float:
    """The least of some tries to merge one message of so many pieces."""
    events: list[ev.Event] = [chunk(number + 1, 100 * number, "x" * 100) for number in range(pieces)]
    tries = []
    for _ in range(3):
        began = time.process_time()
        (one,) = merged(events)
        tries.append(time.process_time() - began)
        assert isinstance(one, ev.AssistantChunk) and len(one.text) == 100 * pieces
    return min(tries)


def test_four_times_the_pieces_cost_some_four_times_as_much() -> None:
    """Who puts the text together anew for each piece needs sixteen times as much, and lets all others wait for it."""
    few, many = merging_cpu_s(5_000), merging_cpu_s(20_000)
    assert many < 8 * few, f"{many:.4f} s for 20,000 pieces, {few:.4f} s for 5,000"


def test_pieces_that_begin_before_the_end_of_what_is_held_replace_its_rest() -> None:
    (one,) = merged([chunk(1, 10, "abcdef"), chunk(2, 12, "XY"), chunk(3, 14, "Z"), chunk(4, 8, "new")])
    assert one == msgspec.structs.replace(chunk(4, 8, "new"), first_seq=1)
    (two,) = merged([chunk(1, 10, "abcdef"), chunk(2, 12, "XY"), chunk(3, 14, "Z")])
    assert two == msgspec.structs.replace(chunk(3, 10, "abXYZ"), first_seq=1)


def test_a_piece_alone_is_given_back_as_it_came() -> None:
    alone = chunk(1, 0, "alone")
    assert merged([alone])[0] is alone
