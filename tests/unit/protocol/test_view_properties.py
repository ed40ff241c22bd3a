"""View, properties: a snapshot first, or an event twice, makes no difference to the view."""

import msgspec
from hypothesis import given

from protocol import codec
from protocol import events as ev
from protocol.frames import Snapshot
from protocol.view import View, apply, from_snapshot, to_snapshot
from tests.unit.protocol.streams import FEWER_LIVES, lives


@FEWER_LIVES
@given(events=lives())
def test_a_view_that_begins_with_a_snapshot_goes_on_like_any_other(events: list[ev.Event]) -> None:
    view = View()
    begun: list[View] = []
    for event in events:
        apply(view, event)
        for other in begun:
            apply(other, event)
            assert other == view
        snapshot = to_snapshot(view)
        as_json = codec.decode_frame(codec.encode(snapshot))
        as_msgpack = codec.decode_frame_msgpack(codec.encode_msgpack(snapshot))
        assert isinstance(as_json, Snapshot)
        assert isinstance(as_msgpack, Snapshot)
        begun = [from_snapshot(as_json), from_snapshot(as_msgpack), *begun[:2]]


@FEWER_LIVES
@given(events=lives())
def test_a_repeated_event_changes_nothing(events: list[ev.Event]) -> None:
    view = View()
    for number, event in enumerate(events):
        apply(view, event)
        before = msgspec.msgpack.encode(view)
        for earlier in events[max(0, number - 5) : number + 1]:
            apply(view, earlier)
        assert msgspec.msgpack.encode(view) == before


@FEWER_LIVES
@given(events=lives())
def test_at_rest_nothing_is_open_and_waiting_states_have_a_cause(events: list[ev.Event]) -> None:
    view = View()
    for event in events:
        apply(view, event)
        if view.state in ("idle", "closed"):
            assert (view.turn_id, view.open_message, view.open_calls, view.pending_approval) == (None, None, [], [])
        if view.state == "awaiting_approval":
            assert view.pending_approval
