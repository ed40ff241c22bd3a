"""ACP agents: ours keeps its promises over kills; another one does what the document says of it."""

import random
import shlex
import sys
from pathlib import Path

import pytest

from clients.prove.acp.cases import CASES
from clients.prove.acp.player import play
from clients.prove.cases import Case, cases_named
from clients.prove.checker import check
from clients.prove.ground import NotPromised, Target
from clients.prove.model import ScriptedModel
from tests.faults.harness.lengths import few, fresh_seed, in_the_long_form
from tests.support.application import settings_for
from tests.support.forking.interpreter import holdfast
from tests.support.installed import node_modules
from tests.support.live import listening
from tests.support.node import node_command

OURS = [*holdfast(), "acp", "--url"]
QWEN, QWEN_VERSION = "@qwen-code/qwen-code", "0.15.10"
SDK, SDK_VERSION = "@agentclientprotocol/sdk", "1.9.0"
FORGETFUL = """
import json, sys
def send(**message):
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)
for line in sys.stdin:
    message = json.loads(line)
    if message["method"] == "initialize":
        send(id=message["id"], result={"protocolVersion": 1, "agentCapabilities": {}})
    elif message["method"] == "session/new":
        send(id=message["id"], result={"sessionId": "s"})
    elif message["method"] == "session/prompt":
        said = {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": "Yes."}}
        send(method="session/update", params={"sessionId": "s", "update": said})
        send(id=message["id"], result={"stopReason": "end_turn"})
"""
"""An agent that keeps no sessions."""


@pytest.mark.parametrize("case", few(CASES, 9), ids=lambda one: one.name)
@pytest.mark.timeout(300)
async def test_our_agent_keeps_its_promises(case: Case, tmp_path: Path) -> None:
    seed = fresh_seed()
    print(f"HOLDFAST_FAULTS_SEED={seed}")
    async with ScriptedModel().running() as model:
        async with listening(settings_for(tmp_path, model)) as live:
            agent = shlex.join([*OURS, live.http])
            assert check(await play(Target(url=agent), case.make(random.Random(seed)))) == []


@in_the_long_form
@pytest.mark.timeout(300)
async def test_qwen_code_keeps_no_answer_that_a_kill_cuts_short() -> None:
    (case,) = cases_named(["killed_in_a_turn"], CASES)
    program = node_modules({QWEN: QWEN_VERSION}) / QWEN / "cli.js"
    agent = shlex.join([node_command(), str(program), "--acp", "--auth-type", "openai"])
    found = check(await play(Target(url=agent), case.make(random.Random(1))))
    assert "torn" in {one.kind for one in found}, found


async def test_an_agent_that_loads_no_sessions_is_tried_without_that(tmp_path: Path) -> None:
    agent = tmp_path / "agent.py"
    agent.write_text(FORGETFUL)
    target = Target(url=shlex.join([sys.executable, str(agent)]))
    with pytest.raises(NotPromised, match="cannot load sessions"):
        await play(target, CASES[0].make(random.Random(1)))
    for name in ("cancelled", "prompts_in_order"):
        (case,) = cases_named([name], CASES)
        assert check(await play(target, case.make(random.Random(1)))) == []


@in_the_long_form
@pytest.mark.timeout(300)
async def test_the_sdks_example_agent_gives_calls_the_same_ids_in_each_prompt() -> None:
    (case,) = cases_named(["prompts_in_order"], CASES)
    program = node_modules({SDK: SDK_VERSION, "zod": "4.1.12"}) / SDK / "dist" / "examples" / "agent.js"
    agent = shlex.join([node_command(), str(program)])
    found = check(await play(Target(url=agent), case.make(random.Random(1))))
    assert {one.kind for one in found} == {"ran_twice"}, found
