"""Journal errors: faults of the data folder, and limits of users, as sentences that name the remedy; and checks that refuse."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from server.journal.base import Conflict, JournalError, Record, StorageBounds, Stored, Unavailable


class StorageFull(JournalError):
    """The user has reached a storage limit: `what` is `sessions` or `bytes`, `most` the limit."""

    def __init__(self, what: Literal["sessions", "bytes"], most: int) -> None:
        unit = "sessions" if what == "sessions" else "bytes of sessions"
        super().__init__(f"you store {most} {unit} already, which is the limit; delete some to make room")
        self.what: Literal["sessions", "bytes"] = what
        self.most = most


def check_room(stored: Stored, bounds: StorageBounds) -> None:
    """Raise `StorageFull` where a user who has stored this may not make another session."""
    if stored.sessions >= bounds.sessions_max:
        raise StorageFull("sessions", bounds.sessions_max)
    if stored.bytes >= bounds.bytes_max:
        raise StorageFull("bytes", bounds.bytes_max)


def follow(records: Sequence[Record], head: int) -> int:
    """The seq of the last of `records`, which must follow `head` and one another without a hole. Raises `Conflict`."""
    for record in records:
        if record.first_seq != head + 1 or record.seq < record.first_seq:
            raise Conflict(f"the record {record.first_seq}..{record.seq} does not follow {head}")
        head = record.seq
    return head


class FolderInUse(JournalError):
    """Another server has the data folder open."""

    def __init__(self, folder: Path, pid: int | None) -> None:
        who = f"process {pid}" if pid else "another process"
        super().__init__(
            f"the data folder {folder} is in use by {who}: stop that server, or give this one a folder of its own",
            folder,
        )
        self.pid = pid


class SchemaTooNew(JournalError):
    """The file was written by a later version."""

    def __init__(self, path: Path, found: int, known: int) -> None:
        super().__init__(
            f"{path} has schema version {found}, and this version of Holdfast knows up to {known}: "
            "start the newer version again, or restore a backup from before the upgrade; the file was left as it is",
            path,
        )
        self.found = found
        self.known = known


class Corrupt(Unavailable):
    """The file is not a journal, or no longer a whole one."""

    def __init__(self, path: Path, fault: str) -> None:
        super().__init__(
            f"{path} is damaged or not a Holdfast journal ({fault}): restore a backup of it without a journal.mark and "
            "a journal.db-wal beside it, or move it away to begin with an empty journal",
            path,
        )


class Moved(Unavailable):
    """The folder's journal was moved into a database: what is here is old."""

    def __init__(self, path: Path, told: str) -> None:
        super().__init__(
            f"the journal of {path.parent} was moved {told}: name that database in journal.url (HOLDFAST_JOURNAL_URL), or move it "
            f"back with `holdfast migrate --from`. To go on with the old state here, as of then, remove {path}",
            path,
        )


_REMEDIES = {
    sqlite3.SQLITE_FULL: "the disk is full: free some space",
    sqlite3.SQLITE_READONLY: "it cannot be written: make the file and its folder writable for the server's user",
    sqlite3.SQLITE_PERM: "it cannot be written: make the file and its folder writable for the server's user",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened: check that its folder is there and writable for the server's user",
    sqlite3.SQLITE_BUSY: "it is locked: close the other program that has it open",
    sqlite3.SQLITE_LOCKED: "it is locked: close the other program that has it open",
    sqlite3.SQLITE_IOERR: "the disk failed: check the disk, its space and its quota",
    sqlite3.SQLITE_NOMEM: "memory ran out: give the server more",
    sqlite3.SQLITE_PROTOCOL: "its locks do not work: keep the data folder on a local disk",
    sqlite3.SQLITE_NOLFS: "the file has become too large for its file system: move the data folder",
}
_CORRUPT = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def explain(error: BaseException, path: Path) -> Unavailable | None:
    """The world's fault in an error at the database file `path`, or None: then it is the call's own."""
    if not isinstance(error, sqlite3.Error):
        return None
    primary = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if primary in _CORRUPT:
        return Corrupt(path, str(error))
    remedy = _REMEDIES.get(primary)
    if remedy is None and isinstance(error, sqlite3.OperationalError):
        remedy = "the database does not work: restart the server"
    return Unavailable(f"{path}: {remedy} ({error})", path) if remedy else None


def explain_os(error: OSError, path: Path) -> Unavailable:
    """The same for an error of the operating system."""
    why = error.strerror or str(error)
    return Unavailable(f"{path}: {why}: check that its folder is there, writable for the server's user, not full", path)
