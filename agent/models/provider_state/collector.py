"""State collector: collects the provider state of one answer from the chunks of its stream. Pure."""

import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from agent.models.provider_state.state import Part, Place, ProviderState, encode, is_readable, unsealed_texts
from agent.models.types import StatePiece
from agent.util.text import repair_surrogates
from protocol.codec import INT_MAX, INT_MIN

log = logging.getLogger("holdfast.models")

STATE_BYTES_MAX = 1_048_576
"""Bytes of the provider state of one message. The longest reasoning of a model, 100,000 tokens, takes half as many when it is
encrypted. A message whose state is larger is kept without it."""

UNSEALED_CHARS_MAX = 65_536
"""Characters of texts in one message's state that are to be redacted, in the event loop. They are summaries, of a few thousand
characters; a message with longer ones is kept without its state."""

PART_CHARS = 16
"""What a part counts beside its texts, so that empty ones are bounded too."""

DEPTH_MAX = 8
"""Levels of lists and objects in one part; providers need three. What is deeper is left out."""

_JOINED = {"reasoning.text": "text", "reasoning.summary": "summary"}
"""OpenRouter's details that come in pieces, each with the field that is continued."""

_FIRST: Place = (0, 0)


class StateCollector:
    """Collects the state of one answer. It holds about `STATE_BYTES_MAX`; past that it drops all, and takes no more."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._size = 0
        self._returns_reasoning = self._names_reasoning = False
        self._thinking: list[Part] = []
        self._open_texts: list[str] = []
        self._details: list[Part] = []
        self._detail_texts: list[str] = []
        self._items: list[Part] = []
        self._thinking_places: list[Place] = []
        self._item_places: list[Place] = []
        self._signatures: list[str] = []

    def add(self, piece: StatePiece, place: Place = _FIRST) -> None:
        """Take the state of one chunk, which stands at this place. What does not have its provider's shape is left out."""
        self._returns_reasoning = self._returns_reasoning or piece.returns_reasoning
        self._names_reasoning = self._names_reasoning or piece.names_reasoning
        for part in _parts(piece.thinking_blocks):
            self._add_thinking(part, place)
        for part in _parts(piece.reasoning_details):
            self._add_detail(part)
        for part in _parts(piece.reasoning_items):
            if part.get("encrypted_content") and self._fits(part):
                self._items.append(part)
                self._item_places.append(place)
        if isinstance(piece.text_signatures, (list, tuple)):
            for signature in piece.text_signatures:
                if isinstance(signature, str) and self._fits(signature):
                    self._signatures.append(signature)

    def encoded(self, source: str, call_signatures: Mapping[int, str], text_chars: int = 0) -> bytes:
        """The state of the whole answer; empty if the provider wants nothing back. `source`: who made it, and where.

        `call_signatures`: by the call's place in the message. A thinking block without its signature is left out.
        `text_chars`: code points of the text.
        """
        self._join_detail()
        places = [*self._thinking_places, *self._item_places]
        between = any(place != _FIRST for place in places)
        if len(self._details) == 1 and is_readable(self._details[0]):
            self._details[0].pop("text", None)  # it is the text of the message's reasoning
        state = ProviderState(
            source=source,
            returns_reasoning=self._returns_reasoning,
            names_reasoning=self._names_reasoning,
            thinking_blocks=self._thinking,
            reasoning_details=self._details,
            reasoning_items=self._items,
            text_signatures=[one for one in self._signatures if one not in call_signatures.values()],
            call_signatures=dict(call_signatures),
            places=places if between else [],
            text_chars=text_chars if between else 0,
        )
        if self._size <= STATE_BYTES_MAX and state == ProviderState(source=source):
            return b""
        unsealed = sum(len(part[name]) for part, name in unsealed_texts(state))
        if self._size <= STATE_BYTES_MAX and unsealed <= UNSEALED_CHARS_MAX:
            with contextlib.suppress(UnicodeEncodeError):
                data = encode(state)
                if len(data) <= STATE_BYTES_MAX:
                    return data
        log.warning(
            "model %s: what it wants back with its message is too large or not sound; it is left out", self._model
        )
        return b""

    def _fits(self, value: object) -> bool:
        self._size += PART_CHARS + _chars(value)
        if self._size > STATE_BYTES_MAX:
            for parts in (self._thinking, self._open_texts, self._details, self._detail_texts, self._items):
                parts.clear()
            for places in (self._thinking_places, self._item_places):
                places.clear()
            self._signatures.clear()
        return self._size <= STATE_BYTES_MAX

    def _add_thinking(self, part: Part, place: Place) -> None:
        """A thinking block comes in pieces; its signature is the last. An encrypted one comes whole."""
        if part.get("type") == "redacted_thinking":
            self._open_texts.clear()
            if self._fits(part):
                self._thinking.append({"type": "redacted_thinking", "data": part.get("data")})
                self._thinking_places.append(place)
        elif part.get("type") == "thinking":
            text, signature = part.get("thinking"), part.get("signature")
            if not self._fits((text, signature)):
                return
            if isinstance(text, str) and text:
                self._open_texts.append(text)
            if isinstance(signature, str) and signature:
                text = repair_surrogates("".join(self._open_texts))
                self._open_texts.clear()
                self._thinking.append({"type": "thinking", "thinking": text, "signature": signature})
                self._thinking_places.append(place)

    def _add_detail(self, part: Part) -> None:
        """A readable detail comes in pieces, all with one type and index; an encrypted one comes whole."""
        last = self._details[-1] if self._details else None
        joined = _JOINED.get(str(part.get("type")))
        if last is not None and joined and all(last.get(key) == part.get(key) for key in ("type", "index")):
            if self._fits((part.get(joined), part.get("signature"))):
                self._detail_texts.append(str(part.pop(joined, None) or ""))
                last.update({name: value for name, value in part.items() if value is not None})
            return
        self._join_detail()
        if self._fits(part):
            self._details.append(part)
            self._detail_texts = [str(part.pop(joined, None) or "")] if joined else []

    def _join_detail(self) -> None:
        """The newest detail is whole: put its text together."""
        if self._details and self._detail_texts:
            last = self._details[-1]
            last[_JOINED[last["type"]]] = repair_surrogates("".join(self._detail_texts))
        self._detail_texts = []


def _parts(parts: object) -> Iterator[Part]:
    """Those of the parts that are JSON objects, as plain data."""
    if isinstance(parts, (list, tuple)):
        for part in parts:
            plain = _plain(part)
            if isinstance(plain, dict):
                yield plain


def _plain(part: object, depth: int = 0) -> object:
    """A part as plain data: LiteLLM gives dictionaries, and sometimes models of pydantic."""
    dump = getattr(part, "model_dump", None)
    value: Any = dump() if dump is not None else part
    if isinstance(value, (str, bool, float)):
        return value
    if isinstance(value, int):
        return value if INT_MIN <= value <= INT_MAX else None
    if depth < DEPTH_MAX and isinstance(value, Mapping):
        return {str(name): _plain(item, depth + 1) for name, item in value.items()}
    if depth < DEPTH_MAX and isinstance(value, (list, tuple)):
        return [_plain(item, depth + 1) for item in value]
    return None


def _chars(value: object) -> int:
    """The characters of all texts in a value."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        return sum(len(name) + _chars(item) for name, item in value.items())
    if isinstance(value, Sequence):
        return sum(map(_chars, value))
    return 8
