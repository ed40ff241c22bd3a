"""Routes of sessions: list, create, read and delete them, and read their events."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final, Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from agent.session.messages import SubmissionRefusal
from agent.tools.mcp.client_servers import Taken
from agent.util.executors import WorkExecutor
from agent.util.places import Holder
from agent.workspace.project_roots import PATH_CHARS_MAX, ProjectFolders, ProjectRefused
from protocol.limits import MAX_SEQ
from protocol.submissions import SetMode, SetModel, SetTitle, Submission
from server.http import schemas
from server.http.endpoints import JSON_OBJECT, SESSION, Endpoint, Media, Query
from server.http.paging import PAGE_QUERY, next_page, read_page
from server.http.requests import (
    authorized_session,
    bad_request,
    caller,
    integer_parameter,
    position_in_path,
    read_struct,
)
from server.http.responses import json_if_changed, json_response
from server.search.searcher import SessionSearch
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
FOUND_MAX: Final = 100
"""Sessions that a search in texts adds to those with the words in their titles."""
BODY_BYTES_MAX: Final = 65_536
MADE_WITH: Final = "what a session is made with"
LISTED_SO: Final = (None, "", "pinned", "archived")
PROJECT_MODE: Final = "ask"
"""The mode of a session with a project folder, where none is asked for: nothing in that folder can be put back."""


class GiveServers(Protocol):
    """As `GivenServers.give`."""

    async def __call__(self, session_id: str, servers: Mapping[str, Mapping[str, Any]], *, by_token: bool) -> Taken:
        """What became of them."""


class SessionRoutes:
    """Handlers of the routes of sessions."""

    def __init__(
        self,
        manager: SessionManager,
        projects: ProjectFolders,
        disk: WorkExecutor,
        give_servers: GiveServers,
        search: SessionSearch | None,
    ) -> None:
        """`search`: in texts; None: only titles are searched. `projects`: the folders that sessions may work in; `disk`: the threads in which they are looked at. `give_servers`: keeps MCP
        servers for a session."""
        self._give = give_servers
        self._search = search
        self._manager = manager
        self._journal = manager.journal
        self._projects = projects
        self._disk = disk

    async def sessions(self, request: Request) -> Response:
        """List the caller's sessions, newest first; 304 where `If-None-Match` names the same list (its ETag)."""
        most, before = read_page(request)
        search = request.query_params.get("search", "")
        if len(search) > SEARCH_CHARS_MAX:
            raise bad_request(f"`search` may have {SEARCH_CHARS_MAX} characters at most")
        listed = request.query_params.get("listed")
        if listed not in LISTED_SO:
            raise bad_request("`listed` must be pinned, archived or empty")
        cwd = request.query_params.get("cwd", "")
        if len(cwd) > PATH_CHARS_MAX:
            raise bad_request(f"`cwd` may have {PATH_CHARS_MAX} characters at most")
        user_id = caller(request).user_id
        infos, position = await self._manager.page_sessions(
            user_id, most, before=before, search=search, cwd=cwd, listed=listed
        )
        answer = schemas.Sessions(infos, next_page(position))
        if search and self._search is not None and before is None and listed is None:
            await self._add_found(self._search, answer, user_id, search, cwd)
        return json_if_changed(request, answer)

    async def _add_found(
        self, search: SessionSearch, answer: schemas.Sessions, user_id: str, words: str, cwd: str
    ) -> None:
        """Say where the words were said; sessions in which they were, and whose titles do not have them, come behind the others."""
        found = await search.find(user_id, words)
        hits = {stat.row.session_id: hit for stat, hit in found.hits}
        listed = {info.session_id for info in answer.sessions}
        more = await self._manager.listed([stat for stat, _ in found.hits if stat.row.session_id not in listed])
        others = [info for info in more if not cwd or info.cwd == cwd] if answer.next is msgspec.UNSET else []
        answer.sessions = [
            msgspec.structs.replace(info, found=hits[info.session_id]) if info.session_id in hits else info
            for info in [*answer.sessions, *others[:FOUND_MAX]]
        ]
        answer.lagging = found.lagging or msgspec.UNSET

    async def create(self, request: Request) -> Response:
        """Create a session; the body may say with which project folder, model and title."""
        user_id = caller(request).user_id
        new = await read_struct(request, schemas.NewSession, BODY_BYTES_MAX, MADE_WITH, schemas.NewSession())
        cwd = ""
        if new.cwd:
            try:
                cwd = await self._disk.run(partial(self._projects.resolve, new.cwd), Holder(user_id))
            except ProjectRefused as refused:
                raise RequestRefused(HTTPRefusal("forbidden", str(refused))) from refused
        session_id = await self._manager.create_session(user_id, cwd=cwd)
        await self._set_up(session_id, new)
        info = await self._manager.get_session_info(session_id)
        if new.mcp_servers:
            taken = await self._give_servers(request, session_id, new.mcp_servers)
            info = msgspec.structs.replace(info, mcp_refused=taken.mcp_refused or msgspec.UNSET)
        response = json_response(info, 201)
        response.headers["location"] = f"/api/sessions/{session_id}"
        return response

    async def _set_up(self, session_id: str, new: schemas.NewSession) -> None:
        """Set what the body asks for. If the session refuses it, the session is deleted. Raises `RequestRefused`."""
        wanted: list[Submission] = []
        if new.model:
            wanted.append(SetModel(model=new.model, reasoning_effort=new.reasoning_effort))
        if new.title:
            wanted.append(SetTitle(title=new.title))
        mode = new.mode or (PROJECT_MODE if new.cwd else "")
        if mode:
            wanted.append(SetMode(mode=mode))
        for submission in wanted:
            answer = await self._manager.submit(session_id, submission)
            if isinstance(answer, SubmissionRefusal):
                await self._manager.delete_session(session_id)
                raise RequestRefused(HTTPRefusal("forbidden", answer.message))

    async def servers(self, request: Request) -> Response:
        """Give a session MCP servers of the client's; they are kept until the session is deleted, and by a server that is alone in memory: until it stops."""
        session_id = await authorized_session(self._manager, request, "owner")
        given = await read_struct(request, schemas.GivenServers, BODY_BYTES_MAX, '{"mcp_servers": {...}}')
        return json_response(await self._give_servers(request, session_id, given.mcp_servers))

    async def _give_servers(self, request: Request, session_id: str, servers: schemas.McpGiven) -> schemas.ServersTaken:
        taken = await self._give(session_id, servers, by_token=not caller(request).by_cookie)
        if taken.changed:
            await self._manager.registry.renew(session_id)
        return schemas.ServersTaken(taken.refused)

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
                "only sessions whose title contains this text, in upper or lower case; with the first page, also those in which one "
                "message has words that begin with these (`found`), behind the others",
                {"type": "string", "maxLength": SEARCH_CHARS_MAX},
            ),
            Query(
                "cwd",
                "only sessions with this project folder, as their information has it",
                {"type": "string", "maxLength": PATH_CHARS_MAX},
            ),
            Query(
                "listed",
                "only sessions that are listed so; empty: those that are neither pinned nor archived. With it only titles are searched",
                {"type": "string", "enum": ["", "pinned", "archived"]},
            ),
        ),
        answers={200: schemas.Sessions, 304: None},
        refusals=(503,),
    ),
    Endpoint(
        method="POST",
        path="/api/sessions",
        needs="sessions",
        handler=SessionRoutes.create,
        name="create",
        body=schemas.NewSession,
        body_required=False,
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
        method="PUT",
        path=f"{SESSION}/mcp/servers",
        needs="session",
        handler=SessionRoutes.servers,
        name="Mcp_give",
        body=schemas.GivenServers,
        answers={200: schemas.ServersTaken},
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
