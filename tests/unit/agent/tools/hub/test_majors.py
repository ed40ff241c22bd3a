"""The Hub's tools on the other major version of huggingface_hub: their tests are run with it, in the long form."""

import os
import subprocess
import sys

import huggingface_hub
import pytest

from tests.faults.harness.lengths import in_the_long_form
from tests.support.installed import files_of
from tests.support.paths import ROOT

OTHER = {"1": "huggingface_hub==2.4.0", "2": "huggingface_hub==1.33.0"}
"""By the major version that is installed: pyproject.toml allows both."""

TESTS = ("tests/unit/agent/tools/hub", "tests/support/hub", "tests/unit/agent/sandbox/test_remote.py")


@in_the_long_form
@pytest.mark.timeout(1_800)
def test_the_tests_of_the_hub_pass_on_the_other_major_version() -> None:
    other = OTHER[huggingface_hub.__version__.partition(".")[0]]
    environment = {**os.environ, "PYTHONPATH": str(files_of(other)), "HOLDFAST_FAULTS": ""}
    version = "import huggingface_hub; print(huggingface_hub.__version__)"
    used = subprocess.run([sys.executable, "-c", version], env=environment, capture_output=True, text=True, check=True)
    assert used.stdout.strip() == other.partition("==")[2]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS]
    ran = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout[-5_000:]
