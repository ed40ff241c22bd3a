"""The systemd units: systemd takes them, and a server on a socket held by another process serves on it over a restart."""

import asyncio
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
import websockets

from server.config.loader import shipped_config
from server.config.server import ServerSettings
from server.journal.nodes.settings import NodesSettings
from tests.support.network.ports import free_port
from tests.support.paths import ROOT
from tests.unit.server.cli.test_main import OWN, WAIT_S, environment

UNITS = ROOT / "deploy" / "systemd"
needs = pytest.mark.skipif


@needs(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    for unit in UNITS.iterdir():
        # It wants to see the program, which is not at its place here.
        text = re.sub(r"/opt/holdfast/\.venv/bin/holdfast", "/bin/true", unit.read_text())
        (tmp_path / unit.name).write_text(text)
    found = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, sorted(tmp_path.iterdir()))],
        capture_output=True,
        text=True,
        check=False,
    )
    warnings = [line for line in found.stderr.splitlines() if "holdfast" in line]
    assert (found.returncode, warnings) == (0, []), found.stderr


def test_the_unit_stop_timeout_is_longer_than_the_servers_stop() -> None:
    text = (UNITS / "holdfast.service").read_text()
    assert stop_timeout(text) > ServerSettings().graceful_shutdown_s and "--fd 3" in text and "KillMode=mixed" in text
    several = (UNITS / "holdfast@.service").read_text()
    assert stop_timeout(several) > ServerSettings().graceful_shutdown_s + NodesSettings().drain_s


def stop_timeout(unit: str) -> int:
    (seconds,) = re.findall(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)
    return int(seconds)


@pytest.mark.parametrize("name", ["holdfast.service", "holdfast@.service"])
def test_the_units_forbid_nothing_that_a_commands_sandbox_is_made_of(name: str) -> None:
    told = set(re.findall(r"^(\w+)=", (UNITS / name).read_text(), re.MULTILINE))
    made_of = {
        "ProtectHostname",
        "RestrictNamespaces",
        "ProtectKernelTunables",
        "ProtectProc",
        "ProcSubset",
        "SystemCallFilter",
    }
    assert not told & made_of


def test_the_unit_of_several_servers_sets_what_they_need_and_is_otherwise_that_of_one() -> None:
    one, several = ((UNITS / name).read_text() for name in ("holdfast.service", "holdfast@.service"))
    settings = dict(
        word.split("=", 1) for line in re.findall(r"^Environment=(.*)$", several, re.MULTILINE) for word in line.split()
    )
    assert settings["HOLDFAST_SEVERAL_NODES"] == "true" and settings["HOLDFAST_WORKSPACES"] == "shared"
    assert "%i" in settings["HOLDFAST_DATA"] and "%i" not in settings["HOLDFAST_SHARED_FOLDER"]
    known = set(re.findall(r"\$\{(\w+)", shipped_config().read_text()))
    assert {name for name in settings if name.startswith("HOLDFAST_")} <= known
    ends = [
        text[text.index("Restart=always") : text.index("# One user" if text is several else "# A user")]
        for text in (one, several)
    ]
    limits = [text[text.index("# What it may not do") :] for text in (one, several)]
    ends = [re.sub(r"TimeoutStopSec=\d+", "TimeoutStopSec=", end) for end in ends]
    assert ends[0] == ends[1] and limits[0] == limits[1]


@needs(shutil.which("systemd-socket-activate") is None, reason="systemd-socket-activate is not installed")
async def test_a_server_serves_on_the_socket_that_systemd_holds(tmp_path: Path) -> None:
    port = free_port()
    variables = [f"-E{name}={value}" for name, value in environment(HOLDFAST_DATA=str(tmp_path)).items()]
    process = await asyncio.create_subprocess_exec(
        "systemd-socket-activate",
        f"--listen=127.0.0.1:{port}",
        *variables,
        *(*OWN, "--fd", "3", "--no-token"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(HOLDFAST_DATA=str(tmp_path)),
    )
    try:
        assert process.stderr is not None
        while b"Listening" not in (line := await asyncio.wait_for(process.stderr.readline(), WAIT_S)):
            assert line, "systemd-socket-activate ended"
        # It starts the server with the first connection, which waits until the server takes it.
        async with websockets.connect(f"ws://127.0.0.1:{port}/ws", open_timeout=WAIT_S) as client:
            assert '"type":"ready"' in str(await asyncio.wait_for(client.recv(), WAIT_S))
            os.kill(process.pid, signal.SIGTERM)  # it has become the server
            await asyncio.wait_for(client.wait_closed(), WAIT_S)
            assert client.close_code == 1001
        assert await asyncio.wait_for(process.wait(), WAIT_S) == 0
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
