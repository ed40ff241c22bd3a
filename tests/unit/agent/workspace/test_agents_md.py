"""Project notes: the workspace's AGENTS.md, and no other file."""

from pathlib import Path

import pytest

from agent.tools import ToolRouter
from agent.workspace.agents_md import Notes, ProjectNotes, digest_of
from agent.workspace.workspace import Workspace
from tests.support.executors import disk
from tests.unit.agent.workspace.workspaces import GO


def put(workspace: Workspace, data: bytes) -> ProjectNotes:
    workspace.write("AGENTS.md", data, GO)
    return ProjectNotes(workspace, disk(), 100, lambda text: text.replace("hf_secret", "[redacted]"))


async def test_the_notes_are_read_at_each_call_and_redacted(workspace: Workspace) -> None:
    notes = put(workspace, b"Use tabs. hf_secret\n")
    assert (await notes.read()).text == "Use tabs. [redacted]"
    put(workspace, b"Use spaces.")
    assert (await notes.read()).text == "Use spaces."


async def test_without_the_file_without_the_workspace_or_with_a_bound_of_nothing_there_are_none(
    workspace: Workspace, tmp_path: Path
) -> None:
    assert await ProjectNotes(workspace, disk(), 100).read() == Notes()
    assert await ProjectNotes(Workspace(tmp_path / "not made", workspace.limits), disk(), 100).read() == Notes()
    put(workspace, b"Use tabs.")
    assert await ProjectNotes(workspace, disk(), 0).read() == Notes()


async def test_long_notes_are_cut_with_a_note(workspace: Workspace) -> None:
    found = await put(workspace, b"a" * 150).read()
    assert found.digest == f"{digest_of(b'a' * 100)}:150"
    assert not found.written_as(digest_of(b"a" * 150))
    assert found.text == "a" * 100 + "\n[AGENTS.md is longer: 50 more bytes are left out]"


@pytest.mark.parametrize("what", ["link", "folder"])
async def test_a_link_is_not_followed_and_a_folder_is_no_notes(workspace: Workspace, outside: Path, what: str) -> None:
    place = workspace.root / "AGENTS.md"
    if what == "link":
        place.symlink_to(outside / "secret.txt")
    else:
        place.mkdir()
    assert await ProjectNotes(workspace, disk(), 100).read() == Notes()


async def test_bytes_that_are_no_text_are_shown_as_such(workspace: Workspace) -> None:
    assert (await put(workspace, b"caf\xe9 \xf0\x9f\xa6\x89").read()).text == "caf\ufffd 🦉"


async def test_notes_that_cannot_be_read_end_no_turn(workspace: Workspace, caplog: pytest.LogCaptureFixture) -> None:
    def fails(text: str) -> str:
        raise RuntimeError("broken")

    workspace.write("AGENTS.md", b"Use tabs.", GO)
    router = ToolRouter([], notes=ProjectNotes(workspace, disk(), 100, fails))
    assert await router.notes() == Notes()
    assert "could not be read" in caplog.text


async def test_notes_are_known_by_the_digest_of_their_whole_file(workspace: Workspace) -> None:
    found = await put(workspace, b"Use tabs.").read()
    assert found.written_as(digest_of(b"Use tabs.")) and not found.written_as(digest_of(b"Use spaces."))
    assert not Notes("Use tabs.").written_as("")


async def test_the_digest_says_whether_the_notes_are_others_or_gone(workspace: Workspace) -> None:
    notes = put(workspace, b"Use tabs.")
    assert await notes.read_digest() == (await notes.read()).digest == digest_of(b"Use tabs.")
    put(workspace, b"a" * 150)
    assert await notes.read_digest() == (await notes.read()).digest
    workspace.remove("AGENTS.md")
    assert await notes.read_digest() == ""
    assert await ProjectNotes(workspace, disk(), 0).read_digest() is None
