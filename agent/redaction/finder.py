"""Secret finder: compiles known values and patterns into regular expressions, for whole texts and for streams.

Every alternative begins with a literal, so that the regular expression engine skips ordinary text in one quick loop; runs
are bounded and possessive, so that no text makes it slow.
"""

import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from agent.redaction.patterns import Literal, Run, SecretPattern
from agent.redaction.values import spellings

CONTEXT_CHARS = 16
"""How many characters before a match are looked at to decide whether it is a secret."""

NESTED_CHARS_MAX = 48
"""How many characters of a value are compared while they arrive. After these, text of the value's length is held back."""


END = r"\Z"


class Tail(NamedTuple):
    """Characters after a match that still belong to the secret. `dashes`: a dash at the end of a chunk may belong to it."""

    continuation: re.Pattern[str]
    dashes: bool


class Replacement(NamedTuple):
    """The marker for a secret. `shown`: only the match's group is replaced. `tail`: more characters that belong to it."""

    marker: str
    shown: bool = False
    tail: Tail | None = None


class Finder:
    """`whole` finds secrets. `live` finds also the possible beginning of one: a match without a group.

    A match's last group, less one, is the index into `rules`. `heads`: what `trigger` is made of.
    """

    def __init__(
        self, whole: str, live: str, rules: tuple[Replacement, ...], heads: frozenset[tuple[str, str, str]]
    ) -> None:
        self.whole = re.compile(whole)
        self._live = live
        self.rules = rules
        self.heads = heads

    @functools.cached_property
    def live(self) -> re.Pattern[str]:
        """Compiled at its first use: it takes 50 ms, and whole texts need none."""
        return re.compile(self._live)


class Begins:
    """What every text with a secret contains: a spelling of a known value, or the literal that a pattern begins with.

    It is asked for without a regular expression, so it costs nothing to make, and more than a `Finder` to ask.
    """

    def __init__(self, values: Iterable[str], patterns: Iterable[SecretPattern]) -> None:
        heads = [_head(pattern) for pattern in patterns]
        spelled = [spelling for value in values for spelling in spellings(value)]
        self._exact = [*spelled, *(head.text for head in heads if not head.any_case)]
        self._any_case = [head.text.lower() for head in heads if head.any_case]

    def any_in(self, text: str) -> bool:
        """Whether the text may hold a secret."""
        lower = text.lower()
        return any(one in text for one in self._exact) or any(one in lower for one in self._any_case)


class _Alternative(NamedTuple):
    """One secret as regular expressions behind its first character. `guard` looks back, `head` are two characters more.

    `full` has one group, `partial` none.
    """

    first: str
    guard: str
    head: str
    full: str
    partial: str
    rule: Replacement


def find_values(values: Mapping[str, str]) -> Finder | None:
    """A finder of these values (value -> name) in all their spellings; None if there are none."""
    names: dict[str, str] = {}
    for value, name in values.items():
        for spelling in spellings(value):
            names.setdefault(spelling, name)
    longest_first = sorted(names, key=lambda spelling: (-len(spelling), spelling))
    return _compile([_of_value(spelling, Replacement(_marker(names[spelling]))) for spelling in longest_first])


@functools.lru_cache(maxsize=8)
def find_patterns(patterns: tuple[SecretPattern, ...]) -> Finder | None:
    """A finder of these patterns; None if there are none."""
    return _compile([alternative for pattern in patterns for alternative in _of_pattern(pattern)])


def _compile(alternatives: list[_Alternative]) -> Finder | None:
    """One branch for each first character. In a branch the first alternative that matches wins."""
    if not alternatives:
        return None
    branches: dict[str, list[_Alternative]] = {}
    for alternative in alternatives:
        branches.setdefault(alternative.first, []).append(alternative)
    whole = [f"{re.escape(c)}(?:{'|'.join(a.full for a in group)})" for c, group in branches.items()]
    live = [f"{re.escape(c)}(?:{'|'.join(f'{a.full}|{a.partial}' for a in group)})" for c, group in branches.items()]
    rules = [a.rule for group in branches.values() for a in group]
    heads = frozenset((a.first, a.guard, a.head) for a in alternatives)
    return Finder("|".join(whole), "|".join(live), tuple(rules), heads)


def trigger(finders: Iterable[Finder]) -> re.Pattern[str]:
    """A regular expression for where a secret may begin, by its first three characters: a match with a group.

    Without one, the text ends before that is known, at most two characters after the match's start.
    """
    heads: dict[str, dict[str, list[str]]] = {}
    for first, guard, head in sorted(head for finder in finders for head in finder.heads):
        heads.setdefault(first, {}).setdefault(guard, []).append(head)
    branches = [
        re.escape(first) + f"(?:{'|'.join(f'{guard}{_or(more)}' for guard, more in guarded.items())})"
        for first, guarded in heads.items()
    ]
    return re.compile("|".join(branches) or "(?!)")


def _of_value(value: str, rule: Replacement) -> _Alternative:
    near, far = value[1:NESTED_CHARS_MAX], len(value) - NESTED_CHARS_MAX
    chars = [re.escape(c) for c in near]
    partial = _nested(chars, f"(?s:.{{0,{far - 1}}}){END}" if far > 0 else "")
    return _Alternative(value[0], "", _nested(chars[:2], "()"), f"{re.escape(value[1:])}()", partial, rule)


def _of_pattern(pattern: SecretPattern) -> list[_Alternative]:
    head = _head(pattern)
    firsts = {head.text[0].lower(), head.text[0].upper()} if head.any_case else {head.text[0]}
    behind = Literal(head.text[1:], head.any_case)
    rest = (behind, *pattern.parts[1:])
    full = [_full(part) for part in rest]
    after = f"(?={re.escape(pattern.until)})" if pattern.until else _tail(pattern)
    hidden = "".join(full[pattern.shown :]) + (after if pattern.shown else "")
    regex = f"{''.join(full[: pattern.shown])}({hidden})" if pattern.shown else f"{''.join(full)}{after}()"
    tail = Tail(re.compile(_tail(pattern)), pattern.dashes) if pattern.tail else None
    rule = Replacement(_marker(pattern.name), pattern.shown > 0, tail)
    partial = _partial(rest, pattern.until)
    return [
        _Alternative(c, guard, _nested(_chars(behind)[:2], "()"), guard + regex, guard + partial, rule)
        for c in sorted(firsts)
        for guard in [_guard(pattern, c)]
    ]


def _head(pattern: SecretPattern) -> Literal:
    head = pattern.parts[0]
    assert isinstance(head, Literal), (
        "a pattern must begin with a literal: otherwise every character might begin a secret"
    )
    return head


def _guard(pattern: SecretPattern, first: str) -> str:
    """A lookbehind for what stands before the first character; it is used after that character."""
    c = re.escape(first)
    if pattern.after:
        return f"(?<={pattern.after}{c})"
    return rf"(?:(?<![{pattern.before}]{c})|(?<=\\[nrtbf]{c}))"


def _tail(pattern: SecretPattern) -> str:
    if pattern.dashes:
        return f"(?:[{pattern.tail}]|-(?=[^-]))*+"
    return f"[{pattern.tail}]*+" if pattern.tail else ""


def _chars(literal: Literal) -> list[str]:
    if not literal.any_case:
        return [re.escape(c) for c in literal.text]
    return [f"[{c.lower()}{c.upper()}]" if c.isalpha() else re.escape(c) for c in literal.text]


def _full(part: Literal | Run) -> str:
    if isinstance(part, Literal):
        return "".join(_chars(part))
    return f"[{part.chars}]{{{part.least},{part.most}}}+"


def _partial(parts: Sequence[Literal | Run], until: str) -> str:
    """Matches a text that ends before the pattern is complete, and nothing else."""
    regex = ""
    for part in reversed([*parts, *([Literal(until)] if until else [])]):
        if isinstance(part, Literal):
            regex = _nested(_chars(part), regex)
        elif regex:
            regex = f"(?:[{part.chars}]{{0,{part.most}}}+{END}|{_full(part)}{regex})"
        else:
            regex = f"[{part.chars}]{{0,{part.least - 1}}}+{END}"
    return regex


def _or(alternatives: list[str]) -> str:
    return f"(?:{'|'.join(alternatives)})"


def _nested(chars: list[str], behind: str) -> str:
    """Matches where the text ends before one of these characters, or behind all of them as `behind` says."""
    regex = behind
    for c in reversed(chars):
        regex = f"(?:{END}|{c}{regex})" if regex else END
    return regex


def _marker(name: str) -> str:
    return f"[redacted: {name}]"
