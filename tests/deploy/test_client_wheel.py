"""The distribution `holdfast-client`: it is built, installed with its two dependencies alone, and talks to a server as its README says."""

import asyncio
import os
import re
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

import pytest

from server import __version__
from tests.docs.documents import examples
from tests.faults.harness.lengths import in_the_long_form
from tests.support import wheel
from tests.support.application import ASKS_TO_WRITE, settings_for
from tests.support.live import listening
from tests.support.models.first_call import first_call
from tests.support.models.scripted_model import Call, ScriptedModel, calls, text
from tests.support.paths import ROOT

pytestmark = pytest.mark.timeout(180)
DISTRIBUTION = ROOT / "clients" / "python"
BUILD = "import sys; sys.path.insert(0, '.'); import backend; print(getattr(backend, sys.argv[1])(sys.argv[2]))"
IMPORT_ALL = """
import importlib, pkgutil, sys
import holdfast_client
for module in pkgutil.walk_packages(holdfast_client.__path__, "holdfast_client."):
    importlib.import_module(module.name)
print(holdfast_client.__version__, len(holdfast_client.__all__))
print(*{name.partition(".")[0] for name in sys.modules} - sys.stdlib_module_names)
"""


def build(kind: str, sources: Path, target: Path) -> Path:
    """Build as pip does without build isolation; the file."""
    target.mkdir(exist_ok=True)
    command = [sys.executable, "-B", "-c", BUILD, f"build_{kind}", str(target)]
    done = subprocess.run(command, cwd=sources, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target / done.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    before = set(DISTRIBUTION.rglob("*"))
    made = build("wheel", DISTRIBUTION, tmp_path_factory.mktemp("wheel"))
    assert set(DISTRIBUTION.rglob("*")) == before, "the build left files in the checkout"
    return made


@pytest.fixture(scope="module")
def python(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that holds the wheel, msgspec and websockets, and nothing else."""
    folder = tmp_path_factory.mktemp("client") / "environment"
    found = wheel.install(built, folder)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / wheel.PATH_FILE).unlink()
    for name in ("msgspec", "websockets"):
        (site / name).symlink_to(wheel.DEPENDENCIES / name)
    return found / "python"


async def run(python: Path, program: str, **environ: str) -> str:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *(python, "-I", "-c", program), env={**os.environ, **environ}, stdout=pipe, stderr=pipe
    )
    output, errors = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, errors.decode()
    return output.decode()


async def test_every_module_needs_msgspec_and_websockets_alone(python: Path) -> None:
    first, packages = (await run(python, IMPORT_ALL)).splitlines()
    version, names = first.split()
    assert version == __version__ and int(names) > 10
    assert {name for name in packages.split() if not name.startswith(("_", "sitecustomize"))} == {
        "holdfast_client",
        "msgspec",
        "websockets",
    }


async def test_the_example_of_the_readme_talks_to_a_server(python: Path, tmp_path: Path) -> None:
    (example,) = examples("clients/python/README.md", "python")
    script = [calls(Call("write", {"path": "a.txt", "content": "x"}, id="c1")), text("It is written.")]
    await first_call()
    async with ScriptedModel(script) as model:
        settings = settings_for(tmp_path, model, auth={"local_token": True}, policy=ASKS_TO_WRITE)
        async with listening(settings) as live:
            token = (tmp_path / "token").read_text().strip()
            output = await run(python, example.text, HOLDFAST_URL=live.http, HOLDFAST_TOKEN=token)
    shown = r"It is written\.\n4 messages in \w{32}, allowed: \['write'\]\nIt is written\.\n"
    assert re.fullmatch(shown, output), output


def test_it_shares_no_file_with_the_server_and_holds_all_that_is_not_left_out(built: Path) -> None:
    files = wheel.names(built)
    assert {name.partition("/")[0] for name in files} == {"holdfast_client"}
    assert "holdfast_client" not in wheel.packages()
    sources = {path.name for path in (ROOT / "clients" / "session").glob("*.py")}
    assert sources - {Path(name).name for name in files} == {"library.py", "own_server.py", "token_file.py"}
    assert {"holdfast_client/py.typed", "holdfast_client/protocol/codec.py"} <= files


def test_it_needs_what_the_server_has_in_the_same_ranges() -> None:
    server, client = (
        tomllib.loads((folder / "pyproject.toml").read_text())["project"] for folder in (ROOT, DISTRIBUTION)
    )
    assert set(client["dependencies"]) < set(server["dependencies"])
    assert client["requires-python"] == server["requires-python"]


@in_the_long_form
def test_a_wheel_built_from_the_sdist_holds_the_same(built: Path, tmp_path: Path) -> None:
    with tarfile.open(build("sdist", DISTRIBUTION, tmp_path / "sdist")) as archive:
        archive.extractall(tmp_path, filter="data")
    (unpacked,) = tmp_path.glob("holdfast_client-*")
    assert wheel.names(build("wheel", unpacked, tmp_path / "wheel")) == wheel.names(built)
