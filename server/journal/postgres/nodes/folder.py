"""Folder check: refuses a folder of sessions' files that is not the one the other nodes see, before a node begins."""

import time

from server.journal.nodes.shared_folder import SharedFolder
from server.journal.postgres import membership
from server.journal.postgres.errors import CannotStart
from server.journal.postgres.nodes.beat import Beat

SEEN_S, SEEN_AGAIN_S = 3.0, 0.1
"""How long another node's file may take to be seen here: network file systems remember for a while what is not there."""


def look_at(files: SharedFolder, beat: Beat) -> None:
    """Refuse a folder that is not the one the others see. Blocking; after `beat.join`. Raises `CannotStart`, `Unavailable`, psycopg.Error.

    One whose beat is late, as after an outage of the database, has the time of two beats to show that it lives.
    """
    began = time.monotonic()
    while True:
        assert beat.link is not None, "it has joined"
        with beat.link as connection:
            others = {one.number: one.name for one in membership.others(connection, beat.number)}
            late = [one.number for one in membership.late(connection, beat.number)]
        missing, waited_s = files.missing(others), time.monotonic() - began
        if not missing and (waited_s >= max(SEEN_S, 2 * beat.lease.beat_s) or not files.missing(late)):
            return files.forget(beat.number, [*others, *late])
        if missing and waited_s >= SEEN_S:
            raise CannotStart(
                f"{files.path} is not the folder that {others[missing[0]]} sees: name one folder that all servers see in "
                "workspace.shared_folder (HOLDFAST_SHARED_FOLDER)"
            )
        time.sleep(SEEN_AGAIN_S)
