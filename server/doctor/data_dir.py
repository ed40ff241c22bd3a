"""Data folder checks: whether it can be used, has room, and holds a sound journal."""

import os
import shutil
from pathlib import Path

from server.doctor.finding import Finding, fail, ok, warn
from server.journal.base import JournalError
from server.journal.offline import inspect, write_ahead_fault

FREE_BYTES = 1 << 30
LEAST_FREE_BYTES = 50 << 20

NAME = "data folder"


def data_folder(folder: Path, *, with_journal: bool = True) -> list[Finding]:
    """All findings about the data folder. Leaves nothing behind in it. `with_journal`: whether the journal is in it."""
    if not folder.exists():
        return [_to_be_made(folder)]
    if not folder.is_dir():
        return [fail(NAME, f"{folder} is no folder", "name another one (--data, journal.data, HOLDFAST_DATA)")]
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        advice = f"give it to the server's user: `chown -R USER {folder}`; or name another one (--data)"
        return [fail(NAME, f"{folder} cannot be read and written by this user", advice)]
    try:
        fault = write_ahead_fault(folder)
    except OSError as error:
        advice = "mount it for writing, or name another one (--data)"
        return [fail(NAME, f"{folder} cannot be written: {error.strerror}", advice)]
    found = [ok(NAME, f"{folder} can be written"), room(shutil.disk_usage(folder).free)]
    if fault is not None:
        advice = "keep the data folder on a local disk (ext4, xfs, btrfs ...), not on a network share"
        found.append(fail("file system", f"no write-ahead log can be kept there: {fault}", advice))
    return [*found, journal(folder)] if with_journal else found


def room(free_bytes: int) -> Finding:
    """Whether there is room on the disk."""
    free = f"{free_bytes / (1 << 30):.1f} GiB are free"
    if free_bytes < LEAST_FREE_BYTES:
        return fail("disk", free, "make room: a full disk stops all sessions")
    if free_bytes < FREE_BYTES:
        return warn("disk", free, "make room soon: a full disk stops all sessions")
    return ok("disk", free)


def journal(folder: Path) -> Finding:
    """Whether the journal is sound, or held by a running server."""
    try:
        found = inspect(folder)
    except JournalError as error:
        return fail("journal", str(error), "put the folder back from a backup, or name an empty one (--data)")
    if found.version is None:
        return ok("journal", "there is none yet; the first start makes it")
    about = f"schema version {found.version}"
    if found.version < found.known_version:
        about += f", which the next start brings to {found.known_version}"
    if found.held_by is not None:
        return ok(
            "journal", f"{about}; a server holds it (process {found.held_by or 'unknown'}), its pages are not read"
        )
    return ok("journal", f"{about}, every page is well formed")


def _to_be_made(folder: Path) -> Finding:
    parent = next(above for above in folder.absolute().parents if above.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        advice = (
            f"make it and give it to the server's user, or name another one (--data); {parent} is closed to this user"
        )
        return fail(NAME, f"{folder} is not there and cannot be made", advice)
    return ok(NAME, f"{folder} is not there yet; the first start makes it")
