"""Zipped folders: what has no room, or cannot be read, is named in the archive."""

import io
import zipfile

import msgspec

from agent.workspace.shown.zipped import LEFT_OUT, zip_pieces
from agent.workspace.workspace import Workspace
from tests.unit.agent.workspace.workspaces import GO


def test_what_has_no_room_is_named_and_links_are_not_followed(workspace: Workspace) -> None:
    for name, size in (("a", 600), ("b", 600), ("c", 300)):
        workspace.write(name, b"x" * size, GO)
    (workspace.root / "link").symlink_to("/etc/hostname")
    limits = msgspec.structs.replace(workspace.limits, total_bytes_max=1_000, files_max=3)
    data = b"".join(zip_pieces(Workspace(workspace.root, limits), "."))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.namelist() == ["a", "c", LEFT_OUT]
        told = archive.read(LEFT_OUT).decode()
    assert "b: no room for its 600 bytes" in told
    assert "more than 3 files" in told


def test_an_empty_workspace_is_an_empty_archive(workspace: Workspace) -> None:
    workspace.remove("mine.txt")
    with zipfile.ZipFile(io.BytesIO(b"".join(zip_pieces(workspace, ".")))) as archive:
        assert archive.namelist() == []
