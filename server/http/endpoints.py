"""Endpoint: one method of one path, described once for the routes, the authorization rules and the OpenAPI document."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from server.auth.authorization import Need

JSON: Final = "application/json"
SESSION: Final = "/api/sessions/{session_id}"


class Media(msgspec.Struct, frozen=True):
    """A body that is described by its media type and a JSON Schema; a body that is JSON is described by its Struct.

    `streamed`: it may come as server-sent events too, if the request asks for that.
    """

    media_type: str
    schema: Mapping[str, Any] = {}
    streamed: bool = False


JSON_OBJECT: Final = Media(JSON, {"type": "object"})
EVENT_STREAM: Final = Media("text/event-stream")
BINARY: Final = Media("application/octet-stream")
HTML: Final = Media("text/html", {"type": "string"})


class Query(msgspec.Struct, frozen=True):
    """A parameter of the query string. None is required."""

    name: str
    description: str
    schema: Mapping[str, Any]


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One method of one path.

    `path` is a path of Starlette: `{name}` stands for one segment, `{name:path}` for the rest.
    `needs`: what the caller needs (`server.auth.authorization`).
    `handler`: a method of a routes class; the first line of its docstring is the summary in the OpenAPI document.
    `name`: the operation's id in the OpenAPI document; empty: the endpoint is for a browser and is not in the document.
    `by_link`: a browser may follow a link to it (`server.auth.authorization.Rule`).
    `answers`: the body by status; None is no body. `refusals`: statuses of refusals besides those of every endpoint.
    """

    method: str
    path: str
    needs: Need
    handler: Callable[..., Any]
    name: str = ""
    by_link: bool = False
    answers: Mapping[int, type | Media | None] = {}
    refusals: tuple[int, ...] = ()
    query: tuple[Query, ...] = ()
    body: type | Media | None = None
    body_required: bool = True
