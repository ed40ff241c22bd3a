"""Shared checks: what servers on one database have in common beside it, their folder of files and `auth.secret`."""

import tempfile
from pathlib import Path

from server.auth.shared_keys import is_theirs
from server.config.settings import Settings
from server.doctor.finding import Finding, fail, ok, warn
from server.journal.backend import open_credentials
from server.journal.base import JournalError
from server.journal.nodes.listing import NodeSeen
from server.journal.nodes.shared_folder import SharedFolder

FILES, SECRET = "shared files", "shared secret"


def files(folder: Path, seen: list[NodeSeen]) -> Finding:
    """Whether this user can use the folder of sessions' files, and it is the one that the servers which run see. Leaves nothing behind."""
    if not folder.exists():
        return ok(FILES, f"{folder} is not there; the first start makes it")
    try:
        with tempfile.TemporaryDirectory(dir=folder) as made:
            before, after = Path(made, "before"), Path(made, "after")
            before.write_bytes(b"")
            before.chmod(0o600)
            before.rename(after)
    except OSError as error:
        advice = (
            f"give it to the server's user: `chown -R USER {folder}`. Where an export maps root to another user, run the server as a user "
            "that is no root"
        )
        return fail(FILES, f"{folder}: no file can be made, protected and renamed there: {error.strerror}", advice)
    living = {node.number: node.name for node in seen if node.state in ("alive", "draining")}
    missing = SharedFolder(folder).missing(living)
    if missing:
        advice = "name one folder that all servers see in workspace.shared_folder (HOLDFAST_SHARED_FOLDER)"
        return fail(FILES, f"{folder} is not the folder that {living[missing[0]]} sees", advice)
    return ok(FILES, f"{folder} can be written" + (", and is the one that the others see" if living else ""))


def secret(settings: Settings) -> list[Finding]:
    """Whether `auth.secret` is that of the servers that share the database, which has the tables of this version."""
    try:
        with open_credentials(settings.journal) as table:
            same = is_theirs(table, settings.auth.secret)
    except JournalError as error:
        return [fail(SECRET, str(error), "mend it: the server does not start without it")]
    if same is not False:
        return [
            ok(SECRET, "auth.secret is that of the servers on this database" if same else "no server has kept one yet")
        ]
    advice = (
        "give all servers the same HOLDFAST_SECRET. To change it stop all of them: links to sessions, and what logins keep of a provider, "
        "are then over"
    )
    return [
        warn(
            SECRET,
            "auth.secret is not that of the servers on this database: beside one that runs no other starts",
            advice,
        )
    ]
