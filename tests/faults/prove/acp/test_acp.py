"""ACP agents: ours keeps its promises over kills; another one does what the document says of it."""

import random
import shlex
import sys
from pathlib import Path

import pytest

from clients.prove.acp.cases import CASES
from clients.prove.acp.player import play
from clients.prove.attendee import Refusal
from clients.prove.cases import Case, cases_named
from clients.prove.checker import check
from clients.prove.ground import Target
from clients.prove.model import ScriptedModel
from tests.faults.harness.lengths import few, fresh_seed, in_the_long_form
from tests.support.application import settings_for
from tests.support.installed import node_modules
from tests.support.live import listening
from tests.support.node import node_command

OURS = [sys.executable, "-c", "import sys; from server.cli.main import main; sys.exit(main())", "acp", "--url"]
QWEN, QWEN_VERSION = "@qwen-code/qwen-code", "0.15.10"


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


async def test_an_agent_that_loads_no_sessions_is_refused() -> None:
    answer = '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1,"agentCapabilities":{}}}'
    agent = shlex.join([sys.executable, "-c", f"input(); print({answer!r}, flush=True); input()"])
    with pytest.raises(BaseExceptionGroup) as raised:
        await play(Target(url=agent), CASES[0].make(random.Random(1)))
    assert raised.group_contains(Refusal, match="cannot load sessions")
