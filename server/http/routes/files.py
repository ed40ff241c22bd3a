"""Routes of a session's files: list, download and upload files of the workspace."""

import logging
import re
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, nullcontext
from functools import partial
from pathlib import PurePosixPath
from typing import Any, BinaryIO, Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from agent.policy.policy import NOTES_PATH
from agent.tools import Workspace, WorkspaceError
from agent.util.executors import HolderExecutor, WorkExecutor
from agent.util.places import Holder, PlaceLimits, Places
from agent.workspace.agents_md import digest_of
from agent.workspace.paths import InWorkspace, NotInWorkspace
from agent.workspace.shown.images import media_type as image_media_type
from agent.workspace.shown.zipped import zip_pieces
from protocol.content import AccessLevel
from server.http import schemas
from server.http.bodies import Bodies
from server.http.endpoints import BINARY, SESSION, Endpoint, Media, Query
from server.http.requests import authorized_row
from server.http.responses import json_response
from server.journal.base import JournalError, SessionRow
from server.sessions.errors import GoingAway, SessionCapacityError
from server.sessions.manager import SessionManager
from server.sessions.storage import StorageAccount
from server.util.refusal import HTTPRefusal

log = logging.getLogger("holdfast.files")

CHUNK_BYTES: Final = 262_144

ARCHIVES: Final = PlaceLimits(total=64, per_user=8, per_session=4)
"""Archives that are sent at once: each keeps the list of its files, some megabytes, for as long as its client takes."""

# A model may have written the file, so no browser may show it as a page of this server.
DOWNLOAD_HEADERS: Final = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; sandbox",
    "x-content-type-options": "nosniff",
}


class FileRoutes:
    """Handlers of the routes of files. `workspace` gives the workspace of the session of a row; `disk`: the threads for it.

    A project folder holds more than the session's work, so its files are for the owner alone.
    """

    def __init__(
        self,
        manager: SessionManager,
        workspace: Callable[[SessionRow], Workspace],
        disk: WorkExecutor,
        storage: StorageAccount,
    ) -> None:
        self._manager = manager
        self._workspace = workspace
        self._disk = disk
        self._storage = storage
        self._bodies = Bodies()
        self._archives = Places("archives", ARCHIVES)

    async def list(self, request: Request) -> Response:
        """List the files of a session's workspace."""
        _, workspace, disk = await self._files(request, "read")
        entries, more = await disk.run(partial(workspace.listing, ".", True))
        return json_response(schemas.Files(entries, more))

    async def download(self, request: Request) -> Response:
        """Download a file as an attachment."""
        _, workspace, disk = await self._files(request, "read")
        path = str(request.path_params["path"])
        try:
            file, media_type = await disk.run(partial(_opened, workspace, path))
        except WorkspaceError as error:
            return HTTPRefusal("not_found", str(error)).as_response()
        name = quote(PurePosixPath(path).name)
        headers = {**DOWNLOAD_HEADERS, "content-disposition": f"attachment; filename*=UTF-8''{name}"}
        return StreamingResponse(_chunks(file, disk), media_type=media_type, headers=headers)

    async def archive(self, request: Request) -> Response:
        """Download a folder of a session's workspace as a zip archive; without `path`, all of it."""
        row, workspace, disk = await self._files(request, "read")
        path = request.query_params.get("path", "") or "."
        pieces = zip_pieces(workspace, path)
        with ExitStack() as place:
            place.callback(self._archives.take_now(disk.holder))
            try:
                first = await disk.run(partial(next, pieces))
            except WorkspaceError as error:
                return HTTPRefusal("not_found", str(error)).as_response()
            sent = place.pop_all()
        name = quote(PurePosixPath(path).name or f"session-{row.session_id[:8]}")
        headers = {**DOWNLOAD_HEADERS, "content-disposition": f"attachment; filename*=UTF-8''{name}.zip"}
        content = _pieces(first, pieces, disk)
        return _Archive(sent.close, content, media_type="application/zip", headers=headers)

    async def upload(self, request: Request) -> Response:
        """Upload a file; one of the same name is replaced, unless `If-None-Match: *` forbids it (RFC 9110, 13.1.2)."""
        path = str(request.path_params["path"])
        row, workspace, disk = await self._files(request, _least_to_change(path))
        most = workspace.limits.upload_bytes_max
        fresh = request.headers.get("if-none-match", "").strip() == "*"
        write = partial(workspace.write, path, stop=threading.Event(), most=most, fresh=fresh)
        with ExitStack() as place:
            data = await self._bodies.read(request, most, disk.holder, place)
            if data is None:
                message = f"the file is larger than {most} bytes (workspace.upload_bytes_max)"
                return HTTPRefusal("too_large", message).as_response()
            try:
                async with self._storage.writing(row, len(data)) if workspace.counts(path) else nullcontext():
                    replaced = await disk.run(partial(write, data=data))
            except InWorkspace as error:
                return HTTPRefusal("file_exists", str(error)).as_response()
            except WorkspaceError as error:
                return HTTPRefusal("bad_request", str(error)).as_response()
        if NOTES_PATH.fullmatch(path):
            await self._record_notes(request, data)
        return json_response(schemas.FilePut(path, len(data), replaced), 200 if replaced else 201)

    async def delete(self, request: Request) -> Response:
        """Delete a file, or an empty folder."""
        path = str(request.path_params["path"])
        row, workspace, disk = await self._files(request, _least_to_change(path))
        try:
            await disk.run(partial(workspace.remove, path))
        except NotInWorkspace as error:
            return HTTPRefusal("not_found", str(error)).as_response()
        except WorkspaceError as error:
            return HTTPRefusal("bad_request", str(error)).as_response()
        await self._storage.measure(row)
        return Response(status_code=204)

    async def _record_notes(self, request: Request, data: bytes) -> None:
        """Record that these notes are the owner's. If it fails, the model is not told that they are."""
        session_id = str(request.path_params["session_id"])
        try:
            await self._manager.notes_uploaded(session_id, digest_of(data))
        except (SessionCapacityError, GoingAway, JournalError) as error:
            log.warning("session %s: it is not recorded who uploaded AGENTS.md: %s", session_id, error)

    async def _files(self, request: Request, least: AccessLevel) -> tuple[SessionRow, Workspace, HolderExecutor]:
        """The request's session, its workspace and its places among the threads: work for a guest counts as its owner's."""
        row = await authorized_row(self._manager, request, least)
        workspace = self._workspace(row)
        if not workspace.counted:
            await authorized_row(self._manager, request, "owner")
        return row, workspace, self._disk.of(Holder(row.user_id, row.session_id))


_SHOWN: Final = (
    (rb"GIF8[79]a", "image/gif"),
    (rb"(?s)....ftypavi[fs]", "image/avif"),
    (rb"(?s)BM....\0\0\0\0", "image/bmp"),
)
"""What browsers show, though not all models take it."""


def _least_to_change(path: str) -> AccessLevel:
    """The access that changing this file needs. AGENTS.md steers the model in all later turns."""
    return "owner" if NOTES_PATH.fullmatch(path) else "drive"


def _opened(workspace: Workspace, path: str) -> tuple[BinaryIO, str]:
    """The open file and its media type. Only what browsers show as an image, and as nothing else, has one of its own."""
    file = workspace.open(path)
    try:
        start = file.read(12)
        media_type = image_media_type(start) or next((kind for begins, kind in _SHOWN if re.match(begins, start)), "")
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file, media_type or "application/octet-stream"


class _Archive(StreamingResponse):
    """An archive; `ended` is called when it was sent, or its client has gone."""

    def __init__(self, ended: Callable[[], None], *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._ended()


async def _pieces(first: bytes, rest: Iterator[bytes], disk: HolderExecutor) -> AsyncIterator[bytes]:
    piece: bytes | None = first
    while piece is not None:
        if piece:
            yield piece
        piece = await disk.run(partial(next, rest, None))


async def _chunks(file: BinaryIO, disk: HolderExecutor) -> AsyncIterator[bytes]:
    with file:
        while chunk := await disk.run(partial(file.read, CHUNK_BYTES)):
            yield chunk


ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path=f"{SESSION}/files",
        needs="session",
        handler=FileRoutes.list,
        name="File_list",
        answers={200: schemas.Files},
        refusals=(404, 503),
    ),
    Endpoint(
        method="GET",
        path=f"{SESSION}/archive",
        needs="session",
        handler=FileRoutes.archive,
        name="File_archive",
        by_link=True,
        query=(Query("path", "of the folder; without it, the whole workspace", {"type": "string"}),),
        answers={200: Media("application/zip", {"type": "string", "format": "binary"})},
        refusals=(404, 503),
    ),
    Endpoint(
        method="GET",
        path=f"{SESSION}/files/{{path:path}}",
        needs="session",
        handler=FileRoutes.download,
        name="File_download",
        by_link=True,
        answers={200: BINARY},
        refusals=(404, 503),
    ),
    Endpoint(
        method="PUT",
        path=f"{SESSION}/files/{{path:path}}",
        needs="session",
        handler=FileRoutes.upload,
        name="File_upload",
        body=BINARY,
        answers={200: schemas.FilePut, 201: schemas.FilePut},
        refusals=(404, 408, 412, 413, 429, 503),
    ),
    Endpoint(
        method="DELETE",
        path=f"{SESSION}/files/{{path:path}}",
        needs="session",
        handler=FileRoutes.delete,
        name="File_delete",
        answers={204: None},
        refusals=(404, 503),
    ),
)
