"""Redactor: replaces secrets in whole texts, and in streams while holding back as little as possible."""

import functools
import re
from collections.abc import Iterable, Mapping

from agent.redaction.finder import CONTEXT_CHARS, Begins, Finder, Tail, find_patterns, find_values, trigger
from agent.redaction.patterns import SecretPattern

CUT_SHORT = "[redacted: cut short]"
"""Replaces the possible beginning of a secret where a stream was aborted."""

HARMLESS_CHARS = 4
"""So many characters of a possible secret are let through where a stream was aborted: they reveal nothing, and are mostly
ordinary text."""


class RedactedText(str):
    """A text that this session's redactor has redacted already; `Redactor.redact` only makes it a plain text."""

    __slots__ = ()


class Redactor:
    """Replaces known values (value -> name) and text that matches a pattern. Immutable; without either it does nothing.

    Values are replaced first, in a pass of their own, so that no pattern can match half of one.
    """

    def __init__(self, values: Mapping[str, str] | None = None, patterns: Iterable[SecretPattern] = ()) -> None:
        self.values = dict(values or {})
        self.patterns = tuple(patterns)
        self._compiled: tuple[Finder, ...] | None = None

    @property
    def _finders(self) -> tuple[Finder, ...]:
        """Compiled at their first use, which takes 10 ms: what a server logs while it starts needs none."""
        if self._compiled is None:
            both = find_values(self.values), find_patterns(self.patterns)
            self._compiled = tuple(finder for finder in both if finder is not None)
        return self._compiled

    @functools.cached_property
    def _begins(self) -> Begins:
        return Begins(self.values, self.patterns)

    @functools.cached_property
    def _trigger(self) -> re.Pattern[str]:
        return trigger(self._finders)

    def prepare_streams(self) -> None:
        """Compile what streams need, which takes 0.1 s of CPU, before the first of them."""
        for finder in self._finders:
            _ = finder.live
        _ = self._trigger

    def with_values(self, values: Mapping[str, str]) -> "Redactor":
        """A redactor with these values added; itself if it redacts them all already."""
        unknown = {value: name for value, name in values.items() if value in self.redact(value)}
        if not unknown:
            return self
        return Redactor({**self.values, **unknown}, self.patterns)

    def redact(self, text: str) -> str:
        """The text without its secrets."""
        if isinstance(text, RedactedText):
            return str(text)
        if self._compiled is None and not self._begins.any_in(text):
            return text
        for finder in self._finders:
            if finder.whole.search(text) is not None:
                text = _Pass(finder).push(text, whole=True)
        return text

    def redact_value(self, value: object) -> object:
        """A JSON-like value without secrets in its strings and keys."""
        if isinstance(value, str):
            return self.redact(value)
        if isinstance(value, dict):
            return {self.redact(key): self.redact_value(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.redact_value(item) for item in value]
        return value

    def stream(self) -> "RedactionStream":
        """A new stream, for one text that comes in chunks."""
        return RedactionStream(self._finders, self._trigger)


class RedactionStream:
    """One text in chunks: what `push` and then `flush` return, joined, equals `redact` of the whole text.

    It holds back only the possible beginning of a secret, and only until that is decided.
    """

    __slots__ = ("_before", "_held", "_passes", "_passing", "_trigger")

    def __init__(self, finders: tuple[Finder, ...], trigger: re.Pattern[str]) -> None:
        self._passes = [_Pass(finder) for finder in finders]
        self._trigger = trigger
        self._before = ""
        self._held = ""
        self._passing = False

    def push(self, chunk: str) -> str:
        """The redacted text that is complete with this chunk."""
        if self._passing:
            return self._pass(chunk)
        text = self._before + self._held + chunk
        begins = len(self._before)
        match = self._trigger.search(text, begins)
        if match is None:
            self._before, self._held = text[-CONTEXT_CHARS:], ""
            return text[begins:]
        if match.lastindex is None:
            ends = match.start()
            self._before, self._held = text[max(0, ends - CONTEXT_CHARS) : ends], text[ends:]
            return text[begins:ends]
        self._begin()
        return self._pass(text[begins:])

    def flush(self) -> str:
        """What is held back, redacted, at the end of the text."""
        chunk = self._begin()
        for stage in self._passes:
            chunk = stage.push(chunk, whole=True)
        return chunk

    def cut(self) -> str:
        """The harmless part of what is held back, where the text ends early: the other half of a secret may be missing."""
        chunk = self._begin()
        for stage in self._passes:
            chunk = stage.push(chunk) + stage.cut()
        return chunk

    @property
    def held_chars(self) -> int:
        """Code points that are held back."""
        return len(self._held) + sum(len(stage.held) for stage in self._passes)

    def _begin(self) -> str:
        """From now on the passes hold text back. Returns the text that they have not seen yet."""
        held, self._held = self._held, ""
        if not self._passing:
            self._passing = True
            for stage in self._passes:
                stage.before = self._before
        return held

    def _pass(self, chunk: str) -> str:
        for stage in self._passes:
            chunk = stage.push(chunk)
        if all(stage.idle and stage.before == self._passes[0].before for stage in self._passes):
            self._passing, self._before = False, self._passes[0].before
        return chunk


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
        """Whether it is neither inside a secret nor at the possible beginning of one."""
        return not self.held and self._tail is None

    def push(self, chunk: str, *, whole: bool = False) -> str:
        text = self.before + self.held + chunk
        output: list[str] = []
        pattern = self._finder.whole if whole else self._finder.live
        at = self._scan(text, len(self.before), pattern, output)
        if whole:
            output.append(text[at:])
            at = len(text)
        self.held = text[at:]
        self.before = text[max(0, at - CONTEXT_CHARS) : at]
        return "".join(output)

    def cut(self) -> str:
        if self._tail is not None:
            self.held = ""
        if len(self.held) > HARMLESS_CHARS:
            self.held = ""
            return CUT_SHORT
        return self.push("", whole=True)

    def _scan(self, text: str, at: int, pattern: re.Pattern[str], output: list[str]) -> int:
        """Append to `output` all that is decided; returns where the undecided text begins."""
        while True:
            if self._tail is not None:
                at = self._skip_tail(text, at, self._tail)
                if self._tail is not None:
                    return at
            match = pattern.search(text, at)
            if match is None:
                output.append(text[at:])
                return len(text)
            if match.lastindex is None:
                output.append(text[at : match.start()])
                return match.start()
            rule = self._finder.rules[match.lastindex - 1]
            output += [text[at : match.start(match.lastindex) if rule.shown else match.start()], rule.marker]
            at, self._tail = match.end(), rule.tail

    def _skip_tail(self, text: str, at: int, tail: Tail) -> int:
        """Skip what still belongs to the secret before `at`; the tail ends at the first other character."""
        match = tail.continuation.match(text, at)
        at = match.end() if match is not None else at
        if at < len(text) and not (tail.dashes and text[at:] == "-"):
            self._tail = None
        return at
