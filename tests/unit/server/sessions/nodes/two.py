"""Two servers: on one database, in the test's own event loop."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal

import msgspec
import psycopg

from server.config.settings import Settings
from server.journal.nodes.settings import NodesSettings
from server.journal.postgres.nodes.nodes import PostgresNodes
from tests.support.application import settings_for, with_journal
from tests.support.live import Live, listening
from tests.support.models.scripted_model import ScriptedModel
from tests.support.postgres.elsewhere import SECRET


def node(folder: Path, database: str, name: str, settings: Settings, lease_s: float = 30.0) -> Settings:
    """These settings, for one of several servers. `folder`: of the files that they share."""
    settings = with_journal(settings, database)
    auth = settings.auth if settings.auth.secret else msgspec.structs.replace(settings.auth, secret=SECRET)
    nodes = NodesSettings(several=True, lease_s=lease_s, name=name)
    files = msgspec.structs.replace(settings.workspace, place="shared", shared_folder=str(folder / "files"))
    return msgspec.structs.replace(settings, nodes=nodes, auth=auth, workspace=files)


@contextlib.asynccontextmanager
async def two(
    folder: Path,
    database: str,
    model: ScriptedModel | None = None,
    lease_s: float = 30.0,
    *,
    notify: Literal["on", "off"] = "on",
    **groups: Any,
) -> AsyncIterator[tuple[Live, Live]]:
    """Two servers on one database, which know of each other, named `a` and `b`. `groups`: as of `settings_for`."""
    async with contextlib.AsyncExitStack() as ends:
        made: list[Live] = []
        for name in ("a", "b"):
            settings = node(folder, database, name, settings_for(folder / name, model, **groups), lease_s)
            journal = msgspec.structs.replace(settings.journal, notify=notify)
            settings = msgspec.structs.replace(settings, journal=journal)
            made.append(await ends.enter_async_context(listening(settings)))
        for live in made:
            known = live.manager.registry.services.nodes
            assert isinstance(known, PostgresNodes)
            known.living = 2  # as the next beat would find
        yield made[0], made[1]


async def rows(database: str) -> int:
    """How many submissions wait for another server."""
    with psycopg.connect(database) as connection:
        found = connection.execute("SELECT count(*) FROM inbox").fetchone()
    assert found is not None
    return int(found[0])
