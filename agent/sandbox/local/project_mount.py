"""Project mount: how a command sees a folder of the user: as whom it runs there, and what of it it may not change. Blocks."""

from pathlib import Path
from typing import Final

import msgspec

from agent.sandbox.local.unprivileged import USER_ID
from agent.workspace.guarded import Guard, changed, guards, unguarded

TEMPORARY_HOME: Final = "/tmp"
"""The HOME of a command in a project folder: caches and dot files are gone with the command, and are no part of the project."""

Missing = dict[str, tuple[int, int, int] | None]


class ProjectMount(msgspec.Struct, frozen=True):
    """One command's view of the folder `root`. `user`: user and group as whom it runs if the server is run by root.

    `missing`: guarded names that could not be mounted over, as they were before the command.
    """

    root: str
    guards: list[Guard]
    user: tuple[int, int]
    missing: Missing

    def note(self) -> str:
        """After the command: what of the missing it made; empty if nothing."""
        made = changed(self.root, self.missing)
        if not made:
            return ""
        return f"this made or changed {', '.join(made)}: look at it before you use the folder with git, an editor or a shell"


def project_mount(root: str) -> ProjectMount:
    """The view of the next command. The folder's owner is who runs it; root's own folder is for other users to read at most."""
    state = Path(root).stat()
    user = (state.st_uid, state.st_gid or state.st_uid) if state.st_uid else (USER_ID, USER_ID)
    return ProjectMount(root, guards(root), user, unguarded(root))
