"""Workspace images: reads an image of the workspace for the model. What it is, its first bytes say, not its name."""

import asyncio
import base64
from functools import partial

from agent.util.errors import ImageRefused
from agent.util.places import PlacesTaken
from agent.workspace.disk_executor import DiskExecutor
from agent.workspace.paths import WorkspaceError
from agent.workspace.workspace import Workspace

READ_TIMEOUT_S = 10.0
"""How long a model call waits for an image: a disk that hangs must not keep it."""

_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"


def media_type(start: bytes) -> str:
    """The media type of the image that begins with these 12 bytes; empty if it is none that all providers take."""
    if start.startswith(_PNG):
        return "image/png"
    if start.startswith(_JPEG):
        return "image/jpeg"
    return "image/webp" if start[:4] == b"RIFF" and start[8:12] == b"WEBP" else ""


class WorkspaceImages:
    """The images of one workspace, read anew each time: they may change."""

    __slots__ = ("_disk", "_workspace")

    def __init__(self, workspace: Workspace, disk: DiskExecutor) -> None:
        self._workspace = workspace
        self._disk = disk

    async def read(self, path: str, most: int) -> str:
        """The image as a `data:` URL. Raises ImageRefused, also for one of more than `most` bytes."""
        try:
            async with asyncio.timeout(READ_TIMEOUT_S):
                return await self._disk.run_beside(partial(self._read, path, most))
        except (TimeoutError, PlacesTaken) as error:
            raise ImageRefused("it could not be read in time") from error
        except WorkspaceError as error:
            raise ImageRefused(f"it cannot be read: {error}") from error

    def _read(self, path: str, most: int) -> str:
        file = self._workspace.read(path, most)
        if file.size > most:
            raise ImageRefused(f"it has {file.size} bytes, and {most} are sent at most")
        kind = media_type(file.data[:12])
        if not kind:
            raise ImageRefused("it is no PNG, JPEG or WebP")
        return f"data:{kind};base64,{base64.b64encode(file.data).decode()}"
