"""Command `holdfast prove` with `--command`: it starts, kills and restarts the installed server, and writes its reports."""

import shlex
import sys
from pathlib import Path

import msgspec
import pytest

from clients.prove.cases import CASES
from server.cli.main import main
from tests.faults.harness.lengths import few, fresh_seed
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
