"""Changes: a unified diff that `patch` applies, bounded in size and in the time that it takes."""

import shutil
import subprocess
from pathlib import Path

import pytest

from agent.tools.changes import PATCH_CHARS_MAX, file_change

LONG = "".join(f"line {number}\n" for number in range(400))
CASES = {
    "one line": ("a\nb\nc\n", "a\nB\nc\n", 2),
    "an insertion": ("a\nc\n", "a\nb\nc\n", 2),
    "a deletion": ("a\nb\nc\n", "a\nc\n", 2),
    "no last newline": ("a\nb", "a\nc", 2),
    "a newline at the end": ("a\nb", "a\nb\n", 2),
    "all of it": ("a\n", "b\nc\n", 1),
    "emptied": ("a\nb\n", "", 1),
    "filled": ("", "a\n", 1),
    "other line ends": ("a\rb\u2028c\n", "a\rb\u2028d\n", 1),
    "two places": (LONG, LONG.replace("line 3\n", "three\n").replace("line 390\n", "far\n"), 4),
    "too much to compare": (LONG, LONG.replace("line", "other"), 1),
}


@pytest.mark.skipif(shutil.which("patch") is None, reason="no `patch` on this machine")
@pytest.mark.parametrize("name", CASES)
def test_a_patch_makes_the_one_text_of_the_other(name: str, tmp_path: Path) -> None:
    before, after, line = CASES[name]
    change = file_change("file", before, after)
    assert (change.operation, change.line, change.cut) == ("modify", line, False)
    (tmp_path / "file").write_bytes(before.encode())
    command = ["patch", "-p0", "--binary", "--quiet", "file"]
    done = subprocess.run(command, cwd=tmp_path, input=change.patch.encode(), capture_output=True, check=False)
    assert done.returncode == 0, (done.stdout, change.patch)
    left = (tmp_path / "file").read_bytes() if (tmp_path / "file").exists() else b""
    assert left == after.encode()


def test_a_new_file_is_added_whole() -> None:
    change = file_change("/srv/shop/a.txt", None, "one\ntwo")
    assert (change.operation, change.line) == ("add", 1)
    assert change.patch == (
        "--- /dev/null\n+++ /srv/shop/a.txt\n@@ -0,0 +1,2 @@\n+one\n+two\n\\ No newline at end of file\n"
    )


def test_a_long_patch_is_cut_at_a_line_and_says_so() -> None:
    change = file_change("a", None, "x" * 100 + "\n" + "y\n" * PATCH_CHARS_MAX)
    assert change.cut and len(change.patch) <= PATCH_CHARS_MAX and change.patch.endswith("y\n")
    assert file_change("a", None, "x" * (PATCH_CHARS_MAX + 1)).patch == "--- /dev/null\n+++ a\n@@ -0,0 +1,1 @@\n"
