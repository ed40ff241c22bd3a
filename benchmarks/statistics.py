"""Statistics: percentiles, ratios of paired runs, and token ages from the stamps in a text. Pure."""

import math
from collections.abc import Iterable, Sequence
from statistics import median


class InvalidStream(Exception):
    """The text is not the one that the model sent: something was lost, doubled or disordered."""


def percentile(values: Sequence[float], part: float) -> float:
    """The nearest-rank percentile; `part` from 0 to 1. Raises ValueError if there are no values."""
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]


def paired_ratio(pairs: Sequence[tuple[float, float]]) -> float:
    """The median of the ratios of the first of each pair to the second. Raises ValueError if one has no ratio."""
    if not pairs or any(other <= 0 for _, other in pairs):
        raise ValueError(f"no ratio of {list(pairs)}: each second value must be greater than 0")
    return median(one / other for one, other in pairs)


def ages_ms(arrivals: Iterable[tuple[int, str]]) -> list[float]:
    """The age of every stamped token at its arrival, in ms.

    `arrivals`: monotonic ns and the text that came then. A token is the monotonic ns of its sending and a space; it has
    arrived when all of it has. Raises `InvalidStream` for what is no row of growing stamps.
    """
    ages: list[float] = []
    begun, before = "", 0
    for at, text in arrivals:
        *whole, begun = (begun + text).split(" ")
        for word in whole:
            if not word.isdecimal() or int(word) <= before:
                raise InvalidStream(f"{word!r} after {before}")
            before = int(word)
            ages.append((at - before) / 1e6)
    if begun:
        raise InvalidStream(f"the text ends in the middle of a token: {begun!r}")
    return ages
