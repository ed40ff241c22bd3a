"""Storage account: room for what a user's files take, events and workspaces together, reserved before it is written."""

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path

from agent.util.executors import WorkExecutor
from agent.util.places import Holder, PlacesTaken
from agent.workspace.files import SandboxError
from agent.workspace.settings import WorkspaceLimits
from server.journal.base import Deleted, Journal, JournalError, NotFound, SessionRow, StorageFull, Unavailable
from server.sessions.quotas import Quotas
from server.sessions.workspaces import stored_files
from server.util.disk_room import DiskRoom

log = logging.getLogger("holdfast.storage")


SNAPSHOTS_PART = 2
"""A snapshot takes at most this part of what its owner may still store: a half."""


class StorageAccount:
    """What the files of all sessions take. `folder`: the data folder; `disk`: threads in which files are counted."""

    def __init__(
        self,
        journal: Journal,
        quotas: Quotas,
        room: DiskRoom,
        folder: Path,
        limits: WorkspaceLimits,
        disk: WorkExecutor,
    ) -> None:
        self._journal = journal
        self._quotas = quotas
        self._room = room
        self._folder = folder
        self._limits = limits
        self._disk = disk

    @asynccontextmanager
    async def writing(self, row: SessionRow, size: int) -> AsyncIterator[None]:
        """Keep room for `size` more bytes of the session's files while the block writes them; then count the files anew.

        Raises `StorageFull`, `Unavailable`, `PlacesTaken`.
        """
        await self._quotas.known(row.user_id)
        with self.reserve(row.user_id, size):
            yield
            await self.measure(row)

    @contextmanager
    def reserve(self, user_id: str, size: int) -> Iterator[None]:
        """Keep room for `size` more bytes of this user, of their bound and of the disk, checked and taken in one step.

        Raises `StorageFull`, `Unavailable`.
        """
        if why := self._room.refusal(events=False, size=size):
            raise Unavailable(why)
        with ExitStack() as kept:
            kept.callback(self._quotas.reserve(user_id, size))
            kept.callback(self._room.hold(size))
            yield

    async def measure(self, row: SessionRow) -> None:
        """Count the session's files and store the sum. Raises `Unavailable`, `PlacesTaken`, `OSError`."""
        count = partial(stored_files, self._folder, row.session_id, self._limits)
        size = await self._disk.run(count, Holder(row.user_id, row.session_id))
        try:
            await self._journal.files_measured(row.session_id, size)
        except (Deleted, NotFound):
            return
        await self._quotas.refresh(row.user_id)

    def for_session(self, row: SessionRow) -> "SessionStorage":
        """The account as a session's sandbox uses it."""
        return SessionStorage(self, self._quotas, self._room, row)


class SessionStorage:
    """One session's part of the account; see `agent.sandbox.session_snapshots.SnapshotRoom`."""

    def __init__(self, account: StorageAccount, quotas: Quotas, room: DiskRoom, row: SessionRow) -> None:
        self._account = account
        self._quotas = quotas
        self._room = room
        self._row = row

    def refusal(self, size: int) -> str:
        """Why `size` more bytes may not be written; empty if they may."""
        return self._quotas.full_for(self._row.user_id, size) or self._room.refusal(events=False, size=size)

    @asynccontextmanager
    async def writing(self, size: int) -> AsyncIterator[None]:
        """Keep room for `size` more bytes, checked and taken in one step, while the block writes them; then count the files.

        Raises `SandboxError`.
        """
        with ExitStack() as kept:
            try:
                kept.enter_context(self._account.reserve(self._row.user_id, size))
            except StorageFull:
                raise SandboxError(self._quotas.full_for(self._row.user_id, size)) from None
            except Unavailable as error:
                raise SandboxError(str(error)) from None
            yield
            await self.changed()

    @asynccontextmanager
    async def reserved(self, most: int) -> AsyncIterator[int]:
        """Keep room for `most` more bytes while the block writes; then count the files anew. Gives how many there are.

        They are at most a part of what the owner may still store: snapshots leave room for files and events.
        """
        left = 0 if self._room.refusal(events=False) else self._quotas.left_for(self._row.user_id)
        room = min(most, left // SNAPSHOTS_PART)
        give_back = self._quotas.reserve(self._row.user_id, room) if room else None
        try:
            yield room
        finally:
            await self.changed()
            if give_back is not None:
                give_back()

    async def changed(self) -> None:
        """Count the files anew: a tool has changed some. What fails is logged, and made up for by the next count."""
        try:
            await self._account.measure(self._row)
        except (JournalError, PlacesTaken, OSError) as error:
            log.warning("session %s: its files were not counted: %s", self._row.session_id, error)
