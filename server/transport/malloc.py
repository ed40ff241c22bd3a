"""The body's memory: what was freed goes back to the system, so that one long answer does not leave the process large for good."""

import ctypes
import sys
from typing import Final

LARGE_BYTES: Final = 131_072
"""Blocks from this size on are mapped one by one, and unmapped when they are freed."""
ARENAS_MAX: Final = 2

# Parameters of glibc's mallopt(3).
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8


def return_freed_memory() -> None:
    """Fix glibc's thresholds; left alone it raises them to 32 MiB at the first large block, and keeps what it got.

    Other C libraries and systems have no `mallopt`, or none that matters: nothing is done there.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    for parameter, value in (
        (_M_MMAP_THRESHOLD, LARGE_BYTES),
        (_M_TRIM_THRESHOLD, LARGE_BYTES),
        (_M_ARENA_MAX, ARENAS_MAX),
    ):
        mallopt(parameter, value)
