"""Checker: a good trace has no violation, and each kind of violation is found where it happened."""

from collections.abc import Callable

import msgspec
import pytest

from clients.prove.checker import check
from clients.prove.trace import WITNESS, Done, Entry, Received, Sent, Waited
from protocol import codec
from protocol import events as ev
from protocol.frames import Refused, Synced
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
