"""Workspace events: the snapshots of a session's files, and who changed its notes."""

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from protocol.content import ShareId, SnapshotId
from protocol.event_base import EventBase


class WorkspaceSaved(EventBase, kw_only=True, tag_field="type", tag="workspace_saved"):
    """There is a snapshot of the session's files: before a turn's first call with effects, or before a `restore`."""

    snapshot_id: SnapshotId
    files: int
    left_out: Annotated[int, Meta(description="how many of the files are not in it, for lack of room")]
    dropped: Annotated[list[str], Meta(description="older snapshots that are not there any more")]


class WorkspaceNotSaved(EventBase, kw_only=True, tag_field="type", tag="workspace_not_saved"):
    """The session's files could not be saved: what this turn does to them cannot be restored."""

    snapshot_id: SnapshotId
    message: str


class WorkspaceRestored(EventBase, kw_only=True, tag_field="type", tag="workspace_restored"):
    """A `restore` is done: the session's files are as in the snapshot, but for those in `left`."""

    operation_id: Annotated[str, Meta(description="the `restore` it answers")]
    snapshot_id: SnapshotId
    restored: Annotated[int, Meta(description="how many files and folders were made, or made as they were")]
    removed: Annotated[int, Meta(description="how many files and folders were removed")]
    left: Annotated[list[str], Meta(description="paths that are not as they were; the first 50")]
    left_count: Annotated[int, Meta(description="how many paths are not as they were")]


class NotesChanged(EventBase, kw_only=True, tag_field="type", tag="notes_changed"):
    """AGENTS.md was changed while this call ran. The model is told that a call of this tool wrote the notes, and in whose turn."""

    tool_call_id: str
    tool: str
    digest: Annotated[
        str, Meta(description="as in `notes_uploaded`, with `:SIZE` if the file is too long; empty: no file")
    ]
    share_id: Annotated[
        ShareId | UnsetType,
        Meta(description="of the guest's link whose input is in the turn; absent: all is the owner's"),
    ] = UNSET
