"""Paths out of the workspace: two dots, absolute names, links, special files, and links swapped in between are refused."""

import os
import shutil
import socket
import stat
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.workspace.paths import WorkspaceError
from agent.workspace.settings import WorkspaceLimits
from agent.workspace.workspace import Workspace
from tests.faults.harness.lengths import length
from tests.unit.agent.workspace.workspaces import GO, SECRET, contents, refused


def test_two_dots_do_not_lead_out(workspace: Workspace, outside: Path) -> None:
    refused(workspace, "../outside/secret.txt", "goes up")
    refused(workspace, "a/../../outside/secret.txt", "goes up")


def test_an_absolute_name_does_not_lead_out(workspace: Workspace, outside: Path) -> None:
    refused(workspace, str(outside / "secret.txt"), "absolute")


def test_a_linked_file_is_not_followed(workspace: Workspace, outside: Path) -> None:
    (workspace.root / "link.txt").symlink_to(outside / "secret.txt")
    refused(workspace, "link.txt", "leads through a link; links are not followed")
    assert contents(outside) == {"secret.txt": SECRET}


def test_a_link_inside_the_workspace_is_not_followed_either(workspace: Workspace) -> None:
    (workspace.root / "link.txt").symlink_to("mine.txt")
    refused(workspace, "link.txt", "link")
    assert workspace.read("mine.txt").data == b"mine"


def test_a_dangling_link_is_not_written_through(workspace: Workspace, outside: Path) -> None:
    (workspace.root / "link.txt").symlink_to(outside / "new.txt")
    refused(workspace, "link.txt", "link")
    assert contents(outside) == {"secret.txt": SECRET}


def test_a_linked_folder_is_not_entered(workspace: Workspace, outside: Path) -> None:
    (workspace.root / "a").mkdir()
    (workspace.root / "a" / "way").symlink_to(outside, target_is_directory=True)
    refused(workspace, "a/way/secret.txt", "leads through a link, at way")
    refused(workspace, "a/way", "link")
    refused(workspace, "a/way/new/secret.txt", "link")
    entries, cut = workspace.listing(".", True)
    assert [(entry.path, entry.kind) for entry in entries] == [("a", "folder"), ("a/way", "link"), ("mine.txt", "file")]
    assert not cut
    assert contents(outside) == {"secret.txt": SECRET}


def test_a_dangling_link_on_the_way_is_not_made_a_folder(workspace: Workspace, outside: Path) -> None:
    (workspace.root / "way").symlink_to(outside / "new")
    refused(workspace, "way/file.txt", "link")
    assert not (outside / "new").exists()


def test_a_workspace_that_is_a_link_is_refused(tmp_path: Path, outside: Path) -> None:
    (tmp_path / "linked").symlink_to(outside, target_is_directory=True)
    refused(Workspace(tmp_path / "linked", WorkspaceLimits()), "secret.txt", "workspace is not a folder")
    assert contents(outside) == {"secret.txt": SECRET}


def test_a_link_swapped_in_between_leads_nowhere(workspace: Workspace, outside: Path) -> None:
    root = workspace.root
    (root / "way").mkdir()
    (root / "way" / "secret.txt").write_bytes(b"harmless")
    (root / "link").symlink_to(outside, target_is_directory=True)
    done = threading.Event()

    def put(name: str) -> None:
        while True:
            try:
                return os.rename(root / name, root / "way")
            except OSError:
                # The writer has made a folder where the name was missing for a moment.
                shutil.rmtree(root / "way", ignore_errors=True)

    def linger() -> None:
        for _ in range(100):
            os.lstat(root / "way")

    def swap() -> None:
        while not done.is_set():
            os.rename(root / "way", root / "parked")
            put("link")
            linger()
            os.rename(root / "way", root / "link")
            put("parked")
            linger()

    attempts: tuple[Callable[[], object], ...] = (
        lambda: workspace.read("way/secret.txt").data,
        lambda: workspace.listing("way", True),
        lambda: workspace.write("way/planted.txt", b"x", GO),
    )
    met_link = [0, 0, 0]
    passed = [0, 0, 0]
    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        while swapper.is_alive() and min(met_link + passed) < 5:
            for index, attempt in enumerate(attempts):
                try:
                    assert attempt() != SECRET
                    passed[index] += 1
                except WorkspaceError as error:
                    met_link[index] += "link" in str(error)
            assert contents(outside) == {"secret.txt": SECRET}
    finally:
        done.set()
        swapper.join()
    assert min(met_link + passed) >= 5


def test_a_pipe_is_refused_without_waiting_for_its_writer(workspace: Workspace) -> None:
    os.mkfifo(workspace.root / "pipe")
    refused_file(workspace, "pipe", "is a pipe, not a regular file")


def test_a_socket_is_refused(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workspace.root)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        refused_file(workspace, "socket", "is a socket, not a regular file")


def test_a_device_is_refused(workspace: Workspace) -> None:
    try:
        os.mknod(workspace.root / "zero", 0o600 | stat.S_IFCHR, os.makedev(1, 5))
    except OSError:
        pytest.skip("this user may not make devices")
    refused_file(workspace, "zero", "is a device, not a regular file")


def test_a_folder_is_not_read_or_replaced(workspace: Workspace) -> None:
    (workspace.root / "a").mkdir()
    refused_file(workspace, "a", "is a folder, not a regular file")


def refused_file(workspace: Workspace, path: str, why: str) -> None:
    with pytest.raises(WorkspaceError, match=why):
        workspace.read(path)
    with pytest.raises(WorkspaceError, match=why):
        workspace.write(path, b"x", GO)


def test_a_file_is_not_a_folder_on_the_way(workspace: Workspace) -> None:
    refused(workspace, "mine.txt/a", "mine.txt is a file, not a folder")
    with pytest.raises(WorkspaceError, match="not a folder"):
        workspace.listing("mine.txt", False)


def test_a_refusal_names_no_path_outside_the_workspace(workspace: Workspace) -> None:
    for path in ("nothing.txt", "mine.txt/a", "a/b/c"):
        with pytest.raises(WorkspaceError) as raised:
            workspace.read(path)
        assert str(workspace.root) not in str(raised.value)


@settings(max_examples=length(80, 200), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.lists(
        st.sampled_from(["..", ".", "", "a", "way", "link.txt", "outside", "secret.txt", "new", "mine.txt", "~", "…"]),
        max_size=6,
    ).map("/".join)
)
def test_no_path_reaches_what_is_outside(workspace: Workspace, outside: Path, path: str) -> None:
    for name, target in (("way", outside), ("link.txt", outside / "secret.txt"), ("new", outside / "new")):
        if not (workspace.root / name).is_symlink():
            (workspace.root / name).symlink_to(target)
    with suppress(WorkspaceError):
        assert workspace.read(path).data != SECRET
    with suppress(WorkspaceError):
        entries, _ = workspace.listing(path, True)
        assert not [entry for entry in entries if entry.path.startswith(("way/", "new/"))]
    with suppress(WorkspaceError):
        workspace.write(path, b"planted", GO)
    assert contents(outside) == {"secret.txt": SECRET}
    assert sorted(os.listdir(workspace.root.parent)) == ["one"]
