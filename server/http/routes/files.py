"""The HTTP routes of a session's files: a client puts some into the workspace, and takes out what the agent made."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import PurePosixPath
from typing import BinaryIO
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from agent.tools import Workspace, WorkspaceError
from protocol.content import Access
from server.http.responses import answer
from server.util.refusal import HTTPRefusal

PIECE_BYTES = 262_144
UPLOADS_MAX = 4
"""Uploads that are taken at once; each is held in memory until it is whole."""

# A file that a model wrote is shown by nobody's browser as a page of this server.
AS_A_FILE = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; sandbox",
    "x-content-type-options": "nosniff",
}


class FileRoutes:
    """`allowed` gives the session's id to who may read or drive it, and raises for everybody else."""

    def __init__(
        self, workspace: Callable[[str], Workspace], allowed: Callable[[Request, Access], Awaitable[str]]
    ) -> None:
        self._workspace = workspace
        self._allowed = allowed
        self._places = asyncio.Semaphore(UPLOADS_MAX)

    def routes(self) -> list[BaseRoute]:
        """The routing table."""
        return [
            Route("/api/sessions/{session_id}/files", self.list, methods=["GET"]),
            Route("/api/sessions/{session_id}/files/{path:path}", self.download, methods=["GET"]),
            Route("/api/sessions/{session_id}/files/{path:path}", self.upload, methods=["PUT"]),
        ]

    async def list(self, request: Request) -> Response:
        """All names in the workspace, as far as `workspace.listed_max` goes."""
        workspace = self._workspace(await self._allowed(request, "read"))
        entries, more = await asyncio.to_thread(workspace.listing, ".", True)
        return answer({"files": entries, "more": more})

    async def download(self, request: Request) -> Response:
        """One file, as an attachment."""
        workspace = self._workspace(await self._allowed(request, "read"))
        path = str(request.path_params["path"])
        try:
            file = await asyncio.to_thread(workspace.open, path)
        except WorkspaceError as error:
            return HTTPRefusal("not_found", str(error)).as_response()
        name = quote(PurePosixPath(path).name)
        headers = {**AS_A_FILE, "content-disposition": f"attachment; filename*=UTF-8''{name}"}
        return StreamingResponse(_pieces(file), media_type="application/octet-stream", headers=headers)

    async def upload(self, request: Request) -> Response:
        """Put a file there, in place of one that is there. The body is the file."""
        workspace = self._workspace(await self._allowed(request, "drive"))
        path, most = str(request.path_params["path"]), workspace.limits.upload_bytes_max
        async with self._places:
            data = await _body(request, most)
            if data is None:
                message = f"the file is larger than {most} bytes (workspace.upload_bytes_max)"
                return HTTPRefusal("too_large", message).as_response()
            try:
                replaced = await asyncio.to_thread(workspace.write, path, data, threading.Event(), most=most)
            except WorkspaceError as error:
                return HTTPRefusal("bad_request", str(error)).as_response()
        return answer({"path": path, "size": len(data), "replaced": replaced}, 200 if replaced else 201)


async def _body(request: Request, most: int) -> bytes | None:
    """The whole body; None as soon as it is known to be larger than `most` bytes."""
    told = request.headers.get("content-length", "")
    if told.isdigit() and int(told) > most:
        return None
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > most:
            return None
    return bytes(data)


async def _pieces(file: BinaryIO) -> AsyncIterator[bytes]:
    with file:
        while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
            yield piece
