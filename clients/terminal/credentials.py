"""Credentials of a person at a terminal: given, from the environment, or from the data folder of a server on this machine."""

import argparse
from collections.abc import Mapping
from pathlib import Path

from clients.session.address import base_address, is_loopback
from clients.session.token_file import read_token

TOKEN_VARIABLE = "HOLDFAST_TOKEN"
DATA_VARIABLE = "HOLDFAST_DATA"
DEFAULT_DATA = "./data"
FILE = "token"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that say where the token is."""
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="read the token from this file")
    parser.add_argument(
        "--data",
        type=Path,
        metavar="FOLDER",
        help=f"data folder of a server on this machine, where its token is (default: ${DATA_VARIABLE}, else ./data)",
    )


def find_token(url: str, token_file: Path | None, data: Path | None, environ: Mapping[str, str]) -> str | None:
    """The token for the server at `url`: from `token_file`, $HOLDFAST_TOKEN or the file `token` of the data folder.

    The last one belongs to a server on this machine, and goes to no other. None: there is none. Raises `NoToken`.
    """
    if token_file is not None:
        return read_token(token_file)
    if environ.get(TOKEN_VARIABLE):
        return environ[TOKEN_VARIABLE].strip()
    if not is_loopback(base_address(url)):
        return None
    path = (data or Path(environ.get(DATA_VARIABLE) or DEFAULT_DATA)).expanduser() / FILE
    return read_token(path) if path.exists() or data is not None else None
