"""Left files: removes files of deleted sessions that servers on one database share, where the server that deleted them was cut short."""

import asyncio
import logging
from functools import partial
from pathlib import Path

from agent.util.executors import WorkExecutor
from agent.util.places import SERVER, PlacesTaken
from agent.util.tasks import TaskOwner
from server.journal.base import JournalError
from server.journal.nodes.base import Nodes
from server.sessions.workspaces import remove_workspace, stored_sessions

log = logging.getLogger("holdfast.retention")

EVERY_S = 600.0
AT_ONCE = 500
"""Sessions that are asked for in one statement."""


class LeftFiles:
    """Looks for such files every `EVERY_S`, at the first server. `folder`: where sessions' files are. `disk`: threads."""

    def __init__(self, nodes: Nodes, folder: Path, disk: WorkExecutor) -> None:
        self._nodes = nodes
        self._folder = folder
        self._disk = disk
        self._tasks = TaskOwner("left files")

    def start(self) -> None:
        """Start the task."""
        self._tasks.start(self._run(), "look")

    async def aclose(self) -> None:
        """Stop."""
        await self._tasks.aclose()

    async def sweep(self) -> int:
        """Look once; of how many sessions files were removed. Only of those that are known to be deleted: another folder, or an
        older database, costs nothing. Raises `JournalError`, `PlacesTaken`, `OSError`.
        """
        found = await self._disk.run(partial(stored_sessions, self._folder), SERVER)
        removed = 0
        for at in range(0, len(found), AT_ONCE):
            for session_id in await self._nodes.deleted(found[at : at + AT_ONCE]):
                await self._disk.run(partial(remove_workspace, self._folder, session_id), SERVER)
                removed += 1
        if removed:
            log.info("files of %d deleted sessions were removed", removed)
        return removed

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            if not self._nodes.is_first:
                continue
            try:
                await self.sweep()
            except (JournalError, PlacesTaken, OSError) as error:
                log.warning("files of deleted sessions could not be looked for; it is tried again: %s", error)
