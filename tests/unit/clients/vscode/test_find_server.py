"""Finding the server: the extension finds its user's own by the file that it holds, and no other, and logs a browser in there; run by Node.js, on real files and locks."""

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from protocol.runtime_file import RuntimeFile, ServerPlace
from server.auth.login_codes import LoginCodes
from tests.support.node import node_command
from tests.support.paths import ROOT

EXTENSION = ROOT / "clients/vscode"
FIND = "console.log(JSON.stringify(require(process.argv[1]).findServer(JSON.parse(process.argv[2]), process.env)))"
CODES = "for (const token of ['secret', 'hft_a', 'hf_a', null]) console.log(require(process.argv[1]).loginCode(token))"
OWN = {"url": "", "tokenFile": ""}


def found(home: Path, settings: dict[str, str] = OWN) -> object:
    """What the extension finds, with this folder as the user's for data."""
    command = [node_command(), "-e", FIND, str(EXTENSION / "server.js"), json.dumps(settings)]
    done = subprocess.run(
        command, env={**os.environ, "XDG_DATA_HOME": str(home)}, check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "holdfast"
    made.mkdir()
    (made / "token").write_text("secret\n")
    return made


def place(folder: Path, token_file: Path | None) -> ServerPlace:
    token = None if token_file is None else str(token_file)
    return ServerPlace(url="http://127.0.0.1:7860", token_file=token, pid=os.getpid(), server="holdfast")


def test_a_server_that_runs_is_found_with_its_token_and_one_that_has_ended_is_not(folder: Path) -> None:
    assert found(folder.parent) is None
    held = RuntimeFile(folder, place(folder, folder / "token"))
    assert found(folder.parent) == {"url": "http://127.0.0.1:7860", "token": "secret"}
    left = (folder / "server.json").read_bytes()
    held.remove()
    (folder / "server.json").write_bytes(left)  # as after a crash
    assert found(folder.parent) is None


def test_a_file_that_others_could_have_written_or_that_names_another_token_is_not_used(folder: Path) -> None:
    held = RuntimeFile(folder, place(folder, folder / "token"))
    (folder / "server.json").chmod(0o622)
    assert found(folder.parent) is None
    held.remove()
    other = RuntimeFile(folder, place(folder, folder.parent / "passwords"))
    assert found(folder.parent) is None
    other.remove()


def test_the_settings_name_another_server(folder: Path) -> None:
    settings = {"url": "https://box.example/", "tokenFile": str(folder / "token")}
    assert found(folder.parent, settings) == {"url": "https://box.example", "token": "secret"}


def test_the_extension_is_small() -> None:
    files = [*EXTENSION.glob("*.js"), *EXTENSION.glob("*.mjs"), *EXTENSION.glob("view/*.js")]
    assert sum(len(path.read_text().splitlines()) for path in files) <= 400
    assert "enabledApiProposals" not in json.loads((EXTENSION / "package.json").read_text())


def test_a_browser_is_logged_in_by_a_code_that_works_once_and_never_by_a_token() -> None:
    began = time.time()
    done = subprocess.run(
        [node_command(), "-e", CODES, str(EXTENSION / "server.js")], check=True, capture_output=True, text=True
    )
    code, *none = done.stdout.splitlines()
    assert none == ["", "", ""]
    codes = LoginCodes(began)
    assert codes.use(code, "secret", time.time())
    assert not codes.use(code, "secret", time.time())
