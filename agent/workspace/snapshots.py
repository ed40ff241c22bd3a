"""Snapshot store: keeps what a session's workspace held before turns, within bounds, and restores it. Blocking.

The store is a folder of the session, outside of the workspace: `objects/` has each content once, named by its digest;
`NUMBER-ID.manifest` says what a snapshot held. A manifest is written last, so a snapshot is whole or not there. Where nothing
has changed since the newest snapshot, the next one is another name of its manifest.
"""

import logging
import os
import re
import secrets
import stat
import threading
from contextlib import suppress
from pathlib import Path

import msgspec

from agent.workspace import paths, restoring, scanning
from agent.workspace.dirfd import closing
from agent.workspace.manifest import FORMAT, Manifest, plan_restore
from agent.workspace.objects import ObjectStore
from agent.workspace.restoring import Restored
from agent.workspace.scanning import Room, Scan
from agent.workspace.workspace import Workspace

log = logging.getLogger("holdfast.snapshots")

SNAPSHOTS_MAX = 20
"""Snapshots of one session; the oldest is dropped for the next. People take back the last few turns."""

STORE_SHARE = 2
"""A session's snapshots may hold this many times what its workspace may, in bytes and in files: what it held before a turn that changed all of it,
and before that turn is taken back."""

_NAME = re.compile(r"(\d{10})-([a-z]+-\d+)\.manifest")
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Manifest)


class SnapshotLost(Exception):
    """The snapshot is not in the store."""


class SnapshotTaken(msgspec.Struct, frozen=True):
    """A snapshot. `left_out`: files whose content is not in it. `dropped`: ids of older snapshots that made room.

    `kept`: ids of all that there are. `stored_bytes`: what all snapshots of the session take now.
    """

    files: int
    left_out: int
    dropped: tuple[str, ...]
    kept: tuple[str, ...]
    stored_bytes: int


def _same(former: Manifest, manifest: Manifest) -> bool:
    """Whether the workspace holds what it held then, and nothing that had changed so shortly before that it must be read again."""
    settled_ns = former.taken_ns - scanning.RACY_NS
    same = (former.complete, former.entries) == (manifest.complete, manifest.entries)
    return same and all(entry.ctime_ns < settled_ns for entry in manifest.entries)


class SnapshotStore:
    """The snapshots of one session. One call at a time, in a thread.

    `folder`: made by the first snapshot. Ids are a word and a number, such as `turn-12`.
    """

    def __init__(self, folder: Path, workspace: Workspace) -> None:
        self._folder = folder
        self._workspace = workspace
        self._objects = ObjectStore(folder / "objects")
        self._names: dict[str, str] | None = None

    def take(self, snapshot_id: str, bytes_max: int, stop: threading.Event, keep: str = "") -> SnapshotTaken:
        """Save what the workspace holds now under this id. `bytes_max`: what the store may hold, besides its own bound.

        `keep`: the id of one that is not dropped to make room. Files that do not fit are left out. Raises CopyStopped if `stop` is set, OSError; then there is no such snapshot.
        """
        names = self._open()
        former = self._newest()
        dropped: list[str] = []

        def room(need: int, used: set[bytes]) -> bool:
            while self._objects.bytes + need > self._bytes_max(bytes_max) or len(self._objects) >= self._contents_max:
                oldest = self._oldest(snapshot_id, keep)
                if oldest is None:
                    return False
                self._drop(oldest)
                dropped.append(oldest)
                self._collect(used)
            return True

        manifest = self._scan(snapshot_id, former, room, stop)
        if former is None or not _same(former, manifest) or not self._repeat(snapshot_id):
            self._write(manifest)
        while len(names) > SNAPSHOTS_MAX and (oldest := self._oldest(snapshot_id, keep)) is not None:
            self._drop(oldest)
            dropped.append(oldest)
        if dropped:
            self._collect(manifest.digests)
        files = [entry for entry in manifest.entries if entry.kind == "file"]
        left_out = sum(not entry.saved for entry in manifest.entries)
        return SnapshotTaken(len(files), left_out, tuple(dropped), tuple(names), self._objects.bytes)

    def restore(self, snapshot_id: str, present_id: str, stop: threading.Event) -> Restored:
        """Make the workspace as it was in `snapshot_id`. `present_id`: a snapshot of what it holds now.

        What is there now and in no one of both snapshots is neither removed nor replaced, so nothing is lost. It may be
        called again after it was cut short. Raises SnapshotLost, CopyStopped, OSError.
        """
        self._open()
        wanted, present = self._read(snapshot_id), self._read(present_id)
        kept = wanted.digests | present.digests
        now = self._scan("now-0", present, lambda need, used: True, stop)
        entries = (
            entry if entry.digest in kept else msgspec.structs.replace(entry, digest=b"") for entry in now.entries
        )
        plan = plan_restore(wanted, msgspec.structs.replace(now, entries=tuple(entries)))
        with closing(self._workspace.make_root()) as root:
            restored = restoring.restore(root, plan, self._objects, stop)
        self._collect(set())
        return restored

    def growth(self, snapshot_id: str, present_id: str) -> int:
        """How many bytes more the workspace takes after a restoration; below 0: fewer. Raises SnapshotLost, OSError."""
        return self._read(snapshot_id).size - self._read(present_id).size

    def stored_bytes(self) -> int:
        """Bytes that the store takes on the disk."""
        self._open()
        return self._objects.bytes

    @property
    def _contents_max(self) -> int:
        """How many contents the store may hold: each takes at least a block of the disk, however small it is."""
        return STORE_SHARE * self._workspace.limits.files_max

    def _bytes_max(self, bytes_max: int) -> int:
        return min(bytes_max, STORE_SHARE * self._workspace.limits.total_bytes_max)

    def _open(self) -> dict[str, str]:
        """The file names of the manifests by snapshot id, oldest first. The first call removes what a kill left behind."""
        if self._names is None:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._objects.open()
            found = sorted(
                match.group(0, 2)
                for path in self._folder.iterdir()
                if (match := _NAME.fullmatch(path.name)) is not None
            )
            self._names = {snapshot_id: name for name, snapshot_id in found}
            for path in self._folder.glob("*.part"):
                path.unlink(missing_ok=True)
            self._collect(set())
        return self._names

    def _oldest(self, *kept: str) -> str | None:
        return next((snapshot_id for snapshot_id in self._open() if snapshot_id not in kept), None)

    def _newest(self) -> Manifest | None:
        names = self._open()
        return self._load(next(reversed(names))) if names else None

    def _scan(self, snapshot_id: str, former: Manifest | None, room: Room, stop: threading.Event) -> Manifest:
        scan = Scan(self._objects, former, room, stop, self._workspace.limits.files_max)
        with suppress(FileNotFoundError), closing(self._workspace.open_root()) as root:
            scan.folder(root, b"", 2 * paths.DEPTH_MAX)
        return Manifest(snapshot_id, scan.taken_ns, scan.complete, tuple(scan.entries))

    def _read(self, snapshot_id: str) -> Manifest:
        manifest = self._load(snapshot_id)
        if manifest is None:
            raise SnapshotLost(snapshot_id)
        return manifest

    def _load(self, snapshot_id: str) -> Manifest | None:
        name = self._open().get(snapshot_id)
        if name is None:
            return None
        try:
            manifest = _decoder.decode((self._folder / name).read_bytes())
        except (OSError, msgspec.MsgspecError) as error:
            log.warning("the snapshot %s cannot be read: %s", self._folder / name, error)
            return None
        return manifest if manifest.format == FORMAT else None

    def _repeat(self, snapshot_id: str) -> bool:
        """Give the newest manifest this id too, as another name of the same file: nothing is written. Whether that was possible."""
        names = self._open()
        newest = next(reversed(names))
        if newest == snapshot_id:
            return True
        name = self._next_name(snapshot_id)
        try:
            os.link(self._folder / names[newest], self._folder / name)
        except OSError:  # the newest was dropped meanwhile, or the file system has no hard links
            return False
        names[snapshot_id] = name
        return True

    def _next_name(self, snapshot_id: str) -> str:
        """The name of a manifest that is newer than all others; an older one of this id is dropped."""
        names = self._open()
        last = next(reversed(names.values()), "0000000000")
        if snapshot_id in names:
            self._drop(snapshot_id)
        return f"{int(last[:10]) + 1:010d}-{snapshot_id}.manifest"

    def _write(self, manifest: Manifest) -> None:
        names = self._open()
        name = self._next_name(manifest.snapshot_id)
        unfinished = self._folder / f"{secrets.token_hex(8)}.part"
        try:
            with unfinished.open("xb") as file:
                os.fchmod(file.fileno(), stat.S_IRUSR | stat.S_IWUSR)
                file.write(_encoder.encode(manifest))
                file.flush()
                os.fsync(file.fileno())
            unfinished.rename(self._folder / name)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
        names[manifest.snapshot_id] = name

    def _drop(self, snapshot_id: str) -> None:
        names = self._open()
        (self._folder / names[snapshot_id]).unlink(missing_ok=True)
        del names[snapshot_id]

    def _collect(self, used: set[bytes]) -> None:
        """Remove the contents that no snapshot refers to, and that are not in `used`."""
        for snapshot_id in list(self._open()):
            manifest = self._load(snapshot_id)
            if manifest is None:
                self._drop(snapshot_id)
            else:
                used = used | manifest.digests
        self._objects.keep(used)
