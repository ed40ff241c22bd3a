"""Zipped folders: a folder of a workspace as the bytes of a zip archive, piece by piece. Blocking."""

import os
import time
import zipfile
from collections.abc import Iterator
from typing import Final

from agent.workspace.paths import WorkspaceError
from agent.workspace.workspace import Workspace

PIECE_BYTES: Final = 262_144
LEFT_OUT: Final = "LEFT-OUT.txt"
"""The archive's last file, if something is not in it: which files, and why."""
_ZIP64_BYTES: Final = 1 << 30


class _Pieces:
    """A file to which an archive is written, and from which that is taken again."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        """Keep a copy: the writer uses its buffer again."""
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing waits."""

    def take(self) -> bytes:
        """All that was written since the last time."""
        data, self._pieces = b"".join(self._pieces), []
        return data


def zip_pieces(workspace: Workspace, path: str) -> Iterator[bytes]:
    """The archive of what is in the folder, by the paths in the workspace, as it is while it is read.

    Of files at most the workspace's `files_max`, and of their bytes `total_bytes_max`: the rest, and what cannot be read, is named in
    `LEFT_OUT`. Links and special files are not in it. Raises WorkspaceError before the first piece.
    """
    limits = workspace.limits
    entries, more = workspace.listing(path, True, most=limits.files_max)
    left_out = [f"there are more than {limits.files_max} files"] if more else []
    left, pieces = limits.total_bytes_max, _Pieces()
    with zipfile.ZipFile(pieces, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[call-overload]  # it needs no more
        for entry in entries:
            if entry.kind != "file":
                continue
            if entry.size > left:
                left_out.append(f"{entry.path}: no room for its {entry.size} bytes")
                continue
            try:
                file = workspace.open(entry.path)
            except WorkspaceError as error:
                left_out.append(str(error))
                continue
            with file:
                made = time.localtime(max(os.fstat(file.fileno()).st_mtime, 315_619_200))[
                    :6
                ]  # a zip knows no year before 1980
                info = zipfile.ZipInfo(entry.path, made)
                info.compress_type = zipfile.ZIP_DEFLATED
                with archive.open(info, "w", force_zip64=entry.size > _ZIP64_BYTES) as target:
                    rest = entry.size  # what is added meanwhile is not in it
                    while rest and (data := file.read(min(PIECE_BYTES, rest))):
                        target.write(data)
                        rest, left = rest - len(data), left - len(data)
                        yield pieces.take()
        if left_out:
            archive.writestr(LEFT_OUT, "\n".join(["These files are not in this archive:", *left_out, ""]))
    yield pieces.take()
