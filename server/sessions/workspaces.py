"""Stored workspaces: where each session's files and their snapshots lie, what they take, how they are removed."""

import os
from pathlib import Path

from agent.sandbox.local.cleanup import remove_folder
from agent.sandbox.local.limits import WorkspaceQuota
from agent.workspace.dirfd import FOLDER, closing
from agent.workspace.settings import WorkspaceLimits
from agent.workspace.tree_copy import Copied, copy_tree

WORKSPACES, SNAPSHOTS = "workspaces", "snapshots"


def workspace_folder(data: Path, session_id: str) -> Path:
    """The folder of a session's files; it is made by the first file. `data`: the data folder, or the one that several servers share."""
    return data / WORKSPACES / session_id


def snapshots_folder(data: Path, session_id: str) -> Path:
    """The folder of the snapshots of a session's files; it is made by the first one."""
    return data / SNAPSHOTS / session_id


def stored_folders(data: Path, session_id: str) -> tuple[Path, ...]:
    """All folders in which a session's files are stored. Their sizes are added to what its owner stores."""
    return (workspace_folder(data, session_id), snapshots_folder(data, session_id))


def stored_sessions(data: Path) -> list[str]:
    """The ids of all sessions with stored files. Blocks. Raises OSError."""
    folders = [data / WORKSPACES, data / SNAPSHOTS]
    return sorted({one.name for folder in folders if folder.exists() for one in folder.iterdir()})


def stored_files(data: Path, session_id: str, limits: WorkspaceLimits) -> int:
    """The bytes that a session's files take on the disk. Blocks. Raises OSError."""
    return sum(WorkspaceQuota(folder, limits).used().size for folder in stored_folders(data, session_id))


def workspace_size(data: Path, session_id: str, limits: WorkspaceLimits) -> int:
    """The bytes that the files of a session's workspace take on the disk. Blocks. Raises OSError."""
    return WorkspaceQuota(workspace_folder(data, session_id), limits).used().size


def copy_workspace(data: Path, source_id: str, target_id: str) -> Copied:
    """Copy the files of one session's workspace to that of another, which has none. Blocks. Raises OSError."""
    copied = Copied()
    source, target = workspace_folder(data, source_id), workspace_folder(data, target_id)
    if source.is_dir():
        target.mkdir(mode=0o700, parents=True)
        with closing(os.open(source, FOLDER)) as opened, closing(os.open(target, FOLDER)) as made:
            copy_tree(opened, made, "", copied)
    return copied


def remove_workspace(data: Path, session_id: str) -> bool:
    """Remove a session's files and their snapshots, whatever commands have done to them; whether all are gone. Blocks.

    Call it before the session's record is deleted: were it cut short after that, nothing would know of the rest.
    """
    removed = [remove_folder(folder) for folder in stored_folders(data, session_id)]
    return all(removed)
