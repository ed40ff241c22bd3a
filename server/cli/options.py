"""Command-line options: what the commands share: exit codes, the options for config file and data folder, one way to fail."""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from server.config.settings import Settings

FAILURE, USAGE, INTERRUPTED = 1, 2, 130
"""Exit codes: the command failed; wrong usage or settings; stopped by Ctrl+C."""


def add_place(parser: argparse.ArgumentParser) -> None:
    """Add `--config` and `--data` to a command."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="config file (default: the shipped one)")
    parser.add_argument("--data", metavar="FOLDER", help="data folder (default: $HOLDFAST_DATA, else ./data)")


def settings_of(args: argparse.Namespace, options: dict[str, object] | None = None) -> "Settings":
    """The settings that `--config`, the environment, `--data` and `options` (dotted keys) give. Raises `SettingsError`."""
    from server.config.loader import load_settings, shipped_config

    options = {"journal.data": args.data, **(options or {})}
    given = {key: value for key, value in options.items() if value is not None}
    return load_settings(args.config or shipped_config(), os.environ, given)


def refuse_database(settings: "Settings", instead: str) -> int:
    """0 if the journal is in the data folder; else prints that the command reads no database and what to do, and returns its exit code."""
    if not settings.journal.url:
        return 0
    return fail(f"the journal is in PostgreSQL (journal.url), where this command does not look: {instead}", USAGE)


def fail(message: str, code: int) -> int:
    """Print an error for people on standard error; returns `code`."""
    print(f"holdfast: error: {message}", file=sys.stderr)
    return code
