"""Malloc settings: make glibc return freed memory to the system, so that one large answer does not keep the process large."""

import ctypes
import sys
from typing import Final

LARGE_BYTES: Final = 131_072
"""Blocks of this size or more are mapped one by one (`mmap`) and unmapped when they are freed."""
ARENAS_MAX: Final = 2

# Parameters of glibc's mallopt(3).
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8


def return_freed_memory() -> None:
    """Set fixed thresholds for glibc's allocator. By default it raises them up to 32 MiB and then keeps what it freed.

    Does nothing on other systems and C libraries: they have no `mallopt`, or one without these parameters.
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
