"""Tables: what was measured, beside its floor and its bound or beside another build, as Markdown. Pure but for `keep`."""

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import TypeVar

import msgspec

from benchmarks.statistics import paired_ratio

BEGINS, ENDS = "<!-- the last run begins -->", "<!-- the last run ends -->"
FAULT_CHARS_MAX = 160
T = TypeVar("T")
_HEAD = ("figure", "ours", "floor", "ratio", "bound", "")


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One figure. `ours` and `floor` in `unit`; `floor_is` says whose the floor is, `ratio` is ours to it.

    `bound` says in words what `within` tells: whether the bound is held; both are empty for a figure without one.
    `fault`: with what its measurement failed; it has no values then.
    """

    figure: str
    ours: float = 0.0
    unit: str = ""
    floor: float | None = None
    floor_is: str = ""
    ratio: float | None = None
    bound: str = ""
    within: bool | None = None
    fault: str = ""

    @property
    def fails(self) -> bool:
        """Whether a bound is passed, or nothing was measured."""
        return bool(self.fault) or self.within is False

    @property
    def verdict(self) -> str:
        """`ok`, `OVER`, `FAILED`, or nothing where there is no bound."""
        if self.fault:
            return "FAILED"
        return "" if self.within is None else "ok" if self.within else "OVER"


def beside(
    figure: str,
    unit: str,
    floor_is: str,
    pairs: Sequence[tuple[T, T]],
    value: Callable[[T], float],
    most: float | None,
) -> Row:
    """What was measured in pairs with its floor. `value`: of one run; `most`: the bound of the ratio, if there is one."""
    values = [(value(mine), value(theirs)) for mine, theirs in pairs]
    ratio = median(mine / theirs for mine, theirs in values)
    return Row(
        figure=figure,
        ours=median(mine for mine, _ in values),
        unit=unit,
        floor=median(theirs for _, theirs in values),
        floor_is=floor_is,
        ratio=ratio,
        bound="" if most is None else f"ratio ≤ {most}",
        within=None if most is None else ratio <= most,
    )


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of two builds. `pairs`: this checkout's value and the other build's, in `unit`, of each paired run.

    `fault`: with what its measurement failed; there are no pairs then.
    """

    figure: str
    unit: str = ""
    pairs: list[tuple[float, float]] = []
    fault: str = ""

    @property
    def ratio(self) -> float:
        """This checkout's to the other's: the median of the pairs' ratios. Raises ValueError if a pair has none."""
        return paired_ratio(self.pairs)

    def fails(self, ratio_max: float | None) -> bool:
        """Whether the bound of ratios is passed, or nothing was measured."""
        return bool(self.fault) or (ratio_max is not None and self.ratio > ratio_max)


def with_ratio(row: Comparison) -> Comparison:
    """The row, or where its pairs have no ratio, one that says so."""
    try:
        paired_ratio(row.pairs)
    except ValueError as error:
        return Comparison(figure=row.figure, fault=told(error))
    return row


def told(error: BaseException) -> str:
    """What a measurement failed with, in one line of a table."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    words = " ".join(f"{type(error).__name__}: {error}".split()).replace("|", "/")
    return words if len(words) <= FAULT_CHARS_MAX else f"{words[: FAULT_CHARS_MAX - 1]}…"


def comparison_table(rows: Sequence[Comparison], title: str, ratio_max: float | None = None) -> str:
    """The figures of both builds as a table: medians and ratios. `title`: of the other build; `ratio_max`: the bound."""
    head = ("figure", "this checkout", title, "ratio", "bound", "")
    return _table(head, [_compared(row, ratio_max) for row in rows])


def _compared(row: Comparison, ratio_max: float | None) -> tuple[str, ...]:
    if row.fault:
        return (row.figure, "", "", "", row.fault, "FAILED")
    ours, theirs = (f"{number(median(values))} {row.unit}" for values in zip(*row.pairs, strict=True))
    if ratio_max is None:
        return (row.figure, ours, theirs, f"{row.ratio:.3f}", "", "")
    return (
        row.figure,
        ours,
        theirs,
        f"{row.ratio:.3f}",
        f"ratio ≤ {ratio_max:g}",
        "OVER" if row.fails(ratio_max) else "ok",
    )


def markdown(rows: Sequence[Row]) -> str:
    """The rows as a table whose columns line up."""
    return _table(_HEAD, list(map(_cells, rows)))


def _table(head: tuple[str, ...], lines: Sequence[tuple[str, ...]]) -> str:
    cells = [head, *lines]
    widths = [max(len(line[column]) for line in cells) for column in range(len(head))]
    rule = tuple("-" * width for width in widths)
    return "\n".join(_line(line, widths) for line in (cells[0], rule, *cells[1:]))


def keep(path: Path, text: str) -> None:
    """Replace what lies between the marks of a file. Raises ValueError if they are not there."""
    before, begins, rest = path.read_text("utf-8").partition(BEGINS)
    _, ends, after = rest.partition(ENDS)
    if not begins or not ends:
        raise ValueError(f"{path}: the marks {BEGINS} and {ENDS} are missing")
    path.write_text(f"{before}{BEGINS}\n\n{text.strip()}\n\n{ENDS}{after}", "utf-8")


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"


def _cells(row: Row) -> tuple[str, ...]:
    if row.fault:
        return (row.figure, "", "", "", row.fault, row.verdict)
    return (
        row.figure,
        f"{number(row.ours)} {row.unit}".strip(),
        ""
        if row.floor is None
        else f"{number(row.floor)} {row.unit}".strip() + f" ({row.floor_is})" * bool(row.floor_is),
        "" if row.ratio is None else f"{row.ratio:.2f}",
        row.bound,
        row.verdict,
    )


def number(value: float) -> str:
    """Three figures that count, never in powers of ten."""
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
