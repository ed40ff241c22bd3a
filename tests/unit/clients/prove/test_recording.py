"""Recordings: what the clients of a trace received, in the finest steps, and as the witness read it."""

import msgspec

from clients.prove.recording import Recording, as_file, recording
from clients.prove.trace import Done
from protocol import events as ev
from tests.unit.clients.prove.traces import AT, EVENTS, at_the_end, good, received


def seqs(events: list[msgspec.Raw]) -> list[int]:
    return [msgspec.json.decode(event)["seq"] for event in events]


def test_a_recording_has_the_events_and_the_view_after_each_that_the_witness_got() -> None:
    one = recording("a session", good())
    assert seqs(one.events) == seqs(one.merged) == seqs(one.views) == [1, 2, 3, 4, 5, 6]
    assert msgspec.json.decode(one.views[-1])["messages"][-1]["text"] == "Hello."


def test_events_are_in_the_finest_steps_that_somebody_got() -> None:
    whole = ev.AssistantChunk(seq=4, first_seq=3, at=AT, message_id="msg-3", offset=0, text="Hello.")
    one = recording("a session", [*received("one", *EVENTS), *at_the_end([*EVENTS[:2], whole, *EVENTS[4:]])])
    assert seqs(one.merged) == [1, 2, 4, 5, 6]
    assert seqs(one.events) == [1, 2, 3, 4, 5, 6]


def test_a_merged_event_stands_where_nobody_got_its_parts() -> None:
    whole = ev.AssistantChunk(seq=4, first_seq=3, at=AT, message_id="msg-3", offset=0, text="Hello.")
    one = recording("a session", [*received("one", *EVENTS[:3]), *at_the_end([*EVENTS[:2], whole, *EVENTS[4:]])])
    assert seqs(one.events) == [1, 2, 4, 5, 6]


def test_what_was_before_older_data_were_put_back_is_left_out() -> None:
    trace = [*good(), Done("the server's data was put back", restored=True), *at_the_end(EVENTS[:2])]
    assert seqs(recording("a session", trace).events) == [1, 2]


def test_a_file_is_json_that_reads_back() -> None:
    one = recording('a "session"', good())
    assert msgspec.json.decode(as_file(one), type=Recording).about == one.about
    assert [bytes(event) for event in msgspec.json.decode(as_file(one), type=Recording).events] == [
        bytes(e) for e in one.events
    ]
