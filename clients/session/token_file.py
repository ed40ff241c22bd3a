"""Token file: reads the token that a file holds, and says what to do where it holds none."""

import os
import stat
from pathlib import Path

MAX_FILE_BYTES = 16_384
REMEDY = "name the file that holds it with --token-file (a server makes `token` in its data folder)"


class NoToken(Exception):
    """The credentials that were named cannot be had; the message says why."""


def read_token(path: Path) -> str:
    """The token that the file holds. Raises `NoToken`, which says what to do."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(fd, "rb") as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise NoToken(f"{path} is no plain file; {REMEDY}")
            text = file.read(MAX_FILE_BYTES).decode("ascii", "replace").strip()
    except OSError as error:
        raise NoToken(f"no token can be read from {path}: {error.strerror}; {REMEDY}") from error
    if not text or not text.isascii() or len(text.split()) != 1:
        raise NoToken(f"{path} holds no token; {REMEDY}")
    return text
