"""Workspace restoration: carries out a plan in an open workspace, never through a link; each file is replaced at once. Blocking."""

import logging
import os
import secrets
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

import msgspec

from agent.workspace.dirfd import WRITE_NEW, closing, kind, open_as_owner, owner_to_keep
from agent.workspace.file_copy import CopyStopped, copy_file
from agent.workspace.manifest import RestorePlan, SavedEntry
from agent.workspace.objects import ObjectStore
from agent.workspace.paths import is_unfinished, unfinished_name

log = logging.getLogger("holdfast.snapshots")

PERMISSIONS = 0o777


class Restored(msgspec.Struct, frozen=True):
    """What was done. `restored`, `removed`: how many names. `left`: paths that are not as they were."""

    restored: int
    removed: int
    left: tuple[bytes, ...]


class _Changed(Exception):
    """The name is not any more what the plan was made for."""


def restore(root: int, plan: RestorePlan, objects: ObjectStore, stop: threading.Event) -> Restored:
    """Carry out the plan. What the system refuses, or what changed since the plan was made, is left and named.

    Raises CopyStopped if `stop` is set; what was done until then stays.
    """
    left = list(plan.left)

    def each(entry: SavedEntry, work: Callable[[int, bytes], bool]) -> bool:
        if stop.is_set():
            raise CopyStopped
        try:
            with _folder_of(root, entry.path) as (folder, name):
                return work(folder, name)
        except (OSError, _Changed) as error:
            log.info("%r in a workspace was not restored: %s", entry.path, error)
            left.append(entry.path)
            return False

    removed = sum(each(entry, partial(_remove, entry)) for entry in plan.remove)
    restored = sum(each(entry, _make_folder) for entry in plan.folders)
    restored += sum(each(entry, partial(_put, entry, now, objects, stop)) for entry, now in plan.put)
    for entry in reversed(plan.folders):
        each(entry, partial(_set_mode, entry))
    return Restored(restored, removed, tuple(sorted(set(left))))


@contextmanager
def _folder_of(root: int, path: bytes) -> Iterator[tuple[int, bytes]]:
    """The open folder that a path lies in, and the last name. Raises OSError if the way leads through a link."""
    *above, name = path.split(b"/")
    fd = os.dup(root)
    try:
        for part in above:
            below = open_as_owner(fd, part)
            os.close(fd)
            fd = below
        yield fd, name
    finally:
        os.close(fd)


def _remove(entry: SavedEntry, folder: int, name: bytes) -> bool:
    try:
        _check(folder, name, entry)
    except FileNotFoundError:
        return False
    if entry.kind != "folder":
        os.unlink(name, dir_fd=folder)
        return True
    with closing(open_as_owner(folder, name)) as fd, os.scandir(fd) as found:
        left = [one.name for one in found]
        unfinished = [one for one in left if is_unfinished(one)]  # of a restoration that was killed
        for one in unfinished:
            os.unlink(one, dir_fd=fd)
        if len(unfinished) < len(left):
            return False  # what is left in it is named by itself
    os.rmdir(name, dir_fd=folder)
    return True


def _check(folder: int, name: bytes, entry: SavedEntry) -> None:
    """Raise _Changed if the name is not what the entry says, FileNotFoundError if it is gone."""
    state = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if kind(state.st_mode) != entry.kind:
        raise _Changed("it is another kind of file by now")
    if entry.kind == "file" and (state.st_ino, state.st_size, state.st_mtime_ns) != (
        entry.inode,
        entry.size,
        entry.mtime_ns,
    ):
        raise _Changed("it was written meanwhile")
    if entry.kind == "link" and os.fsencode(os.readlink(name, dir_fd=folder)) != entry.target:
        raise _Changed("it leads elsewhere by now")


def _make_folder(folder: int, name: bytes) -> bool:
    try:
        os.mkdir(name, 0o700, dir_fd=folder)
    except FileExistsError:
        if not stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            raise
        return False
    if (owner := owner_to_keep(folder)) is not None:
        os.chown(name, *owner, dir_fd=folder, follow_symlinks=False)
    return True


def _set_mode(entry: SavedEntry, folder: int, name: bytes) -> bool:
    """Give a folder its mode, after all in it is made: it may forbid that."""
    with closing(open_as_owner(folder, name)) as fd:
        os.fchmod(fd, entry.mode & PERMISSIONS)
    return False


def _put(
    entry: SavedEntry, now: SavedEntry | None, objects: ObjectStore, stop: threading.Event, folder: int, name: bytes
) -> bool:
    """Make the entry under another name, and give it its name at once."""
    if now is None:
        with suppress(FileNotFoundError):
            os.stat(name, dir_fd=folder, follow_symlinks=False)
            raise _Changed("the name is taken")
    else:
        _check(folder, name, now)
    unfinished = os.fsencode(unfinished_name(secrets.token_hex(8)))
    try:
        match entry.kind:
            case "link":
                os.symlink(entry.target, unfinished, dir_fd=folder)
            case "pipe":
                os.mkfifo(unfinished, 0o600, dir_fd=folder)
                os.chmod(unfinished, entry.mode & PERMISSIONS, dir_fd=folder)
            case _:
                _write(folder, unfinished, entry, objects, stop)
        if entry.kind != "file" and (owner := owner_to_keep(folder)) is not None:
            os.chown(unfinished, *owner, dir_fd=folder, follow_symlinks=False)
        os.rename(unfinished, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(unfinished, dir_fd=folder)
        raise
    return True


def _write(folder: int, name: bytes, entry: SavedEntry, objects: ObjectStore, stop: threading.Event) -> None:
    flags = WRITE_NEW & ~os.O_WRONLY | os.O_RDWR  # a clone is read back for its digest
    with closing(objects.reader(entry.digest)) as source, closing(os.open(name, flags, 0o600, dir_fd=folder)) as fd:
        if copy_file(source, fd, stop, entry.size) != entry.digest:
            raise OSError("what was saved of it is damaged")
        if (owner := owner_to_keep(folder)) is not None:
            os.fchown(fd, *owner)
        os.fchmod(fd, entry.mode & PERMISSIONS)
        os.utime(fd, ns=(entry.mtime_ns, entry.mtime_ns))
        os.fsync(fd)
