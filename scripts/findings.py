"""Findings: runs the scripts in findings/ one after another, and prints a table. Exit code 1: one of them saw something else.

Each installs pinned public packages in a temporary folder, so it needs the registries, and a minute or two in all.
"""

import re
import subprocess
import sys
import time
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "findings"
SECONDS_MAX = 300.0


def subject_of(script: Path) -> str:
    """What a script says in its first comment, up to the colon."""
    found = re.match(r"#!.*\n# (.+?): ", script.read_text())
    return found[1] if found else "?"


def run(script: Path) -> bool:
    """Run it; its output is shown only if it fails."""
    try:
        done = subprocess.run(
            ["bash", script], capture_output=True, text=True, check=False, timeout=SECONDS_MAX, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        print(f"{script.name}: it did not end in {SECONDS_MAX:g} s", file=sys.stderr)
        return False
    if done.returncode:
        print(done.stdout + done.stderr, file=sys.stderr)
    return done.returncode == 0


def main() -> int:
    """All scripts whose name contains one of the arguments; all if there are none."""
    scripts = [
        one for one in sorted(FOLDER.glob("*.sh")) if not sys.argv[1:] or any(a in one.name for a in sys.argv[1:])
    ]
    failed = 0
    width = max((len(one.stem) for one in scripts), default=0)
    for script in scripts:
        began = time.monotonic()
        seen = run(script)
        failed += not seen
        row = f"{'as seen' if seen else 'CHANGED':<8}{script.stem:<{width}}  {time.monotonic() - began:5.1f} s  {subject_of(script)}"
        print(row, flush=True)
    print(f"{len(scripts) - failed} as seen, {failed} changed")
    return 1 if failed or not scripts else 0


if __name__ == "__main__":
    sys.exit(main())
