"""The HTTP routes beside the socket: thin over the session manager. All answers are JSON but for metrics."""

import re
from collections.abc import Callable
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from protocol.content import AccessLevel
from protocol.limits import MAX_SEQ
from protocol.spec import asyncapi
from protocol.spec import json_schema as schema
from server.auth.principal import Principal
from server.http.responses import answer
from server.journal.base import Journal, ListPosition
from server.sessions.access import authorize_session
from server.sessions.export import MEDIA_TYPE, export_chunks, file_name
from server.sessions.manager import SessionManager
from server.sessions.replay import merged
from server.util.refusal import HTTPRefusal, RequestRefused

EVENTS_LIMIT_MAX = 1_000
EVENTS_MAX_BYTES = 4_194_304
SESSIONS_LIMIT_MAX = 1_000
SEARCH_CHARS_MAX = 200
PLACE = r"[0-9TZ:.-]{20,30}~[0-9A-Za-z_-]{1,64}"
STANDINGS: Final[tuple[AccessLevel, ...]] = ("read", "drive", "owner")


class Routes:
    """What the routes need: the manager, its journal, and what `GET /api/config` says."""

    def __init__(
        self,
        manager: SessionManager,
        config: Callable[[], dict[str, object]],
        public_config: Callable[[], dict[str, object]],
        metrics: Callable[[], bytes] | None,
    ) -> None:
        self._manager = manager
        self._journal: Journal = manager.journal
        self._config = config
        self._public_config = public_config
        self._metrics = metrics

    def routes(self) -> list[BaseRoute]:
        """The routing table."""
        return [
            Route("/livez", self.livez),
            Route("/readyz", self.readyz),
            Route("/metrics", self.metrics),
            Route("/schema.json", self.schema),
            Route("/asyncapi.json", self.asyncapi),
            Route("/openapi.json", self.openapi),
            Route("/api/config", self.config),
            Route("/api/me", self.me),
            Route("/api/sessions", self.sessions, methods=["GET"]),
            Route("/api/sessions", self.create, methods=["POST"]),
            Route("/api/sessions/{session_id}", self.session, methods=["GET"]),
            Route("/api/sessions/{session_id}", self.delete, methods=["DELETE"]),
            Route("/api/sessions/{session_id}/events", self.events),
            Route("/api/sessions/{session_id}/export", self.export),
        ]

    async def livez(self, request: Request) -> Response:
        """The process answers."""
        return answer({"status": "ok"})

    async def readyz(self, request: Request) -> Response:
        """It takes work; 503 while it drains."""
        if self._manager.registry.draining:
            return HTTPRefusal("unavailable", "the server is stopping").as_response()
        return answer({"status": "ready"})

    async def metrics(self, request: Request) -> Response:
        """Prometheus text format."""
        if self._metrics is None:
            return HTTPRefusal("not_found", "metrics are switched off (metrics.enabled)").as_response()
        return Response(self._metrics(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def schema(self, request: Request) -> Response:
        """The wire as JSON Schema."""
        return answer(schema.json_schema())

    async def asyncapi(self, request: Request) -> Response:
        """The wire as AsyncAPI 3."""
        return answer(asyncapi.asyncapi())

    async def openapi(self, request: Request) -> Response:
        """The HTTP routes as OpenAPI 3.1."""
        from server.http.openapi import openapi  # it knows all routes, these too

        return answer(openapi())

    async def config(self, request: Request) -> Response:
        """What this server offers: model, limits, version; to somebody not let in, how to get in."""
        known = "principal" in request.scope["state"]
        return answer(self._config() if known else self._public_config())

    async def me(self, request: Request) -> Response:
        """Who the caller is."""
        principal = caller(request)
        return answer(
            {
                "user_id": principal.user_id,
                "name": principal.name,
                "rights": sorted(principal.rights),
                "expires_at": principal.expires_at,
            }
        )

    async def sessions(self, request: Request) -> Response:
        """The caller's sessions, the newest first; `next` is there if there are more."""
        most = number(request, "limit", SESSIONS_LIMIT_MAX, 1, SESSIONS_LIMIT_MAX)
        search = request.query_params.get("search", "")
        if len(search) > SEARCH_CHARS_MAX:
            raise _bad_parameter(f"`search` may have {SEARCH_CHARS_MAX} characters at most")
        before = request.query_params.get("before")
        infos, place = await self._manager.page_sessions(
            caller(request).user_id, most, before=None if before is None else read_place(before), search=search
        )
        return answer({"sessions": infos, **({} if place is None else {"next": write_place(place)})})

    async def create(self, request: Request) -> Response:
        """Make a session; or say why none can be made, as the upgrade does, which a browser cannot read."""
        session_id = await self._manager.create_session(caller(request).user_id)
        made = answer(await self._manager.get_session_info(session_id), 201)
        made.headers["location"] = f"/api/sessions/{session_id}"
        return made

    async def session(self, request: Request) -> Response:
        """One session's info."""
        session_id = await self.allowed(request, "read")
        return answer(await self._manager.get_session_info(session_id))

    async def delete(self, request: Request) -> Response:
        """Delete a session for good."""
        await self._manager.delete_session(await self.allowed(request, "owner"))
        return Response(status_code=204)

    async def events(self, request: Request) -> Response:
        """The journaled events after `after`, at most `limit` stored records of them, adjacent text merged."""
        session_id = await self.allowed(request, "read")
        after = number(request, "after", 0, 0, MAX_SEQ)
        limit = number(request, "limit", 200, 1, EVENTS_LIMIT_MAX)
        head = (await self._manager.get_session_info(session_id)).seq
        records = []
        if after < head:
            records = await self._journal.read(
                session_id, after, through=head, max_records=limit, max_bytes=EVENTS_MAX_BYTES
            )
        position = records[-1].seq if records else after
        events = [msgspec.Raw(record.data) for record in merged(records, after)]
        return answer(
            {
                "epoch": self._journal.epoch,
                "seq": head,
                "next_after": position,
                "more": position < head,
                "events": events,
            }
        )

    async def export(self, request: Request) -> Response:
        """The whole session as JSON Lines, as `holdfast sessions export` writes it; for its owner."""
        session_id = await self.allowed(request, "owner")
        stat = await self._journal.stat(session_id)
        headers = {
            "cache-control": "no-store",
            "content-disposition": f'attachment; filename="{file_name(session_id)}"',
        }
        return StreamingResponse(export_chunks(self._journal, stat), media_type=MEDIA_TYPE, headers=headers)

    async def allowed(self, request: Request, least: AccessLevel) -> str:
        """The id of the session in the path, if the caller's standing there is `least` or more.

        Raises `SessionNotFound`, `RequestRefused`.
        """
        session_id = str(request.path_params["session_id"])
        access = await authorize_session(self._manager, caller(request), session_id)
        if STANDINGS.index(access.standing) < STANDINGS.index(least):
            message = "your link does not allow this; the session's owner may do it"
            raise RequestRefused(HTTPRefusal("forbidden", message))
        return session_id


def caller(request: Request) -> Principal:
    """Who the guard let in."""
    principal: Principal = request.scope["state"]["principal"]
    return principal


def number(request: Request, name: str, default: int, least: int, most: int) -> int:
    """A whole number of the query string. Raises `RequestRefused`."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit()) or len(text) > 19 or not least <= int(text) <= most:
        raise _bad_parameter(f"`{name}` must be a whole number from {least} to {most}")
    return int(text)


def write_place(place: ListPosition) -> str:
    """A place in the listing of sessions, for `before`."""
    return f"{place.last_active_at}~{place.session_id}"


def read_place(text: str) -> ListPosition:
    """The place that was written so. Raises `RequestRefused`."""
    if re.fullmatch(PLACE, text) is None:
        raise _bad_parameter("`before` must be the `next` of an earlier answer")
    at, _, session_id = text.partition("~")
    return ListPosition(at, session_id)


def _bad_parameter(message: str) -> RequestRefused:
    return RequestRefused(HTTPRefusal("bad_request", message))
