"""Session snapshots: what their owner may store bounds them, and a disk that refuses gives a reason without paths."""

import errno
import os
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path

import pytest

from agent.sandbox import session_snapshots
from agent.sandbox.session_snapshots import LEFT_SHOWN_MAX, SessionSnapshots, SnapshotError
from agent.util.executors import Executors
from agent.util.places import Holder
from agent.workspace.disk_executor import DiskExecutor
from agent.workspace.files import SandboxError
from agent.workspace.settings import WorkspaceLimits
from agent.workspace.snapshots import SnapshotStore, SnapshotTaken
from agent.workspace.workspace import Workspace


class Room:
    """Room for `left` bytes."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.counts = 0

    @contextmanager
    def keeping(self, size: int) -> Iterator[None]:
        if size > self.left:
            raise SandboxError("you store too much")
        yield

    async def changed(self) -> None:
        self.counts += 1

    @asynccontextmanager
    async def reserved(self, most: int) -> AsyncIterator[int]:
        yield min(most, self.left)
        await self.changed()


class Place:
    """A session's workspace and its snapshots."""

    def __init__(self, folder: Path, executors: Executors, room: Room | None, store: type[SnapshotStore]) -> None:
        self.workspace = Workspace(folder / "files", WorkspaceLimits())
        self.root = self.workspace.root
        os.close(self.workspace.make_root())
        disk = DiskExecutor(executors.disk, Holder("ann", "one"))
        self.snapshots = SessionSnapshots(partial(store, folder / "store", self.workspace), self.workspace, disk, room)


@asynccontextmanager
async def place(
    folder: Path, room: Room | None = None, store: type[SnapshotStore] = SnapshotStore
) -> AsyncIterator[Place]:
    executors = Executors()
    try:
        yield Place(folder, executors, room, store)
    finally:
        await executors.aclose()


class RefusingStore(SnapshotStore):
    """A store on a disk that refuses all."""

    def take(self, snapshot_id: str, bytes_max: int, stop: threading.Event, keep: str = "") -> SnapshotTaken:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/a/path/of/the/server")


class HangingStore(SnapshotStore):
    """A store on a disk that does not answer until it is stopped."""

    def take(self, snapshot_id: str, bytes_max: int, stop: threading.Event, keep: str = "") -> SnapshotTaken:
        stop.wait()
        raise OSError(errno.EIO, "stopped")


async def test_a_file_for_which_there_is_no_room_is_left_out_of_the_snapshot(tmp_path: Path) -> None:
    room = Room(1_000)
    async with place(tmp_path, room) as one:
        (one.root / "small").write_bytes(bytes(100))
        (one.root / "large").write_bytes(bytes(5_000))
        taken = await one.snapshots.save("turn-1", "")
        assert (taken.files, taken.left_out, taken.kept) == (2, 1, ("turn-1",))
        assert room.counts == 1


async def test_a_restoration_for_which_there_is_no_room_is_refused(tmp_path: Path) -> None:
    room = Room(10_000)
    async with place(tmp_path, room) as one:
        (one.root / "file").write_bytes(bytes(5_000))
        await one.snapshots.save("turn-1", "")
        (one.root / "file").unlink()
        await one.snapshots.save("restore-2", "turn-1")
        room.left = 1_000
        with pytest.raises(SnapshotError, match="you store too much"):
            await one.snapshots.restore("turn-1", "restore-2")
        room.left = 5_000
        assert (await one.snapshots.restore("turn-1", "restore-2")).restored == 1


async def test_a_snapshot_that_is_gone_is_named_so(tmp_path: Path) -> None:
    async with place(tmp_path) as one:
        await one.snapshots.save("restore-2", "turn-1")
        with pytest.raises(SnapshotError, match="not there any more"):
            await one.snapshots.restore("turn-1", "restore-2")


async def test_paths_that_could_not_be_restored_are_counted_and_the_first_ones_named(tmp_path: Path) -> None:
    room = Room(100_000)
    async with place(tmp_path, room) as one:
        await one.snapshots.save("turn-1", "")
        for number in range(LEFT_SHOWN_MAX + 1):
            (one.root / f"new-{number:03d}\n").write_bytes(bytes(10))
        room.left = 0
        await one.snapshots.save("restore-2", "turn-1")
        done = await one.snapshots.restore("turn-1", "restore-2")
        assert (len(done.left), done.left_count, done.left[0]) == (LEFT_SHOWN_MAX, LEFT_SHOWN_MAX + 1, "new-000\\x0a")


async def test_a_disk_that_refuses_is_told_without_the_servers_paths(tmp_path: Path) -> None:
    async with place(tmp_path, store=RefusingStore) as one:
        with pytest.raises(SnapshotError, match=r"^the disk refused it: No space left on device$"):
            await one.snapshots.save("turn-1", "")


async def test_a_turn_does_not_wait_for_ever_for_a_disk_that_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_snapshots, "SAVE_TIMEOUT_S", 0.05)
    async with place(tmp_path, store=HangingStore) as one:
        with pytest.raises(SnapshotError, match="took longer"):
            await one.snapshots.save("turn-1", "")
