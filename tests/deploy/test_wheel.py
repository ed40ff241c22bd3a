"""The wheel: it is built, installed into an empty environment, and works in an empty folder as the checkout does."""

import asyncio
import contextlib
import gzip
import json
import os
import re
import subprocess
import tarfile
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from protocol import SUBPROTOCOL_JSON
from protocol.submissions import UserInput
from server.http.web import asset_paths
from tests.faults.harness.lengths import in_the_long_form
from tests.support import wheel
from tests.support.live import DONE, Client
from tests.support.paths import ROOT
from tests.unit.clients.web import LIBRARY, WEB
from tests.unit.clients.web.test_page_files import first_load

WAIT_S = 60.0
pytestmark = pytest.mark.timeout(180)


class Installed:
    """An environment that holds the wheel, and an empty folder to work in."""

    def __init__(self, file: Path, folder: Path) -> None:
        self.file = file
        self._bin = wheel.install(file, folder / "environment")
        self.folder = folder / "empty"
        self.folder.mkdir()
        self._environ = {"PATH": f"{self._bin}{os.pathsep}{os.environ['PATH']}", "HOME": str(self.folder), "PORT": "0"}

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the environment in the empty folder, until it ends."""
        program, *arguments = command
        return subprocess.run(
            [self._bin / program, *arguments],
            cwd=self.folder,
            env=self._environ,
            capture_output=True,
            text=True,
            timeout=WAIT_S,
            check=False,
        )

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """`holdfast serve` without options; the address that it prints for a browser, with a login code."""
        process = await asyncio.create_subprocess_exec(
            *(self._bin / "holdfast", "serve"),
            cwd=self.folder,
            env=self._environ,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            assert process.stdout is not None and process.stderr is not None
            text = b""
            while b"#token=" not in text:
                line = await asyncio.wait_for(process.stdout.readline(), WAIT_S)
                assert line, (await process.stderr.read()).decode()
                text += line
            yield re.findall(r"Open: (\S+)", text.decode())[0]
        finally:
            if process.returncode is None:
                process.terminate()
            _, errors = await asyncio.wait_for(process.communicate(), WAIT_S)
            assert b"Traceback" not in errors, errors.decode()


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wheel.copy_sources(tmp_path_factory.mktemp("sources"))


@pytest.fixture(scope="module")
def installed(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("wheel")
    return Installed(wheel.build("wheel", sources, folder), folder)


def package_files() -> Iterator[str]:
    """Every file of the packages in the checkout, as a wheel names it."""
    for package in wheel.packages():
        for path in (ROOT / package).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path.relative_to(ROOT).as_posix()


def test_the_wheel_holds_every_file_of_the_packages_and_no_other(installed: Installed) -> None:
    assert wheel.names(installed.file) == set(package_files())


@in_the_long_form
def test_a_wheel_built_from_the_sdist_holds_the_same(installed: Installed, sources: Path, tmp_path: Path) -> None:
    with tarfile.open(wheel.build("sdist", sources, tmp_path / "sdist")) as archive:
        archive.extractall(tmp_path, filter="data")
    (unpacked,) = (path for path in tmp_path.iterdir() if (path / "pyproject.toml").exists())
    assert wheel.names(wheel.build("wheel", unpacked, tmp_path / "wheel")) == wheel.names(installed.file)


async def test_an_installed_server_talks_and_shows_the_page_in_an_empty_folder(installed: Installed) -> None:
    async with installed.serving() as address:
        origin, _, code = address.partition("/#token=")
        await asyncio.to_thread(log_in, origin, code)
        await talk(origin, (installed.folder / "data" / "token").read_text().strip())
        await asyncio.to_thread(load_page, origin)
    assert {path.name for path in installed.folder.iterdir()} == {"data"}


def log_in(origin: str, code: str) -> None:
    """Use the code of the printed link as the page does."""
    body = json.dumps({"token": code}).encode()
    request = urllib.request.Request(f"{origin}/auth/local", body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=WAIT_S) as response:
        assert response.headers["set-cookie"] and json.load(response)["key"]


async def talk(origin: str, token: str) -> None:
    given: dict[str, Any] = {"additional_headers": {"Authorization": f"Bearer {token}"}, "proxy": None}
    url = origin.replace("http://", "ws://") + "/ws"
    async with connect(url, subprotocols=[Subprotocol(SUBPROTOCOL_JSON)], **given) as socket:
        client = Client(socket)
        await client.synced()
        assert client.ready.demo
        await client.send(UserInput(text="hello"))
        assert "demo model" in (await client.until_type(*DONE)).final_response


def load_page(origin: str) -> None:
    """Load the page and every file that it may ask for, the modules of its first load among them."""
    assert re.sub(rb'\?v=[0-9a-f]{16}"', b'"', fetch(f"{origin}/")) == (WEB / "index.html").read_bytes().replace(
        b'"/static/', b'"./static/'
    )
    files = asset_paths(WEB, LIBRARY)
    assert first_load() < set(files.values())
    for name, path in files.items():
        content = path.read_bytes()
        assert fetch(f"{origin}/static/{name}") == (gzip.decompress(content) if path.suffix == ".gz" else content), path


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=WAIT_S) as response:
        body: bytes = response.read()
    return body


def test_the_commands_of_an_installed_package_work_in_an_empty_folder(installed: Installed) -> None:
    modules = "import agent, clients, configs, protocol, server; print(*(m.__file__ for m in (agent, clients, configs, protocol, server)))"
    files = installed.run("python", "-I", "-c", modules).stdout.split()
    assert len(files) == 5 and not any(Path(file).is_relative_to(ROOT) for file in files), files
    doctor = installed.run("holdfast", "doctor")
    assert (doctor.returncode, doctor.stderr) == (0, ""), doctor.stdout
    assert re.search(r"^ok +config ", doctor.stdout, re.MULTILINE), doctor.stdout
    assert "--session" in installed.run("holdfast", "chat", "--help").stdout
    assert "$defs" in json.loads(installed.run("holdfast", "schema").stdout)


def test_generated_files_are_written_in_a_checkout_alone(installed: Installed) -> None:
    for option in ("--write", "--check"):
        done = installed.run("holdfast", "schema", option)
        assert (done.returncode, done.stdout) == (1, "")
        assert "need a checkout of Holdfast" in done.stderr
