"""Mark: a small file beside the database that tells, at the next start, whether stored events may have been lost.

It says which journal and epoch it belongs to, on which boot of the machine it was written, whether the last stop was
clean, and what was committed last. That is a store into mapped memory after each commit: it costs nothing, and it
outlives the process, though not the machine. A database without that commit was put back from an older copy. If the mark
was put back with it they agree; but the time at which the lock file was last changed cannot be put back, and every start
changes it and writes it here.

A commit that only appends events, which nearly all do, is known by the last event in it: to count it in the database
would cost a second page for each. All other commits are counted there, as `meta.changes`.

Format, version 1: 136 bytes, numbers in the machine's own byte order.

| offset | bytes | |
|---|---|---|
| 0 | 8 | `HFMARK01` |
| 8 | 16 | journal id, ASCII |
| 24 | 16 | epoch, ASCII |
| 40 | 40 | boot id, ASCII, zero-padded |
| 80 | 8 | the inode of the mark itself: a copy of the folder is not the folder |
| 88 | 8 | when the lock file was last changed: its ctime in ns |
| 96 | 8 | 1 after a clean stop, else 0 |
| 104 | 8 | CRC-32 of the bytes 0 to 103 |
| 112 | 8 | changes: the commits other than appends |
| 120 | 8 | the session, by its number in the database, of the last event appended since then; 0 for none |
| 128 | 8 | the seq of that event |

A mark that is short, broken or of another version counts as none: a new epoch begins, which is always safe.
"""

import mmap
import os
import struct
import zlib
from pathlib import Path
from typing import NamedTuple

from server.journal.data_dir import FILE_MODE, sync_folder
from server.journal.errors import explain_os

_MAGIC = b"HFMARK01"
_HEAD = struct.Struct("=8s16s16s40sQQQ")
_WHOLE = struct.Struct("=104sQQQQ")
_CHANGES, _LAST_SESSION, _LAST_SEQ = 112 // 8, 120 // 8, 128 // 8


class Mark(NamedTuple):
    """The content of a mark."""

    journal_id: str
    epoch: str
    boot_id: str
    clean: bool
    changes: int
    last_session: int = 0
    last_seq: int = 0
    locked_at: int = 0


def read_mark(path: Path) -> Mark | None:
    """The mark that the last server wrote; None if it is missing or not valid. Raises `Unavailable`."""
    try:
        data = path.read_bytes()
        inode = path.stat().st_ino
    except FileNotFoundError:
        return None
    except OSError as error:
        raise explain_os(error, path) from error
    if len(data) != _WHOLE.size:
        return None
    head, crc, changes, last_session, last_seq = _WHOLE.unpack(data)
    magic, journal_id, epoch, boot_id, written_inode, locked_at, clean = _HEAD.unpack(head)
    if magic != _MAGIC or crc != zlib.crc32(head) or inode != written_inode:
        return None
    boot = boot_id.rstrip(b"\0").decode()
    return Mark(journal_id.decode(), epoch.decode(), boot, bool(clean), changes, last_session, last_seq, locked_at)


class MarkFile:
    """The mark of a running server. One thread at a time may use it."""

    def __init__(self, path: Path, mark: Mark) -> None:
        """Write `mark` to the disk and keep it mapped. Raises `Unavailable`."""
        self._path = path
        self._mark = mark
        try:
            # Real bytes first: a store into a mapped hole of the file would end the process when the disk is full.
            file = os.open(path, os.O_RDWR | os.O_CREAT, FILE_MODE)
            try:
                self._inode = os.fstat(file).st_ino
                os.pwrite(file, self._encoded(mark), 0)
                os.ftruncate(file, _WHOLE.size)
                os.fsync(file)
                self._map = mmap.mmap(file, _WHOLE.size)
            finally:
                os.close(file)
            sync_folder(path.parent)
        except OSError as error:
            raise explain_os(error, path) from error
        self._words = memoryview(self._map).cast("Q")

    def appended(self, session: int, seq: int) -> None:
        """The last commit ended with this event.

        Each line is one aligned store, never half done; whoever is killed between two leaves a mark that says less.
        """
        self._words[_LAST_SESSION] = 0
        self._words[_LAST_SEQ] = seq
        self._words[_LAST_SESSION] = session

    def changed(self, changes: int) -> None:
        """The last commit was no mere append, and the database counts this many."""
        self._words[_LAST_SESSION] = 0
        self._words[_CHANGES] = changes

    def close(self, *, clean: bool) -> None:
        """Unmap it; with `clean`, the stop was clean and everything is on the disk. Raises `Unavailable`."""
        try:
            if clean:
                words = self._words
                self._map[:] = self._encoded(
                    self._mark._replace(
                        clean=True,
                        changes=words[_CHANGES],
                        last_session=words[_LAST_SESSION],
                        last_seq=words[_LAST_SEQ],
                    )
                )
                self._map.flush()
        except OSError as error:
            raise explain_os(error, self._path) from error
        finally:
            self._words.release()
            self._map.close()

    def _encoded(self, mark: Mark) -> bytes:
        names = mark.journal_id.encode(), mark.epoch.encode(), mark.boot_id.encode()
        head = _HEAD.pack(_MAGIC, *names, self._inode, mark.locked_at, mark.clean)
        return _WHOLE.pack(head, zlib.crc32(head), mark.changes, mark.last_session, mark.last_seq)
