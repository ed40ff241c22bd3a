"""Every HTTP route for programs that read APIs: what it takes and what it answers. A route that is not here fails a test."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from protocol.limits import MAX_SEQ
from server.http import schemas
from server.http.routes.admin import AdminRoutes
from server.http.routes.files import FileRoutes
from server.http.routes.login import AuthRoutes, TokenGiven
from server.http.routes.sessions import EVENTS_LIMIT_MAX, PLACE, SEARCH_CHARS_MAX, SESSIONS_LIMIT_MAX, Routes
from server.http.routes.shares import Link, ShareRoutes, Wanted
from server.http.web import PageRoutes
from server.sessions.manager import SessionInfo

JSON: Final = "application/json"
BYTES: Final = "application/octet-stream"

SEQ: Final = {"type": "integer", "minimum": 0, "maximum": MAX_SEQ}
SESSIONS_LIMIT: Final = {
    "type": "integer",
    "minimum": 1,
    "maximum": SESSIONS_LIMIT_MAX,
    "default": SESSIONS_LIMIT_MAX,
}
PLACE_TEXT: Final = {"type": "string", "pattern": f"^{PLACE}$"}
SEARCH: Final = {"type": "string", "maxLength": SEARCH_CHARS_MAX}
LIMIT: Final = {"type": "integer", "minimum": 1, "maximum": EVENTS_LIMIT_MAX, "default": 200}


class Plain(msgspec.Struct, frozen=True):
    """A body that is no Struct: its media type, and its JSON Schema."""

    media_type: str
    schema: Mapping[str, Any] = {}


class Query(msgspec.Struct, frozen=True):
    """A parameter of the query string; none is required."""

    name: str
    meaning: str
    schema: Mapping[str, Any]


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One method of one path. The handler's docstring is its summary.

    `answers`: a Struct or a Plain by status, None without a body. `refusals`: statuses with a `Fault` beside those that
    every route has (`server.http.openapi`).
    """

    method: str
    path: str
    handler: Callable[..., Any]
    answers: Mapping[int, type | Plain | None]
    refusals: tuple[int, ...] = ()
    query: tuple[Query, ...] = ()
    body: type | Plain | None = None


SESSION: Final = "/api/sessions/{session_id}"
OBJECT: Final = Plain(JSON, {"type": "object"})
FILE: Final = Plain(BYTES)
PAGE: Final = Plain("text/html", {"type": "string"})

OPERATIONS: Final = (
    Operation(method="GET", path="/", handler=PageRoutes.index, answers={200: PAGE}),
    Operation(method="GET", path="/s/{session_id}", handler=PageRoutes.session, answers={200: PAGE}, refusals=(404,)),
    Operation(method="GET", path="/livez", handler=Routes.livez, answers={200: schemas.Status}),
    Operation(method="GET", path="/readyz", handler=Routes.readyz, answers={200: schemas.Status}, refusals=(503,)),
    Operation(
        method="GET",
        path="/metrics",
        handler=Routes.metrics,
        answers={200: Plain("text/plain", {"type": "string"})},
        refusals=(404,),
    ),
    Operation(method="GET", path="/schema.json", handler=Routes.schema, answers={200: OBJECT}),
    Operation(method="GET", path="/asyncapi.json", handler=Routes.asyncapi, answers={200: OBJECT}),
    Operation(method="GET", path="/openapi.json", handler=Routes.openapi, answers={200: OBJECT}),
    Operation(method="GET", path="/api/config", handler=Routes.config, answers={200: schemas.Config}),
    Operation(method="GET", path="/api/me", handler=Routes.me, answers={200: schemas.Me}),
    Operation(
        method="GET",
        path="/api/sessions",
        handler=Routes.sessions,
        query=(
            Query("limit", "sessions that are answered at most", SESSIONS_LIMIT),
            Query("before", "the `next` of an earlier answer: the sessions behind it are answered", PLACE_TEXT),
            Query("search", "only sessions whose title has this in it, in any case", SEARCH),
        ),
        answers={200: schemas.Sessions},
        refusals=(503,),
    ),
    Operation(
        method="POST",
        path="/api/sessions",
        handler=Routes.create,
        answers={201: SessionInfo},
        refusals=(429, 503),
    ),
    Operation(method="GET", path=SESSION, handler=Routes.session, answers={200: SessionInfo}, refusals=(404, 503)),
    Operation(method="DELETE", path=SESSION, handler=Routes.delete, answers={204: None}, refusals=(404, 503)),
    Operation(
        method="GET",
        path=f"{SESSION}/events",
        handler=Routes.events,
        query=(
            Query("after", "the last position that is known; events after it are answered", SEQ),
            Query("limit", "stored records that are read at most", LIMIT),
        ),
        answers={200: schemas.Events},
        refusals=(404, 503),
    ),
    Operation(
        method="GET",
        path=f"{SESSION}/export",
        handler=Routes.export,
        answers={200: Plain("application/jsonl", {"type": "string"})},
        refusals=(404, 503),
    ),
    Operation(
        method="GET",
        path=f"{SESSION}/files",
        handler=FileRoutes.list,
        answers={200: schemas.Files},
        refusals=(404, 503),
    ),
    Operation(
        method="GET",
        path=f"{SESSION}/files/{{path}}",
        handler=FileRoutes.download,
        answers={200: FILE},
        refusals=(404, 503),
    ),
    Operation(
        method="PUT",
        path=f"{SESSION}/files/{{path}}",
        handler=FileRoutes.upload,
        body=FILE,
        answers={200: schemas.FilePut, 201: schemas.FilePut},
        refusals=(404, 413, 503),
    ),
    Operation(
        method="GET",
        path=f"{SESSION}/shares",
        handler=ShareRoutes.list,
        answers={200: schemas.Links},
        refusals=(404, 503),
    ),
    Operation(
        method="POST",
        path=f"{SESSION}/shares",
        handler=ShareRoutes.share,
        body=Wanted,
        answers={201: Link},
        refusals=(404, 409, 413, 503),
    ),
    Operation(
        method="DELETE",
        path=f"{SESSION}/shares/{{share_id}}",
        handler=ShareRoutes.unshare,
        answers={204: None},
        refusals=(404, 409, 503),
    ),
    Operation(
        method="GET",
        path="/api/admin/sessions",
        handler=AdminRoutes.sessions,
        query=(Query("user", "only the sessions of this user", {"type": "string"}),),
        answers={200: schemas.SessionsSeen},
        refusals=(503,),
    ),
    Operation(
        method="POST",
        path="/api/admin/sessions/{session_id}/stop",
        handler=AdminRoutes.stop,
        answers={200: schemas.Stopped},
        refusals=(404, 503),
    ),
    Operation(
        method="POST",
        path="/auth/local",
        handler=AuthRoutes.local,
        body=TokenGiven,
        answers={200: schemas.LoggedIn},
        refusals=(401, 404, 429),
    ),
    Operation(
        method="POST",
        path="/auth/token",
        handler=AuthRoutes.token,
        body=TokenGiven,
        answers={200: schemas.LoggedIn},
        refusals=(401, 404, 429),
    ),
    Operation(
        method="POST",
        path="/auth/share",
        handler=AuthRoutes.share,
        body=TokenGiven,
        answers={200: schemas.Guest},
        refusals=(401,),
    ),
    Operation(method="POST", path="/auth/logout", handler=AuthRoutes.logout, answers={204: None}),
)
