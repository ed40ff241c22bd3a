"""Workspace cleanup: removes a session's folder, whatever commands have put there. Blocking."""

import logging
import os
import secrets
from pathlib import Path

from agent.workspace.dirfd import FOLDER, closing, open_as_owner

log = logging.getLogger("holdfast.sandbox")


def remove_folder(root: Path) -> bool:
    """Remove the folder with all that is in it, never through a link; whether it is gone.

    Folders that commands have made unreadable are opened again. What the system refuses to remove stays, and is logged.
    """
    try:
        with closing(os.open(root.parent, FOLDER)) as above:
            with closing(open_as_owner(above, root.name)) as fd:
                _empty(fd)
            os.rmdir(root.name, dir_fd=above)
    except FileNotFoundError:
        return True
    except OSError as error:
        log.warning("the workspace %s was not wholly removed: %s", root, error)
        return False
    return True


def _empty(root: int) -> None:
    """Folders in folders are moved up before they are emptied: however deep, two are open at a time."""
    refused: set[str] = set()
    while names := _names(root) - refused:
        for name in names:
            try:
                _remove(root, name)
            except OSError as error:
                log.warning("the system refused to remove a name from a workspace: %s", error.strerror)
                refused.add(name)


def _remove(root: int, name: str) -> None:
    try:
        os.unlink(name, dir_fd=root)
    except IsADirectoryError:
        with closing(open_as_owner(root, name)) as folder:
            for inner in _names(folder):
                try:
                    os.unlink(inner, dir_fd=folder)
                except IsADirectoryError:
                    os.close(open_as_owner(folder, inner))
                    os.rename(inner, secrets.token_hex(16), src_dir_fd=folder, dst_dir_fd=root)
        os.rmdir(name, dir_fd=root)


def _names(folder: int) -> set[str]:
    with os.scandir(folder) as entries:
        return {entry.name for entry in entries}
