"""The words, told shorter: adjacent text events of one message become one, for replay and for what is kept after a turn."""

from typing import TypeVar

import msgspec
from msgspec import UNSET

from protocol import events as ev

TEXT_EVENTS = (b'{"type":"assistant_chunk"', b'{"type":"assistant_message"', b'{"type":"tool_log"')
"""How the JSON of an event that can be merged begins."""


class Merger:
    """Takes events in order and gives them back in order, merged where they can be. What `push` holds back, `flush` gives.

    Two chunks of one message and kind, or two logs of one call, become one; chunks and the whole message that ends them
    become the message, which holds their text already.
    """

    def __init__(self) -> None:
        self._held: list[ev.Event] = []

    def push(self, event: ev.Event) -> list[ev.Event]:
        """Take one event; give what is complete."""
        last = self._held[-1] if self._held else None
        if isinstance(event, ev.AssistantChunk) and isinstance(last, ev.AssistantChunk):
            if last.message_id == event.message_id:
                if last.kind == event.kind:
                    self._held[-1] = _joined(last, event)
                else:
                    self._held.append(event)
                return []
        elif isinstance(event, ev.ToolLog) and isinstance(last, ev.ToolLog):
            if last.tool_call_id == event.tool_call_id:
                self._held[-1] = _joined(last, event)
                return []
        elif isinstance(event, ev.AssistantMessageEvent):
            event = self._absorb(event)
        if isinstance(event, (ev.AssistantChunk, ev.ToolLog)):
            ready, self._held = self._held, [event]
            return ready
        return [*self.flush(), event]

    def flush(self) -> list[ev.Event]:
        """Give what is held back."""
        ready, self._held = self._held, []
        return ready

    def _absorb(self, event: ev.AssistantMessageEvent) -> ev.AssistantMessageEvent:
        begins = event.seq
        while self._held:
            last = self._held[-1]
            if not isinstance(last, ev.AssistantChunk) or last.message_id != event.message_id:
                break
            begins = ev.first_seq(last)
            self._held.pop()
        return event if begins == event.seq else msgspec.structs.replace(event, first_seq=begins)


Piece = TypeVar("Piece", ev.AssistantChunk, ev.ToolLog)


def _joined(first: Piece, second: Piece) -> Piece:
    kept = first.text[: max(0, second.offset - first.offset)]
    return msgspec.structs.replace(
        second, first_seq=ev.first_seq(first), offset=min(first.offset, second.offset), text=kept + second.text
    )


def after(event: ev.Event, position: int) -> ev.Event:
    """The event as one who has seen everything up to `position` is told it: it begins after that."""
    if event.first_seq is UNSET or event.first_seq > position:
        return event
    begins = position + 1
    return msgspec.structs.replace(event, first_seq=begins if begins < event.seq else UNSET)
