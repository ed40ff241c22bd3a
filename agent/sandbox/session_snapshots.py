"""Session snapshots: saves and restores the files of one session in threads, within what its owner may store."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext
from functools import partial
from typing import Protocol

import msgspec

from agent.sandbox.local.limits import WorkspaceQuota
from agent.util.errors import ToolError
from agent.workspace.disk_executor import DiskExecutor
from agent.workspace.files import SandboxError
from agent.workspace.paths import as_text
from agent.workspace.snapshots import SnapshotLost, SnapshotStore, SnapshotTaken
from agent.workspace.workspace import Workspace

SAVE_TIMEOUT_S = 60.0
"""How long a turn waits for a snapshot. A full workspace of the default size takes a few seconds on a slow disk."""

LEFT_SHOWN_MAX = 50
"""Paths that are named when they could not be restored; the others are counted."""


class SnapshotRoom(Protocol):
    """What the owner of a session may still store, as snapshots need it."""

    def keeping(self, size: int) -> AbstractContextManager[None]:
        """Keep room for `size` more bytes while the block writes them. Raises SandboxError."""

    async def changed(self) -> None:
        """The session's files have changed, or may have. Never raises."""

    def reserved(self, most: int) -> AbstractAsyncContextManager[int]:
        """Keep room for up to `most` more bytes while the block writes them; gives how many."""


class SnapshotError(ToolError):
    """A snapshot could not be taken or restored; the message is for people."""


class RestoredFiles(msgspec.Struct, frozen=True):
    """What was restored. `left`: paths that are not as they were, the first `LEFT_SHOWN_MAX` of `left_count`."""

    restored: int
    removed: int
    left: tuple[str, ...]
    left_count: int


class SessionSnapshots:
    """The snapshots of one session. `open_store`: gives where they are, at the first use; `room`: what may be stored; None:
    nothing is counted."""

    __slots__ = ("_disk", "_open_store", "_opened", "_room", "_workspace")

    def __init__(
        self,
        open_store: Callable[[], SnapshotStore],
        workspace: Workspace,
        disk: DiskExecutor,
        room: SnapshotRoom | None = None,
    ) -> None:
        self._open_store = open_store
        self._opened: SnapshotStore | None = None
        self._workspace = workspace
        self._disk = disk
        self._room = room

    @property
    def _store(self) -> SnapshotStore:
        if self._opened is None:
            self._opened = self._open_store()
        return self._opened

    async def save(self, snapshot_id: str, keep: str) -> SnapshotTaken:
        """Save what the files are now. `keep`: the snapshot that is not dropped to make room. Raises SnapshotError."""
        try:
            async with asyncio.timeout(SAVE_TIMEOUT_S):
                return await self._save(snapshot_id, keep)
        except TimeoutError as error:
            raise SnapshotError(f"that took longer than {SAVE_TIMEOUT_S:g} s") from error
        except OSError as error:
            raise SnapshotError(f"the disk refused it: {error.strerror}") from error

    async def _save(self, snapshot_id: str, keep: str) -> SnapshotTaken:
        def take(room: int, stop: threading.Event) -> SnapshotTaken:
            return self._store.take(snapshot_id, self._store.stored_bytes() + room, stop, keep)

        limits = self._workspace.limits
        if self._room is None:
            return await self._disk.run(lambda stop: take(limits.total_bytes_max, stop), walks=True)
        size = (await self._disk.walk(WorkspaceQuota(self._workspace.root, limits).used)).size
        async with self._room.reserved(size) as room:
            return await self._disk.run(lambda stop: take(room, stop), walks=True)

    async def restore(self, snapshot_id: str, present_id: str) -> RestoredFiles:
        """Make the files as they were in `snapshot_id`. `present_id`: the snapshot of what they are now. Raises SnapshotError."""
        try:
            return await self._restore(snapshot_id, present_id)
        except SnapshotLost as error:
            raise SnapshotError("the snapshot is not there any more") from error
        except OSError as error:
            raise SnapshotError(f"the disk refused it: {error.strerror}") from error

    async def _restore(self, snapshot_id: str, present_id: str) -> RestoredFiles:
        growth = await self._disk.run(lambda _: self._store.growth(snapshot_id, present_id))
        carry_out = partial(self._carry_out, snapshot_id, present_id)
        if self._room is None:
            return await self._disk.run(carry_out, walks=True)
        try:
            with self._room.keeping(growth) if growth > 0 else nullcontext():
                return await self._disk.run(carry_out, walks=True)
        except SandboxError as error:
            raise SnapshotError(str(error)) from error
        finally:
            await self._room.changed()

    def _carry_out(self, snapshot_id: str, present_id: str, stop: threading.Event) -> RestoredFiles:
        done = self._store.restore(snapshot_id, present_id, stop)
        left = tuple(as_text(path.decode("utf-8", "surrogateescape")) for path in done.left[:LEFT_SHOWN_MAX])
        return RestoredFiles(done.restored, done.removed, left, len(done.left))
