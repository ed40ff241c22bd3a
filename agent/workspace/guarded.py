"""Guarded names: what programs of the user run or obey in a project folder, which an agent may change only if a person agrees."""

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal

import msgspec

TOP: Final = (".vscode", ".idea", ".envrc")
IN_GIT: Final = ("hooks", "config", "config.worktree", "commondir")
"""In a `.git`: what git runs, and what says so. `commondir` names another folder in which both are."""
MODULES: Final = "modules"
MODULES_MAX: Final = 64
"""Submodules whose hooks and configuration are read-only in commands; each takes six arguments of bubblewrap."""

REASON: Final = "programs of the user run or obey what is there, outside of the sandbox"


class Guard(msgspec.Struct, frozen=True):
    """How one name in a project folder is shown to a command. `writable`: it stays so, but cannot be moved away."""

    path: str
    writable: bool


def is_guarded(parts: Sequence[str]) -> bool:
    """Whether this path in a project folder is guarded: by its names, wherever they are, in upper or lower case. Pure."""
    names = [name.casefold() for name in parts]
    if any(name in TOP for name in names):
        return True
    if ".git" not in names:
        return False
    below = names[names.index(".git") + 1 :]
    return not below or any(name in IN_GIT for name in below)


def guards(root: str) -> list[Guard]:
    """What is to be mounted over in the folder `root`, each folder before what is in it. Blocks.

    A name that is missing, or a link, cannot be mounted over: see `unguarded`.
    """
    found = [Guard(name, False) for name in TOP if _kind(root, name) in ("file", "folder")]
    match _kind(root, ".git"):
        case "file":
            found.append(Guard(".git", False))  # it names the folder that git uses
        case "folder":
            found += _git_folder(root, ".git")
    return found


def _git_folder(root: str, path: str) -> Iterator[Guard]:
    # Mounted over itself, so that nobody moves it away and makes another.
    yield Guard(path, True)
    for name in IN_GIT:
        if _kind(root, f"{path}/{name}") in ("file", "folder"):
            yield Guard(f"{path}/{name}", False)
    modules = f"{path}/{MODULES}"
    if _kind(root, modules) == "folder":
        yield Guard(modules, True)
        with suppress(OSError):
            for name in sorted(entry.name for entry in Path(root, modules).iterdir())[:MODULES_MAX]:
                if _kind(root, f"{modules}/{name}") == "folder":
                    yield from _git_folder(root, f"{modules}/{name}")


def unguarded(root: str) -> dict[str, tuple[int, int, int] | None]:
    """The guarded names at the top of `root` that cannot be mounted over, each with what tells whether it is another now. Blocks."""
    names = [*TOP, ".git", *(f".git/{name}" for name in IN_GIT)]
    return {name: _identity(root, name) for name in names if _kind(root, name) not in ("file", "folder")}


def changed(root: str, before: dict[str, tuple[int, int, int] | None]) -> list[str]:
    """Which of these names are there now and were not, or lead elsewhere. Blocks."""
    return [name for name, identity in before.items() if (now := _identity(root, name)) is not None and now != identity]


def _kind(root: str, path: str) -> Literal["file", "folder", "other", "none"]:
    try:
        mode = os.lstat(Path(root, path)).st_mode
    except OSError:
        return "none"
    if stat.S_ISDIR(mode):
        return "folder"
    return "file" if stat.S_ISREG(mode) else "other"


def _identity(root: str, path: str) -> tuple[int, int, int] | None:
    try:
        state = os.lstat(Path(root, path))
    except OSError:
        return None
    return state.st_dev, state.st_ino, state.st_ctime_ns
