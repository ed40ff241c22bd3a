"""Credentials of a person at a terminal: given, from the environment, or from the data folder of a server on this machine."""

import argparse
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from clients.session.address import base_address, is_loopback

TOKEN_VARIABLE = "HOLDFAST_TOKEN"
DATA_VARIABLE = "HOLDFAST_DATA"
DEFAULT_DATA = "./data"
FILE = "token"
MAX_FILE_BYTES = 16_384


class NoToken(Exception):
    """The credentials that were named cannot be had; the message says why."""


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
        return _read(token_file)
    if environ.get(TOKEN_VARIABLE):
        return environ[TOKEN_VARIABLE].strip()
    if not is_loopback(base_address(url)):
        return None
    path = (data or Path(environ.get(DATA_VARIABLE) or DEFAULT_DATA)).expanduser() / FILE
    return _read(path) if path.exists() or data is not None else None


def _read(path: Path) -> str:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(fd, "rb") as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise NoToken(f"{path} is no plain file")
            text = file.read(MAX_FILE_BYTES).decode("ascii", "replace").strip()
    except OSError as error:
        raise NoToken(f"no token can be read from {path}: {error.strerror}") from error
    if not text or not text.isascii() or len(text.split()) != 1:
        raise NoToken(f"{path} holds no token")
    return text
