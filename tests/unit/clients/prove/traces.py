"""Traces for the tests of the checker: a good one, of which tests change an entry or two."""

from clients.prove.trace import NEWCOMER, WITNESS, Closed, Entry, Opened, Received, Sent
from protocol import codec
from protocol import events as ev
from protocol.frames import Frame, Ready, Synced
from protocol.limits import Limits
from protocol.submissions import UserInput
from protocol.view import View, apply, to_snapshot

AT = "2026-01-01T00:00:00Z"
SAID = UserInput(id="say-1", text="hello")
EVENTS: list[ev.Event] = [
    ev.Accepted(seq=1, at=AT, submission_id="say-1", submission=SAID),
    ev.Processing(seq=2, at=AT, turn_id="turn-2", submission_id="say-1"),
    ev.AssistantChunk(seq=3, at=AT, message_id="msg-3", offset=0, text="Hel"),
    ev.AssistantChunk(seq=4, at=AT, message_id="msg-3", offset=3, text="lo."),
    ev.AssistantMessageEvent(
        seq=5, at=AT, message_id="msg-3", text="Hello.", reasoning="", tool_calls=[], finish_reason="stop", sealed=False
    ),
    ev.TurnComplete(seq=6, at=AT, turn_id="turn-2", history_size=2),
]
"""A turn of one message."""


def ready(seq: int, *, recovered: bool) -> Ready:
    """The first frame of a socket."""
    return Ready(
        session_id="s",
        epoch="e",
        seq=seq,
        recovered=recovered,
        state="idle",
        model="m",
        demo=False,
        limits=Limits(),
        server="holdfast",
    )


def received(client: str, *frames: Frame) -> list[Entry]:
    """Frames as a client received them."""
    return [Received(client, codec.encode(frame).decode()) for frame in frames]


def resumed(client: str, after: int, events: list[ev.Event]) -> list[Entry]:
    """A client comes back behind `after`, and gets what came since."""
    later = [event for event in events if event.seq > after]
    return [
        Opened(client, after),
        *received(client, ready(len(events), recovered=True), *later, Synced(seq=len(events))),
    ]


def at_the_end(events: list[ev.Event]) -> list[Entry]:
    """The witness reads all; the newcomer takes a snapshot."""
    view = View(model="m")
    for event in events:
        apply(view, codec.decode_event(codec.encode(event)))
    snapshot = received(NEWCOMER, ready(len(events), recovered=False), to_snapshot(view), Synced(seq=len(events)))
    return [*resumed(WITNESS, 0, events), Opened(NEWCOMER), *snapshot]


def good(cut_after: int = 3) -> list[Entry]:
    """A client says something, is cut off behind an event, comes back, and the rest follows."""
    start = received("one", ready(0, recovered=False), to_snapshot(View(model="m")), Synced(seq=0))
    before = [*start, Sent("one", SAID), *received("one", *EVENTS[:cut_after])]
    return [Opened("one"), *before, Closed("one"), *resumed("one", cut_after, EVENTS), *at_the_end(EVENTS)]
