"""Hub formatting: writes times, counts and tables of the Hub as bounded text for the model. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime


def day(at: datetime | None) -> str:
    """A time to the minute, in UTC as the Hub gives it; empty for None."""
    return "" if at is None else at.strftime("%Y-%m-%d %H:%M")


def count(number: int | None) -> str:
    """A short form of a number: 950, 12.3k, 4.5M; empty for None."""
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
    """The first lines that fit into `chars_max` code points, and whether there are more."""
    left = chars_max
    for number, text in enumerate(lines):
        left -= len(text) + 1
        if left < 0:
            return list(lines[:number]), True
    return list(lines), False
