"""Long form: `make faults` runs every test that has one."""

import re

from tests.support.paths import ROOT


def test_make_faults_runs_each_file_that_has_a_long_form() -> None:
    makefile = (ROOT / "Makefile").read_text().replace("\\\n", "")
    named = re.search(r"^FAULTS := (.*)$", makefile, re.MULTILINE)
    assert named, "the Makefile has no FAULTS"
    run = [ROOT / name for name in named[1].split()]
    missing = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "tests").rglob("test_*.py")
        if re.search(r"^from tests\.faults\.harness\.lengths import", path.read_text(), re.MULTILINE)
        and not any(path.is_relative_to(folder) for folder in run)
    ]
    assert not missing, f"FAULTS in the Makefile leaves out the long form of {missing}"
