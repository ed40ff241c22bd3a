"""Recorded session: a server that plays it as the real one does: ready, replay or snapshot, synced, live."""

import functools
from typing import Any

import msgspec

from agent.models import RawToolCall
from protocol import codec
from protocol import events as ev
from protocol.frames import Frame, Ready, Synced
from protocol.limits import Limits
from protocol.merge import Merger, after
from protocol.submissions import Interrupt, Undo
from protocol.view import View, apply, to_snapshot
from tests.unit.agent.session.script import Script

SESSION = "session-1"
MODEL = "test/model"
NOW = "2026-01-01T00:00:00.000Z"


@functools.cache
def conversation() -> tuple[ev.Event, ...]:
    """Three turns: reasoning, text, tools with and without approval, an edit, an interrupt, an undo, a failure."""
    script = Script()
    script.say("do it")
    for piece in ("Let me ", "see. "):
        script.stream(piece, "reasoning")
    for piece in ("I look", " and write ", "🙂 both."):
        script.stream(piece)
    script.finish(
        RawToolCall("c1", "read", '{"path": "a"}'), RawToolCall("c2", "write", '{"path": "b"}'), reason="tool_calls"
    )
    script.approve("c2", arguments={"path": "edited"})
    script.tool_done("c2", "written")
    script.tool_done("c1", "the text")
    script.stream("It is ")
    script.stream("done.")
    script.finish()
    script.say("go on")
    script.stream("This is ne")
    script.say("wait", "queue")
    script.submit(Interrupt(id="stop"))
    script.stream("Fine.")
    script.finish()
    script.submit(Undo(id="undo"))
    script.say("fail")
    script.stream("Half ")
    script.model_fails()
    return tuple(script.events)


def fold(events: "tuple[ev.Event, ...] | list[ev.Event]", model: str = MODEL) -> View:
    """The view of one that never left."""
    view = View(model=model)
    for event in events:
        apply(view, copied(event))
    return view


def copied(event: ev.Event) -> ev.Event:
    """As it comes over a wire: the fold keeps lists of the event's."""
    return codec.decode_event(codec.encode(event))


def encoded(view: View) -> bytes:
    """What makes two views identical."""
    return msgspec.json.encode(view)


def ready(**fields: Any) -> Ready:
    """A `ready`, with changes."""
    plain: dict[str, Any] = {
        "session_id": SESSION,
        "epoch": "e1",
        "seq": 0,
        "recovered": False,
        "state": "idle",
        "model": MODEL,
        "demo": False,
        "limits": Limits(),
        "server": "test",
    }
    return Ready(**(plain | fields))


def packed(*frames: Frame, binary: bool = False) -> bytes:
    """One websocket message."""
    if binary:
        return b"".join(codec.encode_msgpack(frame) for frame in frames)
    return b"\n".join(codec.encode(frame) for frame in frames)


class Journal:
    """A session's events of one epoch, and up to where older epochs are its past."""

    def __init__(self, events: "tuple[ev.Event, ...]", epoch: str = "e1") -> None:
        self.events = events
        self.epoch = epoch
        self.borders: dict[str, int] = {}

    def lose(self, kept: int, epoch: str) -> "Journal":
        """The same session after the events past `kept` were lost and others came instead."""
        rest = tuple(_changed(event) for event in self.events[kept:])
        other = Journal(self.events[:kept] + rest, epoch)
        other.borders = {**{name: min(end, kept) for name, end in self.borders.items()}, self.epoch: kept}
        return other

    def good(self, epoch: str, seq: int, head: int) -> bool:
        """Whether a client that stands there missed nothing but what comes now."""
        end = head if epoch == self.epoch else min(head, self.borders.get(epoch, 0))
        return seq <= end

    def hello(self, position: "tuple[str, int] | None", head: int) -> list[Frame]:
        """All frames of a new socket up to `synced`."""
        recovered = position is not None and self.good(*position, head)
        view = fold(self.events[:head])
        begin = ready(epoch=self.epoch, seq=head, recovered=recovered, state=view.state)
        if recovered and position is not None:
            return [begin, *self.replay(position[1], head), Synced(seq=head)]
        return [begin, to_snapshot(view), Synced(seq=head)]

    def replay(self, position: int, head: int) -> list[Frame]:
        """Events after `position` up to `head`, merged."""
        merger = Merger()
        out: list[Frame] = []
        for event in self.events[position:head]:
            out += merger.push(after(event, position))
        return out + list(merger.flush())


def _changed(event: ev.Event) -> ev.Event:
    """The same kind of event, with other words."""
    if isinstance(event, (ev.AssistantChunk, ev.AssistantMessageEvent)):
        return msgspec.structs.replace(event, text=event.text[::-1])
    return event
