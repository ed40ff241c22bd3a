"""Snapshot manifest: what a workspace held at one moment, as data, and the plan by which a workspace becomes so again. Pure."""

from typing import Literal

import msgspec

FORMAT = 1
DIGEST_BYTES = 32

Kind = Literal["file", "folder", "link", "pipe", "other"]


class SavedEntry(msgspec.Struct, frozen=True, array_like=True):
    """One name of a workspace. `path`: the names from the workspace on, in the system's bytes, joined by `/`.

    `mode`: the permission bits. `digest`: BLAKE2b of the content of a file, 32 bytes; empty: the content is not saved.
    `target`: where a link leads. Size, times (nanoseconds) and inode are a file's, and tell whether it is still the same.
    """

    path: bytes
    kind: Kind
    mode: int = 0
    size: int = 0
    mtime_ns: int = 0
    ctime_ns: int = 0
    inode: int = 0
    digest: bytes = b""
    target: bytes = b""

    @property
    def saved(self) -> bool:
        """Whether the entry can be made again."""
        return self.kind != "other" and (self.kind != "file" or bool(self.digest))


class Manifest(msgspec.Struct, frozen=True):
    """What a workspace held. `taken_ns`: the system's clock when it was looked at. `complete`: no name is missing here."""

    snapshot_id: str
    taken_ns: int
    complete: bool
    entries: tuple[SavedEntry, ...]
    format: int = FORMAT

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(entry.size for entry in self.entries)

    @property
    def digests(self) -> set[bytes]:
        """The contents that it refers to."""
        return {entry.digest for entry in self.entries if entry.digest}


class RestorePlan(msgspec.Struct, frozen=True):
    """What to do, in this order. `remove`: contents before their folders. `folders`: above before below, with their modes.

    `put`: entries to be made, each with what has this name now. `left`: paths that cannot be restored.
    """

    remove: tuple[SavedEntry, ...]
    folders: tuple[SavedEntry, ...]
    put: tuple[tuple[SavedEntry, SavedEntry | None], ...]
    left: tuple[bytes, ...]


def plan_restore(wanted: Manifest, now: Manifest) -> RestorePlan:
    """How a workspace that is as in `now` becomes as in `wanted`.

    Nothing is lost: what `now` could not save is neither removed nor replaced. If `wanted` misses names, files that it does
    not know are kept, because they may be among these.
    """
    before = {entry.path: entry for entry in wanted.entries}
    present = {entry.path: entry for entry in now.entries}
    remove: list[SavedEntry] = []
    put: list[tuple[SavedEntry, SavedEntry | None]] = []
    left: list[bytes] = []
    for path in sorted(present, reverse=True):
        entry, other = present[path], before.get(path)
        if other is None and not wanted.complete:
            continue
        if other is None or other.kind != entry.kind:
            if entry.saved:
                remove.append(entry)
            else:
                left.append(path)
    for path in sorted(before):
        entry, other = before[path], present.get(path)
        if entry.kind == "folder" or _same(entry, other):
            continue
        in_the_way = other is not None and other.kind == entry.kind and not other.saved
        if in_the_way or not entry.saved:
            left.append(path)
        else:
            put.append((entry, other if other is not None and other.kind == entry.kind else None))
    folders = tuple(before[path] for path in sorted(before) if before[path].kind == "folder")
    return RestorePlan(tuple(remove), folders, tuple(put), tuple(sorted(set(left))))


def _same(wanted: SavedEntry, now: SavedEntry | None) -> bool:
    """Whether there is nothing to do for this name."""
    if now is None or now.kind != wanted.kind:
        return False
    match wanted.kind:
        case "file" if wanted.digest and now.digest:
            return (wanted.digest, wanted.mode) == (now.digest, now.mode)
        case "file":  # one of both is not saved: it is the same only if nobody has touched it
            return (wanted.inode, wanted.size, wanted.ctime_ns) == (now.inode, now.size, now.ctime_ns)
        case "link":
            return wanted.target == now.target
        case _:
            return True
