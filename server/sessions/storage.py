"""Storage account: room for what a user's files take, events and workspaces together, reserved before it is written."""

import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path

from agent.util.executors import WorkExecutor
from agent.util.places import Holder, PlacesTaken
from agent.workspace.files import SandboxError
from agent.workspace.settings import WorkspaceLimits
from server.journal.base import Deleted, Journal, JournalError, NotFound, SessionRow, Unavailable
from server.journal.errors import StorageFull
from server.sessions.quotas import Quotas
from server.sessions.workspaces import stored_files
from server.util.disk_room import DiskRoom

log = logging.getLogger("holdfast.storage")


SNAPSHOTS_PART = 2
"""A snapshot takes at most this part of what its owner may still store: a half."""


class StorageAccount:
    """What the files of all sessions take. `folder`: where they are; `disk`: threads in which files are counted."""

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
        with suppress(Deleted, NotFound):
            await self._quotas.refresh(row.user_id, partial(self._journal.files_measured, row.session_id, size))

    def for_session(self, row: SessionRow) -> "SessionStorage":
        """The account as a session's sandbox uses it."""
        return SessionStorage(self, self._quotas, self._room, row)


class SessionGrowth:
    """The growth of one session's files. Its commands share a workspace, so each of them sees what all of them add: the most counts."""

    __slots__ = ("_counted", "_ended", "_quotas", "_running", "_user_id")

    def __init__(self, quotas: Quotas, user_id: str) -> None:
        self._quotas = quotas
        self._user_id = user_id
        self._running: dict[object, int] = {}
        self._ended = 0
        self._counted = 0

    @contextmanager
    def command(self) -> Iterator[Callable[[int], str]]:
        """A command runs in this block. Gives a function: it takes by how many bytes the workspace has grown since the command's
        start, and returns why the command must end, or nothing. What it added goes on to count until `measured`."""
        key = object()

        def grow(size: int) -> str:
            self._running[key] = max(0, size)
            grown, why = self._count()
            return why if grown > 0 else ""

        try:
            yield grow
        finally:
            self._ended = max(self._ended, self._running.pop(key, 0))

    def measured(self) -> None:
        """The files were counted, with what the commands that have ended added."""
        self._ended = 0
        self._count()

    def _count(self) -> tuple[int, str]:
        """Count the growth of now; by how much it is more than before, and why that is too much for the owner."""
        grown = max([self._ended, *self._running.values()]) - self._counted
        why = self._quotas.full_for(self._user_id, grown) if grown > 0 else ""
        self._counted += grown
        self._quotas.hold(self._user_id, grown)
        return grown, why


class SessionStorage:
    """One session's part of the account; see `agent.sandbox.session_snapshots.SnapshotRoom`."""

    __slots__ = ("_account", "_growth", "_quotas", "_room", "_row")

    def __init__(self, account: StorageAccount, quotas: Quotas, room: DiskRoom, row: SessionRow) -> None:
        self._account = account
        self._quotas = quotas
        self._room = room
        self._row = row
        self._growth = SessionGrowth(quotas, row.user_id)

    @contextmanager
    def keeping(self, size: int) -> Iterator[None]:
        """Keep room for `size` more bytes, checked and taken in one step, while the block writes them. Raises `SandboxError`."""
        with ExitStack() as kept:
            try:
                kept.enter_context(self._account.reserve(self._row.user_id, size))
            except StorageFull:
                raise SandboxError(self._quotas.full_for(self._row.user_id, size)) from None
            except Unavailable as error:
                raise SandboxError(str(error)) from None
            yield

    @asynccontextmanager
    async def writing(self, size: int) -> AsyncIterator[None]:
        """As `keeping`; then count the files."""
        with self.keeping(size):
            yield
            await self.changed()

    def growing(self) -> AbstractContextManager[Callable[[int], str]]:
        """While the block runs a command, count what it adds; see `SessionGrowth.command`. Then the files must be counted."""
        return self._growth.command()

    @asynccontextmanager
    async def reserved(self, most: int) -> AsyncIterator[int]:
        """Keep room for `most` more bytes while the block writes; then count the files anew. Gives how many there are.

        They are at most a part of what the owner may still store, and of what the disk has: snapshots leave room for files and events.
        """
        room = min(most, self._quotas.left_for(self._row.user_id) // SNAPSHOTS_PART, self._room.left())
        with ExitStack() as kept:
            kept.callback(self._quotas.reserve(self._row.user_id, room) if room else int)
            kept.callback(self._room.hold(room))
            try:
                yield room
            finally:
                await self.changed()

    async def changed(self) -> None:
        """Count the files anew: a tool has changed some. What fails is logged, and made up for by the next count."""
        try:
            await self._account.measure(self._row)
        except (JournalError, PlacesTaken, OSError) as error:
            log.warning("session %s: its files were not counted: %s", self._row.session_id, error)
        finally:
            self._growth.measured()
