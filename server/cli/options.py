"""Command-line options: what the commands share: exit codes, the options for config file and data folder, one way to fail."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from server.config.settings import Settings

FAILURE, USAGE, INTERRUPTED = 1, 2, 130
"""Exit codes: the command failed; wrong usage or settings; stopped by Ctrl+C."""


def add_place(parser: argparse.ArgumentParser) -> None:
    """Add `--config` and `--data` to a command."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="config file (default: the shipped one)")
    add_data(parser, "data folder (default: $HOLDFAST_DATA, else ./data)")


def add_data(parser: argparse.ArgumentParser, text: str) -> None:
    """Add `--data`, described by `text`, and `--own` instead of it."""
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--data", metavar="FOLDER", help=text)
    place.add_argument(
        "--own",
        action="store_true",
        help="your own server, the one that editors start: data in $XDG_DATA_HOME/holdfast",
    )


def settings_of(args: argparse.Namespace, options: dict[str, object] | None = None) -> "Settings":
    """The settings that `--config`, the environment, `--data` or `--own` and `options` (dotted keys) give. Raises `SettingsError`."""
    from protocol.runtime_file import user_config_file, user_data_folder
    from server.config.loader import load_settings, shipped_config

    options = {"journal.data": args.data, **(options or {})}
    config = args.config
    if args.own:
        options["journal.data"] = str(user_data_folder(os.environ))
        own = user_config_file(os.environ)
        config = config or (own if own.exists() else None)
    given = {key: value for key, value in options.items() if value is not None}
    return load_settings(config or shipped_config(), os.environ, given)


def refuse_database(settings: "Settings", instead: str) -> int:
    """0 if the journal is in the data folder; else prints that the command reads no database and what to do, and returns its exit code."""
    if not settings.journal.url:
        return 0
    return fail(f"the journal is in PostgreSQL (journal.url), where this command does not look: {instead}", USAGE)


def told(error: Exception) -> str:
    """What an error says to people; of the system's errors the file and the reason."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{os.fsdecode(error.filename)}: {error.strerror}"
    return str(error)


def print_table(lines: Sequence[Sequence[str]]) -> None:
    """Print lines of cells, each column as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def fail(message: str, code: int) -> int:
    """Print an error for people on standard error; returns `code`."""
    print(f"holdfast: error: {message}", file=sys.stderr)
    return code
