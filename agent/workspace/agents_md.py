"""Project notes: reads the file AGENTS.md of the workspace for the model (https://agents.md)."""

import asyncio
import hashlib
from collections.abc import Callable

import msgspec

from agent.util.places import PlacesTaken
from agent.util.text import repair_surrogates
from agent.workspace.disk_executor import DiskExecutor
from agent.workspace.files import FileStart
from agent.workspace.paths import WorkspaceError
from agent.workspace.workspace import Workspace

NAME = "AGENTS.md"


READ_TIMEOUT_S = 5.0
"""How long a turn waits for the notes: a disk that hangs must not keep it. The model reads that they are missing."""


class Notes(msgspec.Struct, frozen=True):
    """The text of the notes, and the digest of the file that they were read from: see `digest_of_file`."""

    text: str = ""
    digest: str = ""

    def written_as(self, digest: str) -> bool:
        """Whether the file is the one of this digest."""
        return self.digest != "" and self.digest == digest


def digest_of(data: bytes) -> str:
    """The digest that an upload of the notes is recorded with."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def digest_of_file(file: FileStart) -> str:
    """The digest of the notes. A file that was not read whole has `:SIZE` after it: no upload has that digest."""
    whole = digest_of(file.data)
    return whole if file.size == len(file.data) else f"{whole}:{file.size}"


class ProjectNotes:
    """The notes of one workspace, at most `most_bytes` of them; read anew each time, because user and agent change them."""

    __slots__ = ("_disk", "_most", "_redact", "_workspace")

    def __init__(
        self, workspace: Workspace, disk: DiskExecutor, most_bytes: int, redact: Callable[[str], str] = str
    ) -> None:
        self._disk = disk
        self._workspace = workspace
        self._most = most_bytes
        self._redact = redact

    async def read(self) -> Notes:
        """The notes without their secrets, cut at the bound; empty if there are none. A link is followed only in a project folder."""
        if not self._most:
            return Notes()
        try:
            async with asyncio.timeout(READ_TIMEOUT_S):
                return await self._disk.run_beside(self._read)
        except (TimeoutError, PlacesTaken):
            return Notes(f"[{NAME} could not be read in time]")

    async def read_digest(self) -> str | None:
        """The digest of the notes; empty if there are none, None if they could not be read in time or are not read at all."""
        if not self._most:
            return None
        try:
            async with asyncio.timeout(READ_TIMEOUT_S):
                file = await self._disk.run_beside(self._file)
        except (TimeoutError, PlacesTaken):
            return None
        return "" if file is None else digest_of_file(file)

    def _file(self) -> FileStart | None:
        try:
            return self._workspace.read(NAME, self._most)
        except WorkspaceError:
            return None

    def _read(self) -> Notes:
        file = self._file()
        if file is None:
            return Notes()
        text = self._redact(repair_surrogates(file.data.decode("utf-8", "replace"))).strip()
        left_out = file.size - len(file.data)
        if left_out:
            text = f"{text}\n[{NAME} is longer: {left_out} more bytes are left out]" if text else ""
        return Notes(text, digest_of_file(file))
