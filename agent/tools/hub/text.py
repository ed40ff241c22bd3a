"""Text from the Hub is data: without control characters, in bounded lines and tables. Pure."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime

from agent.models.text import mend

_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Marks that turn the direction of what follows: with them a line can be made to read as another."""

_ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
"""Control sequences of terminals (ECMA-48), such as colours."""


def clean(text: str) -> str:
    """The text without terminals' control sequences, control characters but line feeds and tabs, marks of direction."""
    text = _ANSI.sub("", mend(text)).replace("\r\n", "\n").replace("\r", "\n")
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return "".join(c for c in text if c in "\n\t" or (unicodedata.category(c) not in ("Cc", "Cs") and c not in _BIDI))


def one_line(value: object, most: int = 200) -> str:
    """A value of the Hub's in one line of at most `most` code points."""
    text = " ".join(clean("" if value is None else str(value)).replace("\t", " ").split())
    return text if len(text) <= most else text[: most - 1] + "…"


def day(at: datetime | None) -> str:
    """A time, to the minute, in UTC as the Hub gives it; empty if there is none."""
    return "" if at is None else at.strftime("%Y-%m-%d %H:%M")


def count(number: int | None) -> str:
    """A number that is read at a glance: 950, 12.3k, 4.5M; empty if there is none."""
    if number is None:
        return ""
    for unit, size in (("B", 1_000_000_000), ("M", 1_000_000), ("k", 1_000)):
        if number >= size:
            return f"{number / size:.1f}{unit}"
    return str(number)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table (GitHub's); cells are one line each, `|` in them is `\\|`."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    return "\n".join([line(columns), "|" + "---|" * len(columns), *map(line, rows)])


def fitting(lines: Sequence[str], chars_max: int) -> tuple[list[str], bool]:
    """The lines that fit into so many code points, and whether there are more."""
    left = chars_max
    for number, text in enumerate(lines):
        left -= len(text) + 1
        if left < 0:
            return list(lines[:number]), True
    return list(lines), False
