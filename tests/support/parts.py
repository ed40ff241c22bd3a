"""Parts: what a client with a small largest message does to have each frame whole, as docs/protocol.md says."""

from collections.abc import Callable
from typing import Any

Frame = dict[str, Any]


class Assembler:
    """Puts frames together. `fetch`: the whole event at a position, which a client reads by HTTP."""

    def __init__(self, fetch: Callable[[int], Frame]) -> None:
        self.pieces = 0
        self._texts: dict[tuple[str, str], str] = {}
        self._begins: dict[tuple[str, str], int] = {}
        self._fetch = fetch

    def take(self, frame: Frame) -> Frame | None:
        """A frame that came; whole, or None for a piece. `pieces`: how many there were."""
        if frame["type"] in ("assistant_chunk", "tool_log") and "at" not in frame:
            self.pieces += 1
            self._set(frame)
            return None
        omitted = frame.pop("omitted", [])
        if frame["type"] in ("assistant_chunk", "tool_log") and _key(frame) in self._texts:
            text = self._set(frame)
            del self._texts[_key(frame)]
            first = self._begins.pop(_key(frame))
            return {**frame, "offset": first, "text": text[first:]}
        whole = self._fetch(frame["seq"]) if set(omitted) - {"/text", "/reasoning"} else {}
        for pointer in omitted:
            name = pointer[1:]
            if (frame.get("message_id", ""), name) in self._texts:
                frame[name] = self._texts.pop((frame["message_id"], name))
            elif name in ("text", "reasoning"):
                raise AssertionError(f"no pieces of {name}")
        if whole:
            for pointer in omitted:
                _copy(whole, frame, pointer.split("/")[1:])
        return frame

    def _set(self, frame: Frame) -> str:
        """As the view does: set text[offset:] = text."""
        key = _key(frame)
        before = self._texts.get(key)
        if before is None:
            before = " " * frame["offset"]
            self._begins[key] = frame["offset"]
        assert len(before) == frame["offset"], "the pieces leave nothing out"
        self._texts[key] = before + frame["text"]
        return self._texts[key]


def _key(frame: Frame) -> tuple[str, str]:
    return (frame.get("message_id") or frame["tool_call_id"], frame.get("kind", "log"))


def _copy(whole: Any, frame: Any, steps: list[str]) -> None:
    for step in steps[:-1]:
        key = int(step) if isinstance(frame, list) else step
        whole, frame = whole[key], frame[key]
    key = int(steps[-1]) if isinstance(frame, list) else steps[-1]
    frame[key] = whole[key]
