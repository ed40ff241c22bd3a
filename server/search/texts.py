"""Texts: reads a session's events for what was said in it, and which messages have left the history again. Pure."""

from collections.abc import Iterable
from typing import Final

import msgspec

INDEX: Final = "search.db"
"""The index's file, in the data folder."""
TEXT_CHARS_MAX: Final = 20_000
"""Code points of one message that are indexed, its beginning: a longer one is mostly a file or a log."""
WAITING_MAX: Final = 64
"""Inputs that wait for their turn; of more, the oldest are forgotten."""
_TYPES: Final = tuple(
    f'{{"type":"{name}"'.encode()
    for name in (
        "accepted",
        "processing",
        "input_joined",
        "assistant_message",
        "tool_output",
        "tool_state_change",
        "undo_complete",
    )
)
_ENDED: Final = frozenset({"rejected", "abandoned", "cancelled", "outcome_unknown"})


class Said(msgspec.Struct, frozen=True):
    """A message that says something. `place`: its index among the session's messages; `name`: of its row on the page."""

    place: int
    name: str
    text: str


class Hit(msgspec.Struct, frozen=True):
    """The newest message of a session in which the words are. `message`: the name of its row; `snippet`: text, found, text, found, ..."""

    message: str
    snippet: list[str]


class Reading(msgspec.Struct):
    """How far a session was read: up to `seq` in an `epoch`, with `count` messages; `waiting`: the texts of inputs without a turn, by their ids."""

    seq: int = 0
    count: int = 0
    waiting: dict[str, str] = {}
    epoch: str = ""


class Changes(msgspec.Struct):
    """What is new. `kept`: messages from before of which this many are left."""

    kept: int
    said: list[Said] = []


class _Asked(msgspec.Struct):
    type: str
    text: str = ""


class _Event(msgspec.Struct):
    type: str
    text: str = ""
    message_id: str = ""
    submission_id: str = ""
    submission: _Asked | None = None
    state: str = ""
    removed_messages: int = 0


_decoder = msgspec.json.Decoder(_Event)


def read(reading: Reading, records: Iterable[tuple[int, bytes]]) -> Changes:
    """Read on, from the events' `seq` and JSON in order; `reading` is moved."""
    changes = Changes(reading.count)
    for seq, data in records:
        reading.seq = seq
        if data.startswith(_TYPES):
            _take(reading, changes, _decoder.decode(data))
    return changes


def _take(reading: Reading, changes: Changes, event: _Event) -> None:
    match event.type:
        case "accepted":
            asked = event.submission
            if asked is not None and asked.type in ("user_input", "edit"):
                reading.waiting[event.submission_id] = asked.text[:TEXT_CHARS_MAX]
                while len(reading.waiting) > WAITING_MAX:
                    del reading.waiting[next(iter(reading.waiting))]
        case "processing" | "input_joined":
            text = reading.waiting.pop(event.submission_id, None)
            if text is not None:
                _say(reading, changes, f"input-{event.submission_id}", text)
        case "assistant_message":
            _say(reading, changes, event.message_id, event.text[:TEXT_CHARS_MAX])
        case "tool_output":
            reading.count += 1
        case "tool_state_change" if event.state in _ENDED:
            reading.count += 1
        case "undo_complete":
            reading.count = max(0, reading.count - event.removed_messages)
            changes.kept = min(changes.kept, reading.count)
            changes.said = [said for said in changes.said if said.place < reading.count]


def _say(reading: Reading, changes: Changes, name: str, text: str) -> None:
    if text.strip():
        changes.said.append(Said(reading.count, name, text))
    reading.count += 1
