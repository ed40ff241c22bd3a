"""Shared keys: where several servers share a database, the keys in their data folders follow from `auth.secret`, so that a share
link, a sandbox or the local token of one is good at all.
"""

import hmac
import logging
import secrets
from base64 import urlsafe_b64encode
from hashlib import sha256
from pathlib import Path
from typing import Final

from server.auth import share_links
from server.auth.backends import local
from server.util.private_files import read_private, write_private

log = logging.getLogger("holdfast.auth")

OTHERS: Final = ("sandbox.key", "log.salt")
"""Files of 32 bytes that other packages read."""

MAX_BYTES: Final = 1_024


def derive(secret: str, name: str) -> bytes:
    """32 bytes for the file of this name. One says nothing of another, nor of the secret."""
    return hmac.digest(secret.encode(), f"holdfast {name}".encode(), sha256)


def write_keys(folder: Path, secret: str) -> None:
    """Write the keys into the data folder, in place of others that are there. Raises `PrivateFileError`."""
    token = urlsafe_b64encode(derive(secret, local.FILE)).rstrip(b"=") + b"\n"
    wanted = {name: derive(secret, name) for name in (share_links.FILE, *OTHERS)} | {local.FILE: token}
    for name, data in wanted.items():
        path = folder / name
        there = path.exists()
        if there and secrets.compare_digest(read_private(path, MAX_BYTES), data):
            continue
        write_private(path, data)
        if there:
            log.warning(
                "%s was replaced by the key that follows from auth.secret: what was made with the old one ends", path
            )
