"""The redactor: text in, text without its secrets out; whole, or in pieces with as little as possible held back."""

import re
from collections.abc import Iterable, Mapping

from agent.redaction.finder import CONTEXT_CHARS, Finder, Tail, find_patterns, find_values, trigger
from agent.redaction.patterns import SecretPattern

CUT_SHORT = "[redacted: cut short]"
"""Stands for the beginning of what may have been a secret, where a stream was cut off in the middle of it."""

HARMLESS_CHARS = 4
"""So much of what may be a secret is told where a stream was cut off: it says nothing, and is mostly ordinary text."""


class Redactor:
    """Replaces known values (value -> name) and what has a secret's format. Immutable; without either it does nothing.

    Values go first, in a pass of their own, so that no format can cut one in two.
    """

    def __init__(self, values: Mapping[str, str] | None = None, patterns: Iterable[SecretPattern] = ()) -> None:
        self.patterns = tuple(patterns)
        self._patterns_finder = find_patterns(self.patterns)
        self._learn(values or {})

    def _learn(self, values: Mapping[str, str]) -> None:
        self.values = dict(values)
        both = find_values(values), self._patterns_finder
        self._finders = tuple(finder for finder in both if finder is not None)
        self._trigger = trigger(self._finders)

    def with_values(self, values: Mapping[str, str]) -> "Redactor":
        """One that knows these values too; itself if it would redact them all anyway."""
        unknown = {value: name for value, name in values.items() if value in self.redact(value)}
        if not unknown:
            return self
        more = object.__new__(Redactor)
        more.patterns, more._patterns_finder = self.patterns, self._patterns_finder
        more._learn({**self.values, **unknown})
        return more

    def redact(self, text: str) -> str:
        """The text without its secrets."""
        for finder in self._finders:
            if finder.whole.search(text) is not None:
                text = _Pass(finder).push(text, whole=True)
        return text

    def redact_value(self, value: object) -> object:
        """A JSON-like value without its secrets; keys too."""
        if isinstance(value, str):
            return self.redact(value)
        if isinstance(value, dict):
            return {self.redact(key): self.redact_value(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.redact_value(item) for item in value]
        return value

    def stream(self) -> "RedactionStream":
        """For a text that comes in pieces."""
        return RedactionStream(self._finders, self._trigger)


class RedactionStream:
    """One text in pieces: what `push` and then `flush` give, joined, is `redact` of the whole, however it was cut.

    Held back is only what may be the beginning of a secret, and no longer than that can be decided.
    """

    __slots__ = ("_before", "_held", "_passes", "_passing", "_trigger")

    def __init__(self, finders: tuple[Finder, ...], trigger: re.Pattern[str]) -> None:
        self._passes = [_Pass(finder) for finder in finders]
        self._trigger = trigger
        self._before = ""
        self._held = ""
        self._passing = False

    def push(self, piece: str) -> str:
        """What may be told now that this came."""
        if self._passing:
            return self._pass(piece)
        text = self._before + self._held + piece
        begins = len(self._before)
        found = self._trigger.search(text, begins)
        if found is None:
            self._before, self._held = text[-CONTEXT_CHARS:], ""
            return text[begins:]
        if found.lastindex is None:
            ends = found.start()
            self._before, self._held = text[max(0, ends - CONTEXT_CHARS) : ends], text[ends:]
            return text[begins:ends]
        self._begin()
        return self._pass(text[begins:])

    def flush(self) -> str:
        """What is held back, at the end of the text."""
        piece = self._begin()
        for one in self._passes:
            piece = one.push(piece, whole=True)
        return piece

    def cut(self) -> str:
        """What may be told of what is held back where the text was cut off: the other half of a secret may be missing."""
        piece = self._begin()
        for one in self._passes:
            piece = one.push(piece) + one.cut()
        return piece

    @property
    def held_chars(self) -> int:
        """How much is held back, in code points."""
        return len(self._held) + sum(len(one.held) for one in self._passes)

    def _begin(self) -> str:
        """From now on the passes hold back; what they have not seen yet."""
        held, self._held = self._held, ""
        if not self._passing:
            self._passing = True
            for one in self._passes:
                one.before = self._before
        return held

    def _pass(self, piece: str) -> str:
        for one in self._passes:
            piece = one.push(piece)
        if all(one.idle and one.before == self._passes[0].before for one in self._passes):
            self._passing, self._before = False, self._passes[0].before
        return piece


class _Pass:
    """A stream through one finder."""

    __slots__ = ("_finder", "_tail", "before", "held")

    def __init__(self, finder: Finder) -> None:
        self._finder = finder
        self._tail: Tail | None = None
        self.before = ""
        self.held = ""

    @property
    def idle(self) -> bool:
        """Whether it is in no secret and before none."""
        return not self.held and self._tail is None

    def push(self, piece: str, *, whole: bool = False) -> str:
        text = self.before + self.held + piece
        told: list[str] = []
        finds = self._finder.whole if whole else self._finder.live
        at = self._through(text, len(self.before), finds, told)
        if whole:
            told.append(text[at:])
            at = len(text)
        self.held = text[at:]
        self.before = text[max(0, at - CONTEXT_CHARS) : at]
        return "".join(told)

    def cut(self) -> str:
        if self._tail is not None:
            self.held = ""
        if len(self.held) > HARMLESS_CHARS:
            self.held = ""
            return CUT_SHORT
        return self.push("", whole=True)

    def _through(self, text: str, at: int, finds: re.Pattern[str], told: list[str]) -> int:
        """Tell all that can be told; where what cannot be begins."""
        while True:
            if self._tail is not None:
                at = self._hide(text, at, self._tail)
                if self._tail is not None:
                    return at
            found = finds.search(text, at)
            if found is None:
                told.append(text[at:])
                return len(text)
            if found.lastindex is None:
                told.append(text[at : found.start()])
                return found.start()
            rule = self._finder.rules[found.lastindex - 1]
            told += [text[at : found.start(found.lastindex) if rule.shown else found.start()], rule.marker]
            at, self._tail = found.end(), rule.tail

    def _hide(self, text: str, at: int, tail: Tail) -> int:
        """Pass over what still belongs to the secret before `at`; the tail ends where something else stands."""
        found = tail.continuation.match(text, at)
        at = found.end() if found is not None else at
        if at < len(text) and not (tail.dashes and text[at:] == "-"):
            self._tail = None
        return at
