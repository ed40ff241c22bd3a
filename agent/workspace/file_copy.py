"""File copy: copies an open file and gives the digest of what was copied; shares its blocks where the file system can."""

import fcntl
import hashlib
import os
import threading

from agent.workspace.manifest import DIGEST_BYTES

PIECE_BYTES = 1 << 20
FICLONE = 0x40049409
"""ioctl_ficlone(2): the target gets the source's blocks, and each keeps its own content when one is written (btrfs, XFS)."""


class CopyStopped(Exception):
    """The copy was stopped before its end."""


def copy_file(source: int, target: int, stop: threading.Event, most: int) -> bytes | None:
    """Copy `source` to `target`, which is empty. The digest of what `target` holds; None if it is more than `most` bytes.

    Raises CopyStopped if `stop` is set, OSError.
    """
    cloned = _clone(source, target)
    read_from = target if cloned else source
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    at = 0
    while piece := os.pread(read_from, PIECE_BYTES, at):
        at += len(piece)
        if at > most:
            return None
        if stop.is_set():
            raise CopyStopped
        digest.update(piece)
        rest = memoryview(b"" if cloned else piece)
        while rest:
            rest = rest[os.write(target, rest) :]
    return digest.digest()


def _clone(source: int, target: int) -> bool:
    try:
        fcntl.ioctl(target, FICLONE, source)
    except OSError:  # most file systems cannot, and two file systems never can; what else is wrong the copy finds too
        return False
    return True
