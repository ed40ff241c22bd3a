"""Workspace: reads, writes and lists a session's files by relative paths, within bounds, never outside. Blocking."""

import errno
import os
import secrets
import stat
import threading
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import BinaryIO, NoReturn
from weakref import WeakValueDictionary

from agent.workspace import paths
from agent.workspace.dirfd import (
    FOLDER,
    NO_FOLDER,
    READ,
    WRITE_NEW,
    CreatedFolders,
    as_workspace_errors,
    closing,
    kind,
    log,
    open_below,
    owner_to_keep,
    refuse_kind,
    walk,
)
from agent.workspace.files import Entry, FileStart
from agent.workspace.paths import (
    InWorkspace,
    WorkspaceError,
    as_text,
    existing_name,
    file_parts,
    folder_parts,
    shown,
    unfinished_name,
)
from agent.workspace.settings import WorkspaceLimits

WRITE_BYTES_MAX = 1_048_576
"""Largest file that one call of `write` writes: more than a model says in one answer."""

READ_BYTES_MAX = 8_388_608
"""How much of a file is read, from its beginning. A model is shown a small part of that, and larger files are data."""

LISTED_MAX = 1_000
"""Most files and folders shown by one `list`: more would not fit into what one call shows."""


class _Lock:
    def __init__(self) -> None:
        self.held = threading.Lock()


_WRITES: WeakValueDictionary[Path, _Lock] = WeakValueDictionary()
"""The lock of each workspace that is written to now."""
_WRITES_GUARD = threading.Lock()
"""Held while a lock is looked up: that is not one step."""


class Workspace:
    """One session's folder `root`, created by its first write with mode 0700. Its parent folder is trusted.

    `file_mode`, `folder_mode`: of what is made in it, before the umask. `counted`: whether its files count to what the session may have.
    """

    __slots__ = ("limits", "root")

    file_mode = 0o600
    folder_mode = 0o700
    counted = True

    def __init__(self, root: Path, limits: WorkspaceLimits) -> None:
        self.root = root
        self.limits = limits

    def read(self, path: str, most: int | None = None) -> FileStart:
        """The file's first bytes, `most` of them; default `READ_BYTES_MAX`. Raises WorkspaceError."""
        most = READ_BYTES_MAX if most is None else most
        parts = file_parts(path, self.limits)
        with as_workspace_errors(path), ExitStack() as stack:
            root = stack.enter_context(closing(self.open_root()))
            *above, name = self.real_parts(root, parts, path) or _no_file(path)
            folder = _descend(stack, root, above, path)
            name = existing_name(folder, name)
            fd = stack.enter_context(closing(open_below(folder, name, READ, path)))
            state = os.fstat(fd)
            refuse_kind(state.st_mode, name, path, want_folder=False)
            data = bytearray()
            while part := os.read(fd, min(most - len(data), 1 << 20)):
                data += part
            return FileStart(bytes(data), max(len(data), state.st_size))

    def open(self, path: str) -> BinaryIO:
        """Open the file for reading; the caller closes it. Raises WorkspaceError."""
        parts = file_parts(path, self.limits)
        with as_workspace_errors(path), ExitStack() as stack:
            root = stack.enter_context(closing(self.open_root()))
            *above, name = self.real_parts(root, parts, path) or _no_file(path)
            folder = _descend(stack, root, above, path)
            name = existing_name(folder, name)
            file = os.fdopen(open_below(folder, name, READ, path), "rb")
            try:
                refuse_kind(os.fstat(file.fileno()).st_mode, name, path, want_folder=False)
            except BaseException:
                file.close()
                raise
            return file

    def write(
        self, path: str, data: bytes, stop: threading.Event, *, most: int | None = None, fresh: bool = False
    ) -> bool:
        """Write `data`, wholly or not at all, with the folders on the way. True if it replaced a file.

        `most`: bytes allowed; default `WRITE_BYTES_MAX`. `fresh`: a file that is there is left, with InWorkspace. If `stop` is set before the last step, nothing of it is left.
        Others that write to the same workspace wait. Raises WorkspaceError.
        """
        most = WRITE_BYTES_MAX if most is None else most
        if len(data) > most:
            raise WorkspaceError(f"{len(data)} bytes are too many: at most {most} in one write")
        parts = file_parts(path, self.limits)
        with as_workspace_errors(path), ExitStack() as stack:
            # Counted and written under one lock: writes at the same time would pass the bounds together.
            with _WRITES_GUARD:
                lock = _WRITES.setdefault(self.root, _Lock())
            stack.enter_context(lock.held)
            _check_not_stopped(stop)
            created = CreatedFolders(stack, self.folder_mode)
            root = stack.enter_context(closing(self.make_root()))
            *above, name = self.real_parts(root, parts, path, writes=True) or _no_file(path)
            names, total = self.usage(root)
            folder = _descend(stack, root, above, path, created)
            name = existing_name(folder, name)
            former = _former(folder, name, path)
            if fresh and former is not None:
                raise InWorkspace(f"there is a file {shown(path)} in the workspace already")
            self._refuse_overflow(names + len(created) + (former is None), total, len(data), former)
            self.before_write(folder)
            owner = owner_to_keep(folder, None if self.counted else former)
            _put(folder, name, data, former, stop, mode=self.file_mode, owner=owner)
            created.commit()
            return former is not None

    def remove(self, path: str) -> None:
        """Remove a file, a link (not what it leads to) or an empty folder. Raises WorkspaceError."""
        *above, name = file_parts(path, self.limits)
        with as_workspace_errors(path), ExitStack() as stack:
            root = stack.enter_context(closing(self.open_root()))
            folder = _descend(stack, root, self.real_parts(root, tuple(above), path), path)
            name = existing_name(folder, name)
            if not stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                os.unlink(name, dir_fd=folder)
                return
            try:
                os.rmdir(name, dir_fd=folder)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
                raise WorkspaceError(f"{shown(path)} is a folder with files in it; delete these first") from error

    def listing(self, path: str, recursive: bool, *, most: int | None = None) -> tuple[list[Entry], bool]:
        """The entries of a folder, each folder before its own entries, names in order; and whether there are more.

        At most `most` entries (None: `LISTED_MAX`), `DEPTH_MAX` deep. A workspace that does not exist yet is empty. Raises WorkspaceError.
        """
        most = LISTED_MAX if most is None else most
        parts = folder_parts(path, self.limits)
        entries: list[Entry] = []
        cut = False
        with as_workspace_errors(path), ExitStack() as stack:
            try:
                root = stack.enter_context(closing(self.open_root()))
            except FileNotFoundError:
                if parts:
                    raise
                return [], False
            parts = self.real_parts(root, parts, path)
            folder = _descend(stack, root, parts, path)
            deepest = max(1, paths.DEPTH_MAX - len(parts))
            for names, state in walk(folder, parts, deepest, most + 1, recursive=recursive):
                if state is None:
                    cut = True
                elif len(entries) == most:
                    return entries, True
                else:
                    size = state.st_size if stat.S_ISREG(state.st_mode) else 0
                    entries.append(Entry(as_text("/".join(names)), kind(state.st_mode), size, int(state.st_mtime)))
        return entries, cut

    def open_for_search(self, path: str) -> tuple[int, str]:
        """The open root, which the caller closes, and the path below it without links. Raises WorkspaceError, OSError."""
        return self.open_root(), path

    def real_parts(self, root: int, parts: tuple[str, ...], path: str, *, writes: bool = False) -> tuple[str, ...]:
        """The names on the way to this path below the open root. No link is followed here, so they are as given.

        `writes`: for a write. `path`: what the model gave.
        """
        return parts

    def counts(self, path: str) -> bool:
        """Whether the file at this path counts to what the session may have."""
        return self.counted

    def before_write(self, folder: int) -> None:
        """Called with the open folder before something is written in it."""

    def make_root(self) -> int:
        """Open the root, made if it is missing; the caller closes it. Raises WorkspaceError, OSError."""
        os.makedirs(self.root.parent, mode=0o700, exist_ok=True)
        with suppress(FileExistsError):
            os.mkdir(self.root, 0o700)
        return self.open_root()

    def open_root(self) -> int:
        """Open the root; the caller closes it. Raises WorkspaceError if it is no folder, OSError if there is none."""
        try:
            return os.open(self.root, FOLDER)
        except OSError as error:
            if error.errno not in NO_FOLDER:
                raise
            log.error("the workspace %s is not a folder", self.root)
            raise WorkspaceError("the session's workspace is not a folder") from error

    def usage(self, root: int) -> tuple[int, int]:
        """The number of files and folders, and the bytes of all files. Counted anew: commands may have added some."""
        most = self.limits.files_max
        names = total = 0
        for _, state in walk(root, (), 2 * paths.DEPTH_MAX, most + 1, sweep=True):
            if state is None:
                raise WorkspaceError("the workspace has folders too deep to count what is in them")
            names += 1
            if names > most:
                raise WorkspaceError(f"the workspace is full: it holds more than {most} files and folders")
            total += state.st_size if stat.S_ISREG(state.st_mode) else 0
        return names, total

    def _refuse_overflow(self, names: int, total: int, size: int, former: os.stat_result | None) -> None:
        if names > self.limits.files_max:
            raise WorkspaceError(f"the workspace is full: at most {self.limits.files_max} files and folders")
        freed = former.st_size if former else 0
        most = self.limits.total_bytes_max
        if size > freed and total - freed + size > most:
            raise WorkspaceError(f"the workspace is full: its files hold {total} bytes, at most {most}")


def _check_not_stopped(stop: threading.Event) -> None:
    if stop.is_set():
        raise WorkspaceError("stopped before it was written")


def _descend(
    stack: ExitStack, root: int, parts: "tuple[str, ...] | list[str]", path: str, created: CreatedFolders | None = None
) -> int:
    """Open the folder below the root; the stack closes what was opened. With `created`, missing ones are created."""
    fd = root
    for text in parts:
        name = existing_name(fd, text)
        if created is not None:
            created.make(fd, name)
        fd = stack.enter_context(closing(open_below(fd, name, FOLDER, path)))
    return fd


def _former(folder: int, name: str, path: str) -> os.stat_result | None:
    """What a write replaces, for a clear refusal: a rename would replace a link, not follow it."""
    try:
        state = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    refuse_kind(state.st_mode, name, path, want_folder=False)
    return state


def _no_file(path: str) -> NoReturn:
    raise WorkspaceError(f"path {shown(path)} names a folder, not a file")


def _put(
    folder: int,
    name: str,
    data: bytes,
    former: os.stat_result | None,
    stop: threading.Event,
    *,
    mode: int,
    owner: tuple[int, int] | None,
) -> None:
    """Write the file under another name, then give it its own. `owner`: user and group who get it; None: as the system does."""
    unfinished = unfinished_name(secrets.token_hex(8))
    fd = os.open(unfinished, WRITE_NEW, mode, dir_fd=folder)
    try:
        with open(fd, "wb", buffering=0) as file:
            rest = memoryview(data)
            while rest:
                rest = rest[file.write(rest) :]
            if owner is not None:
                os.fchown(fd, *owner)
            if former is not None:
                os.fchmod(fd, stat.S_IMODE(former.st_mode) & 0o777)
            os.fsync(fd)
        _check_not_stopped(stop)
        os.rename(unfinished, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(unfinished, dir_fd=folder)
        raise
    os.fsync(folder)
