"""Command line: `python -m benchmarks [NAME ...] [--write]`, or `compare REF`. The exit status is 1 if a bound is passed or a figure fails."""

import argparse
import asyncio
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

import uvloop

from benchmarks import compare, machine
from benchmarks.figures import FIGURES
from benchmarks.table import Row, keep, markdown, told

KEPT = Path(__file__).parent / "README.md"


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, keep."""
    argv = sys.argv[1:] if argv is None else argv
    if argv[:1] == ["compare"]:
        return compare.main(argv[1:])
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure what the server costs, beside the least that it could cost.",
        epilog="`python -m benchmarks compare REF` measures this checkout beside another commit: see its --help.",
    )
    parser.add_argument(
        "names", metavar="NAME", nargs="*", help=f"figures to measure (default: all): {', '.join(FIGURES)}"
    )
    parser.add_argument("--write", action="store_true", help="keep the table of a whole run in benchmarks/README.md")
    parser.add_argument(
        "--ahead", action="store_true", help="at real-time priority, on a machine that is busy; needs root"
    )
    args = parser.parse_args(argv)
    unknown = [name for name in args.names if name not in FIGURES]
    if unknown:
        parser.error(f"no such figure: {', '.join(unknown)}; there are: {', '.join(FIGURES)}")
    if args.write and args.names:
        parser.error("--write keeps whole runs only: leave the names out")
    if args.ahead:
        machine.go_ahead()
    described = machine.describe()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        rows = runner.run(measure(args.names or list(FIGURES)))
    table = markdown(rows)
    print(table)
    if args.write and any(row.fault for row in rows):
        print("not kept: a figure failed", file=sys.stderr)
    elif args.write:
        keep(KEPT, f"{described}\n\n{table}")
    return 1 if any(row.fails for row in rows) else 0


async def measure(names: Sequence[str]) -> list[Row]:
    """These figures, one after another; prints the name of each on standard error. One that fails is a row that says so."""
    rows: list[Row] = []
    for name in names:
        began = time.monotonic()
        print(f"{name} ...", end=" ", file=sys.stderr, flush=True)
        try:
            rows += await FIGURES[name]()
        except Exception as error:  # noqa: BLE001  # whatever it is, the others are measured
            traceback.print_exc()
            rows.append(Row(figure=name, fault=told(error)))
        print(f"{time.monotonic() - began:.0f} s", file=sys.stderr)
    return rows


if __name__ == "__main__":
    sys.exit(main())
