"""Workspace settings: where sessions' files are, and how much they may take."""

from typing import Annotated, Literal

from msgspec import Meta, field

from agent.util.settings import SettingsGroup
from protocol.limits import Limits


class WorkspaceLimits(SettingsGroup, frozen=True, kw_only=True):
    """Where sessions' files are, and what a session may keep in its workspace."""

    place: Annotated[
        Literal["own", "shared"],
        Meta(
            description="Where sessions' files and their snapshots are. `own`: in `journal.data`; `shared`: in `shared_folder`, as several "
            "servers on one database need."
        ),
    ] = "own"
    shared_folder: Annotated[
        str,
        Meta(description="With `place` `shared`: the folder, the same at every server. It is made if it is missing."),
    ] = ""
    upload_bytes_max: Annotated[
        int, Meta(ge=1, le=2**30, description="Largest file a client uploads; more: HTTP 413.")
    ] = Limits().upload_bytes
    total_bytes_max: Annotated[
        int, Meta(ge=1, le=2**40, description="All files of one workspace together; a write beyond it is refused.")
    ] = 268_435_456
    files_max: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Files and folders in one workspace; a write beyond it is refused.")
    ] = 10_000
    roots: Annotated[
        list[Annotated[str, Meta(min_length=1, max_length=4_096)]],
        Meta(
            max_length=64,
            description="Folders in which sessions may be made with a project folder (`cwd`), by every user of this server.",
        ),
    ] = field(default_factory=list)

    def __post_init__(self) -> None:
        if (self.place == "shared") != bool(self.shared_folder):
            raise ValueError(
                "shared_folder (HOLDFAST_SHARED_FOLDER) and place shared (HOLDFAST_WORKSPACES) go together: set both, or none"
            )
        for root in self.roots:
            if not (root.startswith(("~/", "/")) or root == "~"):
                raise ValueError(f"roots: {root!r} is no absolute path, nor one that begins with `~`")
