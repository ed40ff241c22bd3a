"""Project folders: sessions work only in folders that the operator allows, never where the server's data or the system is."""

from pathlib import Path

import pytest

from agent.workspace.project_roots import ProjectFolders, ProjectRefused


@pytest.fixture
def folders(tmp_path: Path) -> ProjectFolders:
    (tmp_path / "home" / "shop" / "src").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "home" / "data" / "workspaces").mkdir(parents=True)
    return ProjectFolders([str(tmp_path / "home")], [tmp_path / "home" / "data"])


def refused(folders: ProjectFolders, cwd: str | Path) -> str:
    with pytest.raises(ProjectRefused) as error:
        folders.resolve(str(cwd))
    return str(error.value)


def test_a_folder_in_a_root_is_allowed_by_its_real_path(folders: ProjectFolders, tmp_path: Path) -> None:
    shop = tmp_path / "home" / "shop"
    assert folders.resolve(f"{shop}/src/..") == str(shop)
    (tmp_path / "link").symlink_to(shop)
    assert folders.resolve(str(tmp_path / "link")) == str(shop)


def test_what_is_outside_and_what_is_not_there_get_the_same_answer(folders: ProjectFolders, tmp_path: Path) -> None:
    outside = refused(folders, tmp_path / "elsewhere")
    assert outside == refused(folders, tmp_path / "missing") == refused(folders, tmp_path / "home" / "missing")
    (tmp_path / "home" / "out").symlink_to(tmp_path / "elsewhere")
    assert refused(folders, tmp_path / "home" / "out") == outside
    assert refused(folders, f"{tmp_path}/home/shop/../../elsewhere") == outside
    assert refused(folders, f"{tmp_path}/homestead") == outside


def test_the_servers_data_is_in_no_project_folder(folders: ProjectFolders, tmp_path: Path) -> None:
    for folder in ("home", "home/data", "home/data/workspaces"):
        assert "the server's own data" in refused(folders, tmp_path / folder)


def test_folders_of_the_system_are_no_project_folders(tmp_path: Path) -> None:
    folders = ProjectFolders(["/"], [Path("/srv/holdfast")])
    for folder in ("/usr", "/tmp", "/etc", "/proc/self", "/dev"):
        assert "of the system" in refused(folders, folder)


def test_a_path_that_is_not_absolute_or_no_folder_is_refused(folders: ProjectFolders, tmp_path: Path) -> None:
    for cwd in ("", "shop", "~/shop", "/a\0b", "/" + "a" * 5_000):
        assert "absolute" in refused(folders, cwd)
    (tmp_path / "home" / "file").write_text("")
    assert "no folder that the server may read" in refused(folders, tmp_path / "home" / "file")


def test_without_roots_or_with_commands_elsewhere_there_are_none(tmp_path: Path) -> None:
    assert "workspace.roots" in refused(ProjectFolders([], [tmp_path / "data"]), tmp_path)
    assert refused(ProjectFolders([str(tmp_path)], [tmp_path / "data"], "elsewhere"), tmp_path) == "elsewhere"


def test_a_folder_that_is_not_allowed_any_more_is_refused_later(folders: ProjectFolders, tmp_path: Path) -> None:
    shop = tmp_path / "home" / "shop"
    assert folders.refusal(str(shop)) == ""
    assert "cannot be used" in ProjectFolders([], [tmp_path / "home" / "data"]).refusal(str(shop))
    shop.rename(tmp_path / "home" / "moved")
    shop.symlink_to(tmp_path / "home" / "moved")
    assert "link" in folders.refusal(str(shop))
