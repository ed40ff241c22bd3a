"""MCP results: turns a server's answer into a tool result. Text is shown; images, audio and resources are saved as files."""

import asyncio
import base64
import binascii
import hashlib
import mimetypes
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import msgspec

from agent.tools.base import ToolResult
from agent.tools.mcp.incoming.files import take
from agent.workspace.files import SandboxError
from agent.workspace.paths import shown

if TYPE_CHECKING:
    from mcp.types import CallToolResult

SaveFile = Callable[[str, bytes], Awaitable[object]]
"""Writes a file of the session's workspace: relative path and bytes. May raise SandboxError."""

FOLDER = "mcp"
STEM_CHARS_MAX = 48
HASH_CHARS = 12
SLICE_BYTES = 1_048_576
"""So much of a file is decoded and hashed at once, in about two milliseconds; then the event loop does other things."""

LABEL_CHARS_MAX = 300

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}")
SUFFIXES = {
    "image/jpeg": ".jpg",
    "image/webp": ".webp",
    "audio/wav": ".wav",
    "text/markdown": ".md",
    "text/plain": ".txt",
}
"""Suffixes for types that the standard library does not know, or knows under an unusual suffix."""


FILES_MAX = 16
"""Images and resources kept of one result; the rest are left out."""

RESOURCE_CHARS_MAX = 10_000
"""Longest text of a resource shown in a result; more is in its file."""


class ResultReader:
    """Reads the results of one tool's calls. `save`: writes files. `tool`: the name that files without one get."""

    def __init__(self, tool: str, save: SaveFile) -> None:
        self._tool = tool
        self._save_file = save

    async def read(self, result: "CallToolResult") -> ToolResult:
        """The tool result; files in it are saved. Never raises because of what a server sent."""
        parts = await self._parts(result.content)
        if result.structured_content is not None and not any(block.type == "text" for block in result.content):
            parts.append(_json(result.structured_content))
        success = not result.is_error
        output = "\n".join(parts) or ("[no output]" if success else "[the tool failed without a message]")
        return ToolResult(output=output, success=success)

    async def text_of(self, blocks: Sequence[Any]) -> str:
        """The text of content blocks; files in them are saved."""
        return "\n".join(await self._parts(blocks))

    async def _parts(self, blocks: Sequence[Any]) -> list[str]:
        parts: list[str] = []
        files = 0
        for block in blocks:
            if block.type in ("text", "resource_link"):
                parts.append(block.text if block.type == "text" else _link(block))
            else:
                files += 1
                if files <= FILES_MAX:
                    parts.append(await self._save_block(block))
        if files > FILES_MAX:
            parts.append(f"[left out: {files - FILES_MAX} more files; one result may have {FILES_MAX}]")
        return parts

    async def _save_block(self, block: Any) -> str:
        if block.type in ("image", "audio"):
            return await self._file(block.type, block.data, block.mime_type, "")
        resource = block.resource
        about = f"resource {_brief(resource.uri)}"
        blob = getattr(resource, "blob", None)
        if blob is not None:
            return await self._file(about, blob, resource.mime_type or "", resource.uri)
        whole = take(resource.text)
        saved = await self._put(about, whole.encode(errors="replace"), resource.mime_type or "text/plain", resource.uri)
        most = RESOURCE_CHARS_MAX
        text = whole if len(whole) <= most else f"{whole[:most]}\n[... the rest is in the file]"
        return f"{saved}\n{text}"

    async def _file(self, about: str, data: str, mime_type: str, uri: str) -> str:
        try:
            decoded = await _decode(take(data))
        except (binascii.Error, ValueError):
            return f"[{about}: not saved: it is not base64]"
        return await self._put(about, decoded, mime_type, uri)

    async def _put(self, about: str, data: bytes, mime_type: str, uri: str) -> str:
        path = file_path(self._tool, await _digest(data), mime_type, uri)
        kind = f"{_brief(mime_type)}, " if mime_type else ""
        try:
            await self._save_file(path, data)
        except SandboxError as error:
            return f"[{about} ({kind}{len(data)} bytes): not saved: {error}]"
        return f"[{about} ({kind}{len(data)} bytes): saved in the workspace as {path}]"


async def _decode(data: str) -> bytes:
    """The bytes of base64, decoded in slices. Raises ValueError."""
    if "=" in data[:-2] or len(data) % 4:
        raise ValueError("padding in the middle, or none at the end")
    slices = []
    for at in range(0, len(data), SLICE_BYTES):
        slices.append(base64.b64decode(data[at : at + SLICE_BYTES], validate=True))
        await asyncio.sleep(0)
    return b"".join(slices)


async def _digest(data: bytes) -> str:
    """The SHA-256 in hexadecimal digits, made in slices."""
    digest, view = hashlib.sha256(), memoryview(data)
    for at in range(0, len(data), SLICE_BYTES):
        digest.update(view[at : at + SLICE_BYTES])
        await asyncio.sleep(0)
    return digest.hexdigest()


def file_path(tool: str, digest: str, mime_type: str, uri: str) -> str:
    """A file's path: made of the name of its resource or tool, and a digest of its content, so equal content is one file."""
    name = unquote(urlsplit(uri).path).rpartition("/")[2] if _splits(uri) else ""
    stem, dot, ending = name.rpartition(".")
    suffix = f".{ending}" if dot and _SUFFIX.fullmatch(f".{ending}") else ""
    stem = _UNSAFE.sub("_", stem if suffix else name).strip("_") or _UNSAFE.sub("_", tool).strip("_") or "result"
    kind = mime_type.partition(";")[0].strip().lower()
    suffix = suffix or SUFFIXES.get(kind) or mimetypes.guess_extension(kind) or ".bin"
    return f"{FOLDER}/{stem[:STEM_CHARS_MAX]}-{digest[:HASH_CHARS]}{suffix}"


def _splits(uri: str) -> bool:
    try:
        urlsplit(uri)
    except ValueError:
        return False
    return True


def _link(block: Any) -> str:
    about = [_brief(text) for text in (block.mime_type, block.description) if text]
    return f"[resource link: {_brief(block.name)} {_brief(block.uri)}{' (' + '; '.join(about) + ')' if about else ''}]"


def _brief(text: str) -> str:
    """The text as one short line."""
    return shown(text, LABEL_CHARS_MAX)


def _json(value: object) -> str:
    try:
        return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    except (TypeError, ValueError, UnicodeEncodeError):
        return repr(value)
