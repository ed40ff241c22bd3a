"""Garbage collection: seldom or never while modules are imported, and never of what stays of them."""

import contextlib
import gc
import importlib
import sys
import threading
from collections.abc import Iterator

SELDOM = 200_000
"""New objects before a collection. Not infinite: the reference cycles that imports leave would take a megabyte."""

_importing = threading.Lock()
_used: set[str] = set()


@contextlib.contextmanager
def seldom_collected() -> Iterator[None]:
    """Collect garbage seldom while this is open: each collection walks what was imported before it, and finds little."""
    before = gc.get_threshold()
    gc.set_threshold(SELDOM, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


@contextlib.contextmanager
def kept_for_good() -> Iterator[None]:
    """Collect no garbage while this is open, and leave what there is at its end out of all collections: for a start.

    A collection at the end would walk all of it, 10 ms for 400 modules, and so would each full one. What imports leave as
    garbage stays: some hundred kB, which the allocator would keep anyway.
    """
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()


def import_for_good(*names: str) -> None:
    """Import modules with many objects, and leave these out of all collections: each full one would walk them and stop the loop."""
    with (
        _importing
    ):  # what another thread imports is in sys.modules before it is whole, and its submodules wait for nobody
        new = [name for name in names if name not in sys.modules]
        for name in new:
            importlib.import_module(name)
        if new:
            gc.freeze()


def used_for_good(name: str) -> None:
    """Leave out of all collections what the first use of a library has left, as `import_for_good` does. Later uses change nothing."""
    if name not in _used:
        _used.add(name)
        gc.freeze()
