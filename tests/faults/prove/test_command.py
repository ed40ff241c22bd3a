"""Command `holdfast prove` with `--command`: it starts, kills and restarts the installed server, and writes its reports."""

import random
import shlex
import sys
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from clients.prove.cases import CASES, cases_named
from clients.prove.checker import check
from clients.prove.ground import Target
from clients.prove.model import MODEL, ScriptedModel
from clients.prove.player import play
from clients.prove.program import Program
from clients.prove.steps import Answer, Kill, Say
from clients.prove.trace import Done
from server.cli.main import main
from tests.faults.harness.lengths import few, fresh_seed, in_the_long_form
from tests.support.network.ports import free_port

START = f"{shlex.quote(sys.executable)} -m server --no-token --port {{port}} --data {{data}} --model {{model}}"
LAST_FIRST = [case.name for case in reversed(CASES) if case.needs_command and case.name != "data_put_back"]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", few([*LAST_FIRST, "data_put_back"], 99))
def test_the_product_keeps_its_promises_when_it_is_killed_and_held(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = fresh_seed()
    url = f"http://127.0.0.1:{free_port()}"
    reports = {kind: tmp_path / f"report.{kind}" for kind in ("json", "junit", "html")}
    written = [word for kind, path in reports.items() for word in (f"--{kind}", str(path))]
    options = ["--only", name, "--seed", str(seed), "--record", str(tmp_path), *written]
    code = main(["prove", url, "--command", START, *options])
    output = capsys.readouterr()
    assert code == 0, output.out + output.err
    assert f"{name}: seed {seed}" in output.err
    assert msgspec.json.decode(reports["json"].read_bytes())["results"][0]["failure"] is None
    assert all(path.stat().st_size for path in [*reports.values(), tmp_path / f"{name}.json"])


@in_the_long_form
@pytest.mark.timeout(600)
async def test_no_part_of_the_conversation_has_more_appends_than_the_server_is_killed_at(tmp_path: Path) -> None:
    (case,) = cases_named(["killed_at_each_append"])
    steps = case.make(random.Random(fresh_seed()))
    url = f"http://127.0.0.1:{free_port()}"
    async with ScriptedModel().running() as model:
        environ = {"HOLDFAST_API_BASE": model.api_base, "HOSTED_VLLM_API_KEY": "none"}
        program = Program(START.replace("{model}", f"hosted_vllm/{MODEL}"), url, tmp_path, environ)
        await program.start()
        try:
            trace = await play(Target(url=url, program=program), steps)
        finally:
            await program.aclose()
    assert check(trace) == []
    parts = [
        "approved" if isinstance(before, Answer) else "text" if "hello" in before.text else "asks"
        for before, step in pairwise(steps)
        if isinstance(step, Kill) and isinstance(before, Answer | Say)
    ]
    ends = [entry.what for entry in trace if isinstance(entry, Done)]
    killed = {part for part, end in zip(parts, ends, strict=True) if end.startswith("the server was killed")}
    beyond = {part for part, end in zip(parts, ends, strict=True) if end.startswith("fewer than")}
    assert killed == beyond == {"text", "asks", "approved"}
