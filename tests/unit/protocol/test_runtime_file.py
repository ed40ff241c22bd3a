"""Runtime file: names a server while it runs, and nothing once its process has ended, or if others could have written it."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from protocol.runtime_file import NAME, RuntimeFile, ServerPlace, read_runtime_file, user_config_file, user_data_folder


def place(folder: Path, **changes: object) -> ServerPlace:
    given = {
        "url": "http://127.0.0.1:7860",
        "token_file": f"{folder}/token",
        "pid": os.getpid(),
        "server": "holdfast/1",
    }
    return ServerPlace(**{**given, **changes})  # type: ignore[arg-type]


def test_it_names_the_server_until_that_stops(tmp_path: Path) -> None:
    assert read_runtime_file(tmp_path) is None
    file = RuntimeFile(tmp_path, place(tmp_path))
    assert read_runtime_file(tmp_path) == place(tmp_path)
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600
    file.remove()
    assert read_runtime_file(tmp_path) is None


def test_a_file_that_a_stopping_server_removes_meanwhile_is_made_again(tmp_path: Path) -> None:
    stopping = RuntimeFile(tmp_path, place(tmp_path))
    started: list[RuntimeFile] = []
    thread = threading.Thread(
        target=lambda: started.append(RuntimeFile(tmp_path, place(tmp_path, url="http://127.0.0.1:2")))
    )
    thread.start()
    stopping.remove()
    thread.join()
    read = read_runtime_file(tmp_path)
    assert read is not None
    assert read.url == "http://127.0.0.1:2"
    started[0].remove()


def test_what_a_killed_server_left_names_no_server_and_is_written_anew(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib, os; from protocol.runtime_file import *; folder = pathlib.Path(sys.argv[1]);"
        "RuntimeFile(folder, ServerPlace(url='http://127.0.0.1:1', token_file=None, pid=1, server='x' * 300)); os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == 9
    assert (tmp_path / NAME).exists()
    assert read_runtime_file(tmp_path) is None
    file = RuntimeFile(tmp_path, place(tmp_path))
    assert read_runtime_file(tmp_path) == place(tmp_path)
    file.remove()


def test_a_file_that_others_could_write_or_that_names_a_foreign_token_is_not_believed(tmp_path: Path) -> None:
    file = RuntimeFile(tmp_path, place(tmp_path))
    (tmp_path / NAME).chmod(0o622)
    assert read_runtime_file(tmp_path) is None
    file.remove()
    file = RuntimeFile(tmp_path, place(tmp_path, token_file="/srv/ann/.ssh/id_rsa"))
    assert read_runtime_file(tmp_path) is None
    file.remove()
    file = RuntimeFile(tmp_path, place(tmp_path, token_file=None))
    assert read_runtime_file(tmp_path) == place(tmp_path, token_file=None)
    (tmp_path / NAME).write_text("{")
    assert read_runtime_file(tmp_path) is None
    file.remove()
    (tmp_path / NAME).symlink_to(tmp_path / "other")
    assert read_runtime_file(tmp_path) is None
    with pytest.raises(OSError, match="symbolic"):
        RuntimeFile(tmp_path, place(tmp_path))


def test_the_folders_are_those_of_the_xdg_specification() -> None:
    assert user_data_folder({"HOME": "/srv/ann"}) == Path("/srv/ann/.local/share/holdfast")
    assert user_data_folder({"HOME": "/srv/ann", "XDG_DATA_HOME": "/opt/x"}) == Path("/opt/x/holdfast")
    assert user_data_folder({"HOME": "/srv/ann", "XDG_DATA_HOME": "x"}) == Path("/srv/ann/.local/share/holdfast")
    assert user_config_file({"HOME": "/srv/ann"}) == Path("/srv/ann/.config/holdfast/config.json")
