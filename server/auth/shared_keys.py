"""Shared keys: where several servers share a database, the keys in their data folders follow from `auth.secret`, so that a share
link, a sandbox or the local token of one is good at all.
"""

import asyncio
import hmac
import logging
import secrets
import time
from base64 import urlsafe_b64encode
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from server.auth import share_links
from server.auth.backends import local
from server.journal.base import Unavailable
from server.journal.credentials import Credential, CredentialRows, CredentialTable
from server.journal.nodes.base import Nodes
from server.util.private_files import read_private, write_private

log = logging.getLogger("holdfast.auth")

OTHERS: Final = ("sandbox.key", "log.salt")
"""Files of 32 bytes that other packages read."""

CHECK: Final = "check"
"""The row by which servers see that they have the same secret."""

MAX_BYTES: Final = 1_024

RUNNING: Final = ("alive", "draining")

NAMED_MAX: Final = 3
"""Servers that a message names."""

LOOK_S: Final = 0.1
"""Pause between two looks at servers whose beat is late."""


def derive(secret: str, name: str) -> bytes:
    """32 bytes for the file of this name. One says nothing of another, nor of the secret."""
    return hmac.digest(secret.encode(), f"holdfast {name}".encode(), sha256)


async def check_secret(rows: CredentialRows, nodes: Nodes, secret: str) -> None:
    """Refuse a secret that the other servers do not have. While no other one runs it may be changed.

    Raises `JournalError`.
    """
    now = time.time()
    mine = derive(secret, CHECK)
    row = Credential(kind="secret", id=CHECK, hash=mine, user_id="", created_at=now, expires_at=None, data=b"")
    if await rows.add(row):
        return
    present = await rows.get("secret", CHECK)
    if present is not None and secrets.compare_digest(present.hash, mine):
        return
    others = await _running(nodes)
    if present is None or others:
        raise Unavailable(
            "auth.secret (HOLDFAST_SECRET) is not that of the other servers on this database "
            f"({', '.join(others[:NAMED_MAX])}): give all the same, or stop them first to change it"
        )
    if not await rows.replace(msgspec.structs.replace(row, version=present.version)):
        raise Unavailable("another server changes auth.secret (HOLDFAST_SECRET) at the same time: start again")
    log.warning(
        "auth.secret is another one than before: links to sessions, and what logins keep of a provider, are over"
    )


async def _running(nodes: Nodes) -> list[str]:
    """The names of the other servers that run. Waits until one whose beat is late has beaten again, as after an outage of the database,
    or is declared dead, a lease later at most. Raises `JournalError`.
    """
    while True:
        others = [one for one in await nodes.everybody() if one.number != nodes.number]
        running = [one.name for one in others if one.state in RUNNING]
        if running or all(one.state == "dead" for one in others):
            return running
        await asyncio.sleep(LOOK_S)


def is_theirs(table: CredentialTable, secret: str) -> bool | None:
    """Whether this is the secret of the servers that shared the database; None if none did. Blocking. Raises `JournalError`."""
    present = next((row for row in table.all("secret") if row.id == CHECK), None)
    return None if present is None else secrets.compare_digest(present.hash, derive(secret, CHECK))


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
