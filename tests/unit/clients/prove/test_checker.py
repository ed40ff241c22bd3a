"""Checker: a good trace has no violation, and each kind of violation is found where it happened."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from clients.prove.checker import check
from clients.prove.trace import WITNESS, Closed, Done, Entry, Received, Sent, Waited
from protocol import codec
from protocol import events as ev
from protocol.frames import Refused, Synced
from protocol.submissions import UserInput
from protocol.view import View, to_snapshot
from tests.unit.clients.prove.traces import AT, EVENTS, SAID, at_the_end, good, ready, received, resumed

Change = Callable[[list[Entry]], list[Entry]]


def kinds(trace: list[Entry]) -> set[str]:
    return {violation.kind for violation in check(trace)}


def place_of(trace: list[Entry], client: str, seq: int) -> int:
    """The place of the first frame with this position that a client received."""
    return next(
        place
        for place, entry in enumerate(trace)
        if isinstance(entry, Received) and entry.client == client and f'"seq":{seq},"at"' in entry.data
    )


@pytest.mark.parametrize("cut_after", range(1, 7))
def test_a_trace_that_keeps_all_promises_has_no_violation(cut_after: int) -> None:
    assert check(good(cut_after)) == []


@pytest.mark.parametrize(
    ("offset", "text", "found"), [(0, "Hello.", set()), (0, "lo.", {"torn"}), (4, "lo.", {"torn"})]
)
def test_a_merged_chunk_may_say_again_what_is_there_and_nothing_else(offset: int, text: str, found: set[str]) -> None:
    place = place_of(trace := good(3), "one", 4)
    chunk = ev.AssistantChunk(seq=4, at=AT, message_id="msg-3", offset=offset, text=text)
    assert kinds([*trace[:place], *received("one", chunk), *trace[place + 1 :]]) == found


@pytest.mark.parametrize(("offset", "text"), [(0, "Hello."), (0, "Hel")])
def test_a_live_chunk_says_nothing_again(offset: int, text: str) -> None:
    place = place_of(trace := good(4), "one", 4)
    chunk = ev.AssistantChunk(seq=4, at=AT, message_id="msg-3", offset=offset, text=text)
    assert kinds([*trace[:place], *received("one", chunk), *trace[place + 1 :]]) >= {"torn"}


def test_a_replay_that_says_again_alone_what_is_there_is_found() -> None:
    place = place_of(trace := good(3), "one", 4)
    chunk = ev.AssistantChunk(seq=4, at=AT, message_id="msg-3", offset=0, text="Hel")
    assert kinds([*trace[:place], *received("one", chunk), *trace[place + 1 :]]) >= {"torn"}


def dropped(trace: list[Entry]) -> list[Entry]:
    place = place_of(trace, "one", 4)
    return trace[:place] + trace[place + 1 :]


def doubled(trace: list[Entry]) -> list[Entry]:
    place = place_of(trace, "one", 2)
    return [*trace[: place + 1], trace[place], *trace[place + 1 :]]


def swapped(trace: list[Entry]) -> list[Entry]:
    place = place_of(trace, "one", 4)
    return [*trace[:place], trace[place + 1], trace[place], *trace[place + 2 :]]


def other_text(trace: list[Entry]) -> list[Entry]:
    place = place_of(trace, "one", 3)
    chunk = ev.AssistantChunk(seq=3, at=AT, message_id="msg-3", offset=0, text="Hal")
    return [*trace[:place], *received("one", chunk), *trace[place + 1 :]]


def other_event(trace: list[Entry]) -> list[Entry]:
    place = place_of(trace, "one", 2)
    event = ev.Processing(seq=2, at=AT, turn_id="turn-9", submission_id="say-1")
    return [*trace[:place], *received("one", event), *trace[place + 1 :]]


def no_frame(trace: list[Entry]) -> list[Entry]:
    return [trace[0], Received("one", '{"type":'), *trace[1:]]


def too_early(trace: list[Entry]) -> list[Entry]:
    place = place_of(trace, "one", 4)
    return [*trace[:place], *received("one", EVENTS[2]), *trace[place:]]


def not_recovered(trace: list[Entry]) -> list[Entry]:
    place = place_of(trace, "one", 4) - 1
    snapshot = received("one", ready(6, recovered=False), to_snapshot(View(seq=6)), Synced(seq=6))
    return [*trace[:place], *snapshot, *trace[place + 5 :]]


def stuck(trace: list[Entry]) -> list[Entry]:
    return [*trace, Waited("one", "the session to come to rest", 60.0)]


def refused_too(trace: list[Entry]) -> list[Entry]:
    refused = Refused(id="say-1", code="invalid", message="no", retryable=False)
    place = place_of(trace, "one", 2)
    return [*trace[:place], *received("one", refused), *trace[place:]]


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (dropped, "lost"),
        (doubled, "doubled"),
        (swapped, "lost"),
        (other_text, "torn"),
        (other_event, "torn"),
        (no_frame, "torn"),
        (too_early, "doubled"),
        (not_recovered, "false_recovery"),
        (stuck, "stuck"),
        (refused_too, "said_twice"),
    ],
)
def test_a_broken_promise_is_found_by_its_kind(change: Change, kind: str) -> None:
    assert kind in kinds(change(good()))


def test_a_violation_names_the_entry_that_shows_it() -> None:
    trace = doubled(good())
    (violation,) = check(trace)
    assert violation.entry == place_of(trace, "one", 2) + 1
    assert violation.message == "2 to 2 came after 2"


def test_a_session_that_cannot_be_read_at_the_end_is_stuck() -> None:
    assert kinds([entry for entry in good() if getattr(entry, "client", "") != WITNESS]) == {"stuck"}


def test_an_event_that_was_seen_and_is_not_stored_is_lost() -> None:
    trace = [*good()[: -len(at_the_end(EVENTS))], *at_the_end(EVENTS[:5])]
    assert "lost" in kinds(trace)


def test_a_submission_that_was_taken_under_two_numbers_was_said_twice() -> None:
    again = [*EVENTS, ev.Accepted(seq=7, at=AT, submission_id="say-1", submission=SAID)]
    trace = [*good()[: -len(at_the_end(EVENTS))], *received("one", again[-1]), *at_the_end(again)]
    assert "said_twice" in kinds(trace)


def test_the_first_answer_given_again_to_who_sent_again_is_none() -> None:
    trace = good(6)
    place = place_of(trace, "one", 6) + 1
    assert check([*trace[:place], Sent("one", SAID), *received("one", EVENTS[0]), *trace[place:]]) == []


def test_after_data_were_put_back_a_position_may_be_gone() -> None:
    earlier = EVENTS[:2]
    interrupted = ev.Interrupted(seq=3, at=AT, turn_id="turn-2", reason="restart")
    events = [*earlier, interrupted]
    view = View(model="m")
    whole = at_the_end(events)
    snapshot = msgspec.json.decode(whole[-2].data) if isinstance(whole[-2], Received) else {}
    assert snapshot["type"] == "snapshot"
    back: list[Entry] = [*received("one", ready(3, recovered=False))]
    back += [Received("one", codec.encode(codec.decode_frame(msgspec.json.encode(snapshot))).decode())]
    back += received("one", Synced(seq=3))
    assert view.seq == 0
    first = good(6)[: -len(at_the_end(EVENTS)) - len(resumed("one", 6, EVENTS))]
    opened = resumed("one", 6, EVENTS)[0]
    assert check([*first, Done("the server's data was put back", restored=True), opened, *back, *whole]) == []


def test_who_is_told_another_epoch_than_the_session_has_is_found() -> None:
    trace = good()
    old = [place for place, entry in enumerate(trace) if isinstance(entry, Received) and entry.client == "one"]
    changed = [
        Received("one", entry.data.replace('"epoch":"e"', '"epoch":"other"')) if n in old else entry  # type: ignore[union-attr]  # `old` are frames
        for n, entry in enumerate(trace)
    ]
    assert kinds(changed) == {"different_view"}


def ending(*events: ev.Event) -> list[Entry]:
    """A session that begins with the turn of all tests, and goes on with these events."""
    return at_the_end([*EVENTS, *events])


def said(seq: int) -> ev.Accepted:
    return ev.Accepted(seq=seq, at=AT, submission_id="say-2", submission=UserInput(id="say-2", text="more"))


def test_an_input_without_a_turn_is_lost_unless_it_was_withdrawn() -> None:
    assert {"lost", "stuck"} == kinds(ending(said(7)))
    assert kinds(ending(said(7), ev.InputWithdrawn(seq=8, at=AT, submission_id="say-2"))) == set()


@pytest.mark.parametrize(
    ("reason", "sealed", "text"), [("restart", False, "So"), ("stop", True, "So"), ("stop", False, "")]
)
def test_a_message_says_truly_whether_it_was_cut_short(reason: str, sealed: bool, text: str) -> None:
    fields: dict[str, Any] = {"message_id": "msg-9", "reasoning": "", "tool_calls": []}
    whole = ev.AssistantMessageEvent(seq=7, at=AT, text="So", finish_reason="stop", sealed=False, **fields)
    assert kinds(ending(whole)) == set()
    changed = msgspec.structs.replace(whole, finish_reason=reason, sealed=sealed, text=text)
    assert kinds(ending(changed)) == {"torn"}


@pytest.mark.parametrize(("ran", "end"), [(True, "cancelled"), (False, "outcome_unknown")])
def test_after_a_restart_a_call_that_ran_is_unknown_and_another_is_cancelled(ran: bool, end: Any) -> None:
    call: dict[str, Any] = {"tool_call_id": "c", "tool": "bash"}
    begun: list[ev.Event] = [ev.ToolCallEvent(seq=7, at=AT, arguments={}, **call)]
    begun += [ev.ToolStateChange(seq=8, at=AT, state="running", by="policy", **call)] if ran else []
    right: Any = "outcome_unknown" if ran else "cancelled"
    for state, expected in ((right, set()), (end, {"ran_twice"})):
        last = ev.ToolStateChange(seq=7 + len(begun), at=AT, state=state, by="restart", **call)
        assert kinds(ending(*begun, last)) == expected


def test_a_witness_that_begins_again_has_seen_nothing_twice() -> None:
    half = [entry for entry in at_the_end(EVENTS) if entry.client == WITNESS][:4]  # type: ignore[union-attr]  # all are a client's
    assert check([*good()[: -len(at_the_end(EVENTS))], *half, Closed(WITNESS), *at_the_end(EVENTS)]) == []
