"""Disk room: refuses work that stores more while the disk has little room, so that deleting, logins and reading go on."""

import logging
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Final

log = logging.getLogger("holdfast.disk")

RESERVE_BYTES: Final = 67_108_864
"""Room that is kept: the journal's write-ahead log may take half of it while sessions are deleted."""

RESERVE_SHARE: Final = 20
"""Of a small disk, the twentieth part is kept instead."""

_PAGES = struct.Struct(">16x H 18x I")
"""Page size and free pages: https://sqlite.org/fileformat2.html#the_database_header"""


class DiskRoom:
    """The room on the disk of the journal `database`, or of the folder of that name where the journal is elsewhere. `statvfs`: as `os.statvfs`."""

    def __init__(self, database: Path, statvfs: Callable[[Path], os.statvfs_result] = os.statvfs) -> None:
        self._database = database
        self._statvfs = statvfs
        self._held = 0

    def hold(self, size: int) -> Callable[[], None]:
        """Count `size` bytes, which are about to be written, as used; returns what ends that."""
        self._held += size

        def end() -> None:
            self._held -= size

        return end

    def left(self) -> int:
        """How many bytes of files may be written beside what is held; 0 where that is not known."""
        try:
            state = self._statvfs(self._database.parent)
        except OSError as error:
            log.warning("the room on the disk of %s is not known: %s", self._database, error)
            return 0
        return max(0, state.f_bavail * state.f_frsize - self._held - reserve(state.f_blocks * state.f_frsize))

    def refusal(self, *, events: bool, size: int = 0) -> str:
        """Why `size` bytes more may not be stored; empty if they may. `events`: they go into the database, whose free pages count too."""
        try:
            state = self._statvfs(self._database.parent)
            free, kept = state.f_bavail * state.f_frsize, reserve(state.f_blocks * state.f_frsize)
            if free - self._held - size < kept and events:  # only then does what is free in the database matter
                free += self._free_in_database()
        except OSError as error:
            log.warning("the room on the disk of %s is not known: %s", self._database, error)
            return ""
        if free - self._held - size >= kept:
            return ""
        wanted = f" {size} more are too many." if free >= kept and size else ""
        return (
            f"{self._database}: the disk is full: free some space. It has {free} bytes left, and {kept} are kept for "
            f"deleting; sessions and files can be deleted.{wanted}"
        )

    def _free_in_database(self) -> int:
        """Bytes that deleted events left in the database, as of the last checkpoint."""
        with self._database.open("rb") as file:
            header = file.read(_PAGES.size)
        if len(header) < _PAGES.size:
            return 0
        page_size, free = _PAGES.unpack(header)
        return int(free) * (65_536 if page_size == 1 else int(page_size))


def reserve(total: int) -> int:
    """How many bytes of a disk of `total` bytes are kept. Pure."""
    return min(RESERVE_BYTES, total // RESERVE_SHARE)
