"""Forking of workers: a fork is an interpreter of its own, with its streams, folder and environment; rewritten tests are pytest's."""

import subprocess
import sys
from pathlib import Path

import pytest
from _pytest.assertion import rewrite

from tests.support.forking import requests, worker
from tests.support.forking.starting import rewrite_all


@pytest.mark.skipif(requests.address is None, reason="this worker is no fork")
def test_a_fork_has_its_own_environment_folder_and_streams_and_has_imported_before(tmp_path: Path) -> None:
    program = "import os, sys; print(os.environ['ONE'], 'HOME' in os.environ, os.getcwd(), sys.stdin.readline(), 'litellm' in sys.modules)"
    command = [sys.executable, "-I", "-S", worker.__file__, str(requests.address), "-u", "-c", program]
    asked = subprocess.run(
        command, env={"ONE": "1"}, cwd=tmp_path, input="a line", capture_output=True, text=True, check=True, timeout=60
    )
    assert asked.stdout == f"1 False {tmp_path} a line True\n"


def test_pytest_finds_what_was_rewritten_before(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    path = tmp_path / "test_one.py"
    path.write_text("def test_one():\n    assert 1 == 2\n")
    rewrite_all(request.config, [path])
    code = rewrite._read_pyc(path, rewrite.get_cache_dir(path) / f"test_one{rewrite.PYC_TAIL}")
    assert code is not None
    assert "@pytest_ar" in code.co_names, "the name by which rewritten asserts find pytest"
