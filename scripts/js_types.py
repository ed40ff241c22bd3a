"""JavaScript types: makes clients/js/types, the declarations of the npm package, of the comments in clients/js/src.

    python scripts/js_types.py                    write the files
    python scripts/js_types.py --check            compare them with what would be written

TypeScript is the one that the tests pin, in tests/unit/clients/web; the libraries of the adapters are in tests/support/npm/packages.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TYPES = ROOT / "clients" / "js" / "types"
TESTS = ROOT / "tests" / "unit" / "clients"
TSC = TESTS / "web" / "node_modules" / ".bin" / "tsc"


def main() -> int:
    """Write or check; the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        command: list[str | Path] = [TSC, "-p", TESTS / "js" / "tsconfig.json", "--noEmit", "false", "--outDir", folder]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            print(
                f"js_types: error: tsc failed (`make test` installs it):\n{done.stdout}{done.stderr}", file=sys.stderr
            )
            return 1
        made = files_of(Path(folder))
    there = files_of(TYPES)
    if sys.argv[1:] == ["--check"]:
        wrong = sorted(str(name) for name in made.keys() | there.keys() if made.get(name) != there.get(name))
        if wrong:
            print(f"js_types: error: out of date: {', '.join(wrong)}; run scripts/js_types.py", file=sys.stderr)
        return int(bool(wrong))
    for name in there.keys() - made.keys():
        (TYPES / name).unlink()
    for name, content in made.items():
        (TYPES / name).parent.mkdir(parents=True, exist_ok=True)
        (TYPES / name).write_bytes(content)
    return 0


def files_of(folder: Path) -> dict[Path, bytes]:
    """The content of every file below the folder."""
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


if __name__ == "__main__":
    sys.exit(main())
