"""Folder descriptors: opens names below an open folder one at a time, never through a link, and walks the tree below it.

What was opened is what is used: there is no moment between a check and its use in which a name could be swapped.
"""

import errno
import logging
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from heapq import nsmallest
from pathlib import Path

from agent.workspace.paths import NotInWorkspace, WorkspaceError, is_unfinished, shown

log = logging.getLogger("holdfast.tools.workspace")

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Without O_NONBLOCK the opening of a pipe waits for its writer; without O_NOCTTY a terminal may become ours.
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
LOOK = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
WRITE_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

# Linux says ENOTDIR or ELOOP for a link that is not followed, macOS ELOOP, other BSDs EMLINK.
NO_FOLDER = frozenset({errno.ENOTDIR, errno.ELOOP, errno.EMLINK})

_KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "folder",
    stat.S_IFLNK: "link",
    stat.S_IFIFO: "pipe",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
}


def kind(mode: int) -> str:
    """The kind of file that a mode names: `file`, `folder`, `link` and so on."""
    return _KINDS.get(stat.S_IFMT(mode), "special file")


@contextmanager
def closing(fd: int) -> Iterator[int]:
    """Close the descriptor when the block ends."""
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def as_workspace_errors(path: str) -> Iterator[None]:
    """Turn an OSError into a WorkspaceError that names no path but `path`, the model's own."""
    try:
        yield
    except FileNotFoundError:
        raise NotInWorkspace(f"there is no {shown(path)} in the workspace") from None
    except OSError as error:
        log.warning("the system refused %s in a workspace", shown(path), exc_info=error)
        raise WorkspaceError(f"the system refused {shown(path)}: {error.strerror or type(error).__name__}") from error


def open_below(folder: int, name: str, flags: int, path: str) -> int:
    """Open a name in a folder. Raises WorkspaceError if it is a link or of the wrong kind, else OSError.

    `path`: what the model gave, named in the error.
    """
    try:
        return os.open(name, flags, dir_fd=folder)
    except FileNotFoundError:
        raise
    except OSError:
        # Only to find the reason: the opening has failed already.
        refuse_kind(
            os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode, name, path, want_folder=flags == FOLDER
        )
        raise


def open_as_owner(folder: int, name: str | bytes) -> int:
    """Open a folder below `folder`, never through a link; gives its owner (this user) access first. Raises OSError."""
    with closing(os.open(name, LOOK, dir_fd=folder)) as seen:
        mode = stat.S_IMODE(os.fstat(seen).st_mode)
        if mode & stat.S_IRWXU != stat.S_IRWXU:
            # By what is open, not by a name that could be swapped for a link meanwhile.
            Path(f"/proc/self/fd/{seen}").chmod(mode | stat.S_IRWXU)
    return os.open(name, FOLDER, dir_fd=folder)


def refuse_kind(mode: int, name: str, path: str, *, want_folder: bool) -> None:
    """Raise WorkspaceError unless `mode` is a folder's, or a regular file's, as wanted."""
    if stat.S_ISLNK(mode):
        at = "" if name == path else f", at {shown(name)}"
        raise WorkspaceError(f"{shown(path)} leads through a link{at}; links are not followed")
    if want_folder and not stat.S_ISDIR(mode):
        raise WorkspaceError(f"{shown(name)} is a {kind(mode)}, not a folder")
    if not want_folder and not stat.S_ISREG(mode):
        raise WorkspaceError(f"{shown(path)} is a {kind(mode)}, not a regular file")


def owner_to_keep(folder: int, former: os.stat_result | None = None) -> tuple[int, int] | None:
    """The user and group who must own what is made in a folder: those of `former`, which it replaces, else of the folder.

    None: they will, or only root could see to it.
    """
    state = former or os.fstat(folder)
    owner = (state.st_uid, state.st_gid)
    return owner if os.geteuid() == 0 and owner != (0, 0) else None


class CreatedFolders:
    """The folders that one write creates; without `commit`, those still empty are removed when the stack unwinds."""

    def __init__(self, stack: ExitStack, mode: int) -> None:
        self._stack = stack
        self._mode = mode
        self._count = 0
        self._committed = False

    def __len__(self) -> int:
        return self._count

    def commit(self) -> None:
        """Keep the folders when the stack unwinds."""
        self._committed = True

    def make(self, folder: int, name: str) -> None:
        """Create a folder unless the name exists. `folder` must stay open until the stack unwinds."""
        try:
            os.mkdir(name, self._mode, dir_fd=folder)
        except FileExistsError:
            return
        if (owner := owner_to_keep(folder)) is not None:
            os.chown(name, *owner, dir_fd=folder, follow_symlinks=False)
        self._count += 1
        self._stack.callback(self._remove, folder, name)

    def _remove(self, folder: int, name: str) -> None:
        if not self._committed:
            # One that somebody has filled or taken away meanwhile is theirs.
            with suppress(OSError):
                os.rmdir(name, dir_fd=folder)


def walk(
    folder: int, above: tuple[str, ...], deepest: int, most: int, *, recursive: bool = True, sweep: bool = False
) -> Iterator[tuple[tuple[str, ...], os.stat_result | None]]:
    """The names below a folder with their state, in order, each folder before what is in it; of each the first `most`.

    `above`: the names that lead to `folder`. The state is None once for a folder that lies too deep to look into.
    `sweep`: remove the unfinished files of killed writes. Names that vanish or change their kind meanwhile are skipped.
    """
    with os.scandir(folder) as entries:
        names = nsmallest(most, _finished(folder, entries, sweep))
    for name in names:
        parts = (*above, name)
        try:
            state = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            continue
        yield parts, state
        if not recursive or not stat.S_ISDIR(state.st_mode):
            continue
        if deepest <= 1:
            yield parts, None
            continue
        try:
            fd = os.open(name, FOLDER, dir_fd=folder)
        except OSError as error:
            if error.errno in NO_FOLDER or isinstance(error, FileNotFoundError):
                continue
            raise
        with closing(fd):
            yield from walk(fd, parts, deepest - 1, most, sweep=sweep)


def _finished(folder: int, entries: "Iterator[os.DirEntry[str]]", sweep: bool) -> Iterator[str]:
    for entry in entries:
        if not is_unfinished(entry.name):
            yield entry.name
        elif sweep:
            try:
                os.unlink(entry.name, dir_fd=folder)
            except FileNotFoundError:
                continue
            except IsADirectoryError:
                yield entry.name  # a command's, whatever it is called
