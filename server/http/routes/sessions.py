"""Routes of sessions: list, create, read and delete them, and read their events."""

from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from protocol.limits import MAX_SEQ
from server.http import schemas
from server.http.endpoints import JSON_OBJECT, SESSION, Endpoint, Media, Query
from server.http.paging import PAGE_QUERY, next_page, read_page
from server.http.requests import authorized_session, bad_request, caller, integer_parameter, position_in_path
from server.http.responses import json_response
from server.sessions.export import MEDIA_TYPE, export_chunks, file_name
from server.sessions.manager import SessionManager
from server.sessions.replay import merged_in_steps
from server.sessions.rows import SessionInfo
from server.util.refusal import HTTPRefusal, RequestRefused

EVENTS_LIMIT: Final = 200
EVENTS_LIMIT_MAX: Final = 1_000
EVENTS_MAX_BYTES: Final = 1_048_576
"""What takes a few milliseconds to send. One event may be larger."""
SEARCH_CHARS_MAX: Final = 200


class SessionRoutes:
    """Handlers of the routes of sessions."""

    def __init__(self, manager: SessionManager) -> None:
        self._manager = manager
        self._journal = manager.journal

    async def sessions(self, request: Request) -> Response:
        """List the caller's sessions, newest first."""
        most, before = read_page(request)
        search = request.query_params.get("search", "")
        if len(search) > SEARCH_CHARS_MAX:
            raise bad_request(f"`search` may have {SEARCH_CHARS_MAX} characters at most")
        infos, position = await self._manager.page_sessions(caller(request).user_id, most, before=before, search=search)
        return json_response(schemas.Sessions(infos, next_page(position)))

    async def create(self, request: Request) -> Response:
        """Create a session."""
        session_id = await self._manager.create_session(caller(request).user_id)
        response = json_response(await self._manager.get_session_info(session_id), 201)
        response.headers["location"] = f"/api/sessions/{session_id}"
        return response

    async def session(self, request: Request) -> Response:
        """Read one session's information."""
        session_id = await authorized_session(self._manager, request, "read")
        return json_response(await self._manager.get_session_info(session_id))

    async def delete(self, request: Request) -> Response:
        """Delete a session and its files."""
        await self._manager.delete_session(await authorized_session(self._manager, request, "owner"))
        return Response(status_code=204)

    async def events(self, request: Request) -> Response:
        """Read the stored events after a position; adjacent pieces of text are merged."""
        session_id = await authorized_session(self._manager, request, "read")
        after = integer_parameter(request, "after", 0, 0, MAX_SEQ)
        limit = integer_parameter(request, "limit", EVENTS_LIMIT, 1, EVENTS_LIMIT_MAX)
        head = (await self._manager.get_session_info(session_id)).seq
        records = []
        if after < head:
            records = await self._journal.read(
                session_id, after, through=head, max_records=limit, max_bytes=EVENTS_MAX_BYTES
            )
        position = records[-1].seq if records else after
        return json_response(
            {
                "epoch": self._journal.epoch,
                "seq": head,
                "next_after": position,
                "more": position < head,
                # What the journal stores is JSON already.
                "events": [msgspec.Raw(record.data) for record in await merged_in_steps(records, after)],
            }
        )

    async def event(self, request: Request) -> Response:
        """Read one stored event, whole; one that was merged stands for all its positions."""
        session_id = await authorized_session(self._manager, request, "read")
        seq = position_in_path(request)
        head = (await self._manager.get_session_info(session_id)).seq
        if not 0 < seq <= head:
            raise RequestRefused(HTTPRefusal("not_found", f"the session has no event {seq}; its newest is {head}"))
        (record,) = await self._journal.read(session_id, seq - 1, through=seq, max_records=1)
        return json_response(msgspec.Raw(record.data))

    async def export(self, request: Request) -> Response:
        """Download the whole session as JSON Lines; for its owner."""
        session_id = await authorized_session(self._manager, request, "owner")
        stat = await self._journal.stat(session_id)
        headers = {
            "cache-control": "no-store",
            "content-disposition": f'attachment; filename="{file_name(session_id)}"',
        }
        return StreamingResponse(export_chunks(self._journal, stat), media_type=MEDIA_TYPE, headers=headers)


ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="/api/sessions",
        needs="sessions",
        handler=SessionRoutes.sessions,
        name="sessions",
        query=(
            *PAGE_QUERY,
            Query(
                "search",
                "only sessions whose title contains this text, in upper or lower case",
                {"type": "string", "maxLength": SEARCH_CHARS_MAX},
            ),
        ),
        answers={200: schemas.Sessions},
        refusals=(503,),
    ),
    Endpoint(
        method="POST",
        path="/api/sessions",
        needs="sessions",
        handler=SessionRoutes.create,
        name="create",
        answers={201: SessionInfo},
        refusals=(429, 503),
    ),
    Endpoint(
        method="GET",
        path=SESSION,
        needs="session",
        handler=SessionRoutes.session,
        name="session",
        answers={200: SessionInfo},
        refusals=(404, 503),
    ),
    Endpoint(
        method="DELETE",
        path=SESSION,
        needs="session",
        handler=SessionRoutes.delete,
        name="delete",
        answers={204: None},
        refusals=(404, 503),
    ),
    Endpoint(
        method="GET",
        path=f"{SESSION}/events",
        needs="session",
        handler=SessionRoutes.events,
        name="events",
        query=(
            Query(
                "after",
                "the last known position; the events after it are answered",
                {"type": "integer", "minimum": 0, "maximum": MAX_SEQ},
            ),
            Query(
                "limit",
                "largest number of stored records that are read",
                {"type": "integer", "minimum": 1, "maximum": EVENTS_LIMIT_MAX, "default": EVENTS_LIMIT},
            ),
        ),
        answers={200: schemas.Events},
        refusals=(404, 503),
    ),
    Endpoint(
        method="GET",
        path=f"{SESSION}/events/{{seq}}",
        needs="session",
        handler=SessionRoutes.event,
        name="event",
        answers={200: JSON_OBJECT},
        refusals=(404, 503),
    ),
    Endpoint(
        method="GET",
        path=f"{SESSION}/export",
        needs="session",
        handler=SessionRoutes.export,
        name="export",
        answers={200: Media("application/jsonl", {"type": "string"})},
        refusals=(404, 503),
    ),
)
