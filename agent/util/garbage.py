"""Garbage collection: seldom while modules are imported, whose objects stay."""

import contextlib
import gc
from collections.abc import Iterator

SELDOM = 200_000
"""New objects before a collection. Not infinite: the reference cycles that imports leave would take a megabyte."""


@contextlib.contextmanager
def seldom_collected() -> Iterator[None]:
    """Collect garbage seldom while this is open: each collection walks what was imported before it, and finds little."""
    before = gc.get_threshold()
    gc.set_threshold(SELDOM, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
