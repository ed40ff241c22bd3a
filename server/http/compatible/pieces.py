"""Pieces: the new text in a run's events, each once, whatever they repeat. Pure."""

from collections.abc import Iterator
from typing import NamedTuple

from protocol import events as ev
from protocol.content import ChunkKind


class Piece(NamedTuple):
    """New text of a message."""

    message_id: str
    kind: ChunkKind
    text: str


class Pieces:
    """What came so far of each message, in code points by kind."""

    def __init__(self) -> None:
        self._have: dict[tuple[str, ChunkKind], int] = {}

    def of(self, event: ev.Event) -> Iterator[Piece]:
        """What is new in this event."""
        if isinstance(event, ev.AssistantChunk):
            yield from self._new(event.message_id, event.kind, event.offset, event.text)
        elif isinstance(event, ev.AssistantMessageEvent):
            yield from self._new(event.message_id, "reasoning", 0, event.reasoning)
            yield from self._new(event.message_id, "text", 0, event.text)

    def _new(self, message_id: str, kind: ChunkKind, offset: int, text: str) -> Iterator[Piece]:
        have = self._have.get((message_id, kind), 0)
        rest = text[max(0, have - offset) :]
        if rest:
            self._have[message_id, kind] = offset + len(text)
            yield Piece(message_id, kind, rest)
