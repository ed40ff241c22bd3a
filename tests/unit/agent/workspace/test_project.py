"""Project folder: links inside are followed, nothing is counted or kept there, and what others run is not reached by a link."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.workspace.guarded import changed, guards, is_guarded, unguarded
from agent.workspace.paths import NotInWorkspace, WorkspaceError
from agent.workspace.project import LEFT_OVER_S, ProjectFolder
from agent.workspace.settings import WorkspaceLimits
from agent.workspace.workspace import Workspace
from tests.unit.agent.workspace.workspaces import GO, SECRET, contents, refused


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    root = tmp_path / "shop"
    (root / "src").mkdir(parents=True)
    (root / "src" / "main.py").write_text("print()")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_bytes(SECRET)
    return root


def project(root: Path, why: Callable[[], str] = lambda: "", **limits: int) -> ProjectFolder:
    bounds = WorkspaceLimits(**limits)  # type: ignore[arg-type]
    return ProjectFolder(root, bounds, Workspace(root.parent / "own", bounds), why)


def test_links_that_stay_inside_are_followed(shop: Path) -> None:
    (shop / "lib").symlink_to("src")
    (shop / "src" / "up").symlink_to("../lib/main.py")
    (shop / "absolute").symlink_to(shop / "src")
    files = project(shop)
    for path in ("lib/main.py", "src/up", "lib/up", "absolute/main.py", "absolute/up"):
        assert files.read(path).data == b"print()", path
    assert files.write("lib/new/deep.py", b"1", GO) is False
    assert files.write("src/up", b"2", GO) is True
    assert (shop / "src" / "new" / "deep.py").read_bytes() == b"1"
    assert (shop / "src" / "main.py").read_bytes() == b"2" and (shop / "src" / "up").is_symlink()
    assert [entry.path for entry in files.listing("lib", False)[0]] == ["src/main.py", "src/new", "src/up"]
    files.remove("src/up")
    assert not (shop / "src" / "up").is_symlink() and (shop / "src" / "main.py").exists()


@pytest.mark.parametrize("target", ["../outside", "{outside}", "src/../../outside", "/etc", "{shop}/../outside"])
def test_links_that_lead_out_are_refused(shop: Path, target: str) -> None:
    (shop / "out").symlink_to(target.format(outside=shop.parent / "outside", shop=shop))
    refused(project(shop), "out/secret", "out of the session's folder|not in|no 'out")
    assert contents(shop.parent / "outside") == {"secret": SECRET}


def test_links_in_a_circle_or_to_what_is_not_there_end(shop: Path) -> None:
    (shop / "a").symlink_to("b")
    (shop / "b").symlink_to("a")
    with pytest.raises(WorkspaceError, match="too many links"):
        project(shop).read("a")
    (shop / "gone").symlink_to("nowhere/../../outside")
    with pytest.raises(NotInWorkspace):
        project(shop).write("gone/x", b"x", GO)
    with pytest.raises(WorkspaceError, match=r"not a folder|Not a directory"):
        project(shop).read("src/main.py/x")


def test_modes_are_those_of_the_umask_and_a_file_keeps_its_own(shop: Path) -> None:
    before = os.umask(0o027)
    try:
        files = project(shop)
        files.write("new/one.txt", b"", GO)
        (shop / "run.sh").write_text("")
        (shop / "run.sh").chmod(0o755)
        files.write("run.sh", b"true", GO)
    finally:
        os.umask(before)
    modes = {path: (shop / path).stat().st_mode & 0o777 for path in ("new", "new/one.txt", "run.sh")}
    assert modes == {"new": 0o750, "new/one.txt": 0o640, "run.sh": 0o755}


def test_nothing_in_it_is_counted_and_a_missing_folder_is_not_made(shop: Path) -> None:
    files = project(shop, files_max=1, total_bytes_max=10)
    for number in range(3):
        files.write(f"{number}.txt", b"12345", GO)
    assert len(contents(shop)) == 4
    with pytest.raises(WorkspaceError):
        project(shop.parent / "gone").write("x", b"x", GO)
    assert not (shop.parent / "gone").exists()


def test_what_the_server_keeps_is_in_the_sessions_own_folder(shop: Path) -> None:
    files = project(shop)
    files.write(".holdfast/output.txt", b"long", GO)
    assert files.read("./.holdfast/output.txt").data == b"long"
    assert contents(shop.parent / "own") == {".holdfast/output.txt": b"long"}
    assert not (shop / ".holdfast").exists()
    assert files.counts(".holdfast/output.txt") and not files.counts("src/main.py")


def test_what_a_killed_write_left_is_removed_by_a_later_one(shop: Path) -> None:
    old, new = shop / f".holdfast-{'0' * 16}.part", shop / f".holdfast-{'1' * 16}.part"
    old.write_text("half")
    new.write_text("half")
    long_ago = old.stat().st_mtime - LEFT_OVER_S - 60
    os.utime(old, (long_ago, long_ago))
    project(shop).write("x", b"x", GO)
    assert not old.exists() and new.exists()


def test_a_folder_that_may_not_be_used_any_more_refuses_everything(shop: Path) -> None:
    refused(project(shop, lambda: "not allowed any more"), "src/main.py", "not allowed any more")


def test_a_guarded_file_is_written_by_its_own_name_alone(shop: Path) -> None:
    (shop / ".git").mkdir()
    (shop / "docs").symlink_to(".git")
    with pytest.raises(WorkspaceError, match=r"leads through a link to \.git/config"):
        project(shop).write("docs/config", b"x", GO)
    project(shop).write(".git/config", b"x", GO)  # the policy asks for this one


@pytest.mark.parametrize(
    "path",
    [".git/hooks/pre-commit", ".git/config", ".GIT/Config", ".vscode/tasks.json", "a/.idea/x", ".envrc", "a/.git"],
)
def test_what_programs_of_the_user_obey_is_guarded_wherever_it_is(path: str) -> None:
    assert is_guarded(path.split("/"))


@pytest.mark.parametrize(
    "path", [".gitignore", ".git/index", "git/config", ".github/workflows/x.yml", "hooks/a", ".env"]
)
def test_other_names_are_not_guarded(path: str) -> None:
    assert not is_guarded(path.split("/"))


def test_what_is_there_is_mounted_over_and_what_appears_is_noticed(shop: Path) -> None:
    for path in (".git/hooks", ".git/modules/lib/hooks", ".vscode"):
        (shop / path).mkdir(parents=True)
    (shop / ".git" / "config").write_text("")
    (shop / ".envrc").symlink_to("src/main.py")
    found = [(guard.path, guard.writable) for guard in guards(str(shop))]
    assert found == [
        (".vscode", False),
        (".git", True),
        (".git/hooks", False),
        (".git/config", False),
        (".git/modules", True),
        (".git/modules/lib", True),
        (".git/modules/lib/hooks", False),
    ]
    before = unguarded(str(shop))
    assert changed(str(shop), before) == []
    (shop / ".idea").mkdir()
    (shop / ".envrc").unlink()
    (shop / ".envrc").write_text("evil")
    assert sorted(changed(str(shop), before)) == [".envrc", ".idea"]


def test_a_git_file_that_names_a_folder_elsewhere_is_guarded_whole(shop: Path) -> None:
    (shop / ".git").write_text("gitdir: /elsewhere")
    assert [(guard.path, guard.writable) for guard in guards(str(shop))] == [(".git", False)]
