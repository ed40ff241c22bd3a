"""Stored workspaces: where each session's files lie in the data folder, and how a deleted session's are removed."""

from pathlib import Path

from agent.sandbox.local.cleanup import remove_folder


def workspace_folder(data: Path, session_id: str) -> Path:
    """The folder of a session's files; it is made by the first file. `data`: the server's data folder."""
    return data / "workspaces" / session_id


def remove_workspace(data: Path, session_id: str) -> bool:
    """Remove a session's files, whatever commands have done to them; whether all are gone. Blocks.

    Call it before the session's record is deleted: were it cut short after that, nothing would know of the rest.
    """
    return remove_folder(workspace_folder(data, session_id))
