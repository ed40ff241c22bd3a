"""Core of the session client: given frames at given times, what it gives back."""

import random
from typing import Any

import pytest

from clients.session.core import Position, SessionCore
from clients.session.outcomes import CaughtUp, Connected, Fault, Skipped, ViewReset
from clients.session.reconnect import Action, Backoff
from protocol import codec, codes
from protocol import events as ev
from protocol.frames import Frame, Heartbeat, Synced
from protocol.submissions import UserInput
from protocol.view import View, to_snapshot
from tests.unit.clients.session.recorded import SESSION, encoded, fold, packed, ready
from tests.unit.clients.session.scripts import EVENTS, JOURNAL, core_of, live, receive


def test_a_new_client_asks_for_a_new_session_and_takes_the_snapshot() -> None:
    core = core_of()
    assert core.address("ws://h/ws") == "ws://h/ws"
    core.opened(0.0)
    connected, reset, caught_up = receive(core, *JOURNAL.hello(None, 5))
    assert isinstance(connected, Connected)
    assert not connected.recovered
    assert not connected.again
    assert isinstance(reset, ViewReset)
    assert caught_up == CaughtUp(epoch="e1", seq=5, replayed=0)
    assert core.address("ws://h/ws") == f"ws://h/ws/{SESSION}?after=5&epoch=e1&final_response=no"
    assert encoded(core.view) == encoded(fold(EVENTS[:5]))


def test_the_position_is_committed_at_synced_and_then_with_each_event() -> None:
    core = core_of()
    core.opened(0.0)
    begin, snapshot, synced = JOURNAL.hello(None, 3)
    receive(core, begin, snapshot)
    assert not core.position
    receive(core, synced)
    assert core.position == Position("e1", 3)
    receive(core, EVENTS[3])
    assert core.position == Position("e1", 4)


def test_replayed_events_count_only_once_synced() -> None:
    core = live(4)
    core.lost(None, "")
    core.opened(1.0)
    *most, synced = JOURNAL.hello(("e1", 4), 9)
    outcomes = receive(core, *most)
    assert core.position == Position("e1", 4)
    assert core.view.seq == 9
    [caught_up] = receive(core, synced)
    assert core.position == Position("e1", 9)
    assert caught_up == CaughtUp(epoch="e1", seq=9, replayed=len(outcomes) - 1)


def test_events_before_a_cut_are_not_delivered_again() -> None:
    core = live(0)
    core.lost(None, "")
    core.opened(1.0)
    plain = [ready(seq=6, recovered=True), *EVENTS[:6]]
    receive(core, *plain[:4])
    core.lost(None, "")
    core.opened(2.0)
    again = receive(core, *plain, Synced(seq=6))
    assert [outcome.seq for outcome in again if isinstance(outcome, ev.EventBase)] == [4, 5, 6]
    assert encoded(core.view) == encoded(fold(EVENTS[:6]))


def test_events_before_a_cut_are_dropped_when_a_snapshot_replaces_them() -> None:
    core = live(4)
    core.lost(None, "")
    core.opened(1.0)
    receive(core, *JOURNAL.hello(("e1", 4), 12)[:-1])
    core.lost(None, "")
    core.opened(2.0)
    lost = JOURNAL.lose(6, "e2")
    [fault] = receive(core, *lost.hello(("e1", 4), 10))
    assert isinstance(fault, Fault)
    assert core.address("ws://h/ws") == f"ws://h/ws/{SESSION}"
    core.lost(None, fault.message)
    core.opened(3.0)
    receive(core, *lost.hello(None, 10))
    assert encoded(core.view) == encoded(fold(lost.events[:10]))


def test_a_proven_gap_is_filled_and_an_unproven_one_replaces_the_view() -> None:
    core = live(10)
    core.lost(codes.CLOSE_RESTART, "restart")
    core.opened(1.0)
    lost = JOURNAL.lose(6, "e2")
    connected, reset, _ = receive(core, *lost.hello(("e1", 10), 14))
    assert isinstance(connected, Connected)
    assert connected.again
    assert not connected.recovered
    assert isinstance(reset, ViewReset)
    assert core.position == Position("e2", 14)
    assert encoded(core.view) == encoded(fold(lost.events[:14]))


def test_a_reset_view_stays_as_it_was_while_events_go_on() -> None:
    core = core_of()
    core.opened(0.0)
    _, reset, _ = receive(core, *JOURNAL.hello(None, 8))
    receive(core, *EVENTS[8:])
    assert isinstance(reset, ViewReset)
    assert encoded(reset.view) == encoded(fold(EVENTS[:8]))


def test_the_whole_journal_can_be_replayed() -> None:
    core = core_of(session_id=SESSION, position=Position("", 0))
    assert core.address("ws://h/ws") == f"ws://h/ws/{SESSION}?after=0&final_response=no"
    core.opened(0.0)
    receive(core, *JOURNAL.hello(("", 0), len(EVENTS)))
    assert encoded(core.view) == encoded(fold(EVENTS))


def test_a_position_needs_the_view_that_stands_there() -> None:
    with pytest.raises(ValueError, match="the view stands at 0"):
        core_of(session_id=SESSION, position=Position("e1", 7))


@pytest.mark.parametrize("skip", [1, 2, 5])
def test_a_gap_is_a_fault_and_nothing_after_it_is_read(skip: int) -> None:
    core = live(3)
    outcomes = receive(core, EVENTS[3], EVENTS[3 + skip + 1], EVENTS[4])
    assert outcomes[0] == EVENTS[3]
    assert isinstance(outcomes[1], Fault)
    assert len(outcomes) == 2
    assert "events are missing: 5 to" in outcomes[1].message
    assert receive(core, EVENTS[4]) == []
    assert core.position == Position("e1", 4)
    assert core.lost(None, outcomes[1].message).action is Action.COME_BACK


def test_an_unknown_event_is_skipped_and_its_place_counts() -> None:
    core = live(2)
    data = b'{"type":"from_the_future","first_seq":3,"seq":4,"at":"x","deep":[{}]}\n' + packed(EVENTS[4])
    assert core.receive(data, 0.0) == [Skipped("from_the_future", 4), EVENTS[4]]
    assert core.position == Position("e1", 5)


def test_an_unknown_event_can_leave_no_gap_either() -> None:
    core = live(2)
    [fault] = core.receive(b'{"type":"from_the_future","seq":5}', 0.0)
    assert isinstance(fault, Fault)


def test_an_unknown_frame_without_a_place_is_skipped() -> None:
    core = live(2)
    assert core.receive(b'{"type":"weather"}', 0.0) == [Skipped("weather", 0)]
    assert core.position == Position("e1", 2)


def test_an_event_with_unknown_fields_is_understood() -> None:
    core = live(0)
    data = packed(EVENTS[0])[:-1] + b',"mood":"good"}'
    assert core.receive(data, 0.0) == [EVENTS[0]]


@pytest.mark.parametrize(
    "data",
    [b"{", b"\xff\xfe", b'{"type":"synced"}', b'{"type":"ready","seq":-1}', b"[]", b"1", b'{"seq":1}', b"[" * 10_000],
)
def test_an_invalid_frame_is_an_error(data: bytes) -> None:
    core = live(2)
    [fault] = core.receive(data, 0.0)
    assert isinstance(fault, Fault)


@pytest.mark.parametrize(
    "frames",
    [
        [Synced(seq=0)],
        [EVENTS[0]],
        [ready(), EVENTS[0]],
        [ready(), Synced(seq=0)],
        [ready(), ready()],
        [ready(recovered=True)],
        [ready(session_id="another")],
        [ready(), to_snapshot(View()), Synced(seq=1)],
        [ready(), to_snapshot(View()), Synced(seq=0), Heartbeat(seq=1)],
    ],
)
def test_frames_out_of_order_are_a_fault(frames: list[Frame]) -> None:
    core = core_of(session_id=SESSION)
    core.opened(0.0)
    assert isinstance(receive(core, *frames)[-1], Fault)


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
def test_messages_of_many_frames_are_read_in_both_encodings(encoding: Any) -> None:
    core = core_of(encoding=encoding)
    core.opened(0.0)
    binary = encoding == "msgpack"
    core.receive(packed(*JOURNAL.hello(None, 0), *EVENTS, binary=binary), 0.0)
    assert encoded(core.view) == encoded(fold(EVENTS))
    core.submit(UserInput(text="hi", id="a"))
    [data] = core.data_to_send(0.0)
    assert codec.decode_submission(data, binary=binary) == UserInput(text="hi", id="a")


def test_text_is_taken_as_well_as_bytes() -> None:
    core = core_of()
    core.opened(0.0)
    core.receive(packed(*JOURNAL.hello(None, 0), *EVENTS).decode(), 0.0)
    assert encoded(core.view) == encoded(fold(EVENTS))


def test_silence_of_two_heartbeats_is_too_long() -> None:
    core = live()
    assert core.deadline == 30.0
    receive(core, Heartbeat(seq=0), now=12.0)
    assert core.deadline == 42.0
    core.listening(20.0)
    assert core.deadline == 50.0


def test_pauses_grow_with_failures_and_reset_after_a_live_event() -> None:
    class Longest(random.Random):
        def uniform(self, a: float, b: float) -> float:
            return b

    core = SessionCore(SESSION, rng=Longest(), backoff=Backoff(base_s=1.0, cap_s=5.0))
    assert [core.unreachable("nobody there").delay_s for _ in range(4)] == [1.0, 2.0, 4.0, 5.0]
    core.opened(0.0)
    receive(core, *JOURNAL.hello(None, 0))
    assert core.lost(1012, "restart").delay_s == 5.0
    core.opened(1.0)
    receive(core, *JOURNAL.hello(("e1", 0), 0), EVENTS[0])
    assert core.lost(1012, "restart").delay_s == 1.0


def test_a_server_that_names_a_time_is_given_it() -> None:
    verdict = core_of().denied(503, "stopping", 5.0)
    assert verdict.action is Action.COME_BACK
    assert 5.0 <= verdict.delay_s <= 5.5
