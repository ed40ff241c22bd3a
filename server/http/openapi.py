"""OpenAPI: makes the 3.1 document of the HTTP endpoints from their table and their Structs."""

import inspect
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from protocol.limits import MAX_SEQ
from server import __version__
from server.http.endpoints import EVENT_STREAM, JSON, Endpoint, Media
from server.http.schemas import Fault

REF: Final = "#/components/schemas/{name}"
MEANINGS: Final = {
    200: "Success.",
    201: "Created.",
    204: "Success, without a body.",
    304: "It is as the request knows it, and is not sent again.",
    400: "The request is not valid; the message says why.",
    401: "There are no credentials, or they are not valid.",
    403: "The Host or Origin is not allowed, or the credentials do not give this right.",
    404: "It does not exist, or it is not yours.",
    409: "It is not possible in the present state of the session.",
    408: "The body came too slowly.",
    412: "What the request asks to find is not so, or what it asks not to find is there.",
    413: "The body is too large.",
    429: "Too many requests or too much stored; `Retry-After` says when to try again.",
    500: "A fault of the server, or of the model; the message says what.",
    502: "An MCP server failed; the message says how.",
    503: "The server is stopping or cannot do it now; try again.",
    504: "The model did not answer in time.",
}
EVERYWHERE: Final = (400, 403)
WITH_CREDENTIALS: Final = (401, 429, 503)
IN_PATH: Final[Mapping[str, Mapping[str, object]]] = {
    "session_id": {"pattern": "^[0-9a-f]{32}$"},
    "share_id": {"pattern": "^[A-Za-z0-9_-]{1,64}$"},
    "seq": {"type": "integer", "minimum": 1, "maximum": MAX_SEQ},
    "path": {
        "pattern": "^[A-Za-z0-9_-]([A-Za-z0-9_.-]*[A-Za-z0-9_-])?(/[A-Za-z0-9_-]+)*$",
        "description": "a path in the workspace, with its slashes; other printable characters are accepted too",
    },
}
_IN_BRACES: Final = re.compile(r"\{(\w+)(?::path)?\}")


def openapi(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """The document of those endpoints that have a name."""
    named = [endpoint for endpoint in endpoints if endpoint.name]
    structs = {kind for endpoint in named for kind in _structs(endpoint)} | {Fault}
    ordered = sorted(structs, key=lambda kind: kind.__name__)
    references, schemas = msgspec.json.schema_components(ordered, ref_template=REF)
    by_struct = dict(zip(ordered, references, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in named:
        path = endpoint.path.replace(":path}", "}")
        paths.setdefault(path, {})[endpoint.method.lower()] = _operation(endpoint, by_struct)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Holdfast HTTP routes",
            "version": __version__,
            "description": "The HTTP routes besides the websocket, which asyncapi.json describes.",
        },
        "paths": paths,
        "components": {
            "schemas": {name: _without_discriminators(schema) for name, schema in sorted(schemas.items())},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _structs(endpoint: Endpoint) -> list[type]:
    bodies = [*endpoint.answers.values(), endpoint.body]
    return [body for body in bodies if isinstance(body, type)]


def _operation(endpoint: Endpoint, by_struct: dict[type, dict[str, Any]]) -> dict[str, Any]:
    guarded = endpoint.needs not in ("nothing", "optional")
    operation: dict[str, Any] = {
        "operationId": endpoint.name,
        "summary": (inspect.getdoc(endpoint.handler) or "").partition("\n")[0],
        "security": [{"bearer": []}] if guarded else [{}, {"bearer": []}] if endpoint.needs == "optional" else [],
    }
    parameters = [_in_path(name) for name in _IN_BRACES.findall(endpoint.path)]
    parameters += [
        {"name": q.name, "in": "query", "required": False, "description": q.description, "schema": dict(q.schema)}
        for q in endpoint.query
    ]
    if parameters:
        operation["parameters"] = parameters
    if endpoint.body is not None:
        operation["requestBody"] = {"required": endpoint.body_required, "content": _content(endpoint.body, by_struct)}
    answers: dict[int, type | Media | None] = dict.fromkeys(
        (*EVERYWHERE, *(WITH_CREDENTIALS if guarded else ()), *endpoint.refusals), Fault
    )
    answers |= endpoint.answers
    operation["responses"] = {
        str(status): {"description": MEANINGS[status], **({"content": _content(body, by_struct)} if body else {})}
        for status, body in sorted(answers.items())
    }
    return operation


def _in_path(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", **IN_PATH.get(name, {})}}


def _content(body: type | Media, by_struct: dict[type, dict[str, Any]]) -> dict[str, Any]:
    if isinstance(body, Media):
        content = {body.media_type: {"schema": dict(body.schema)} if body.schema else {}}
        return content | ({EVENT_STREAM.media_type: {}} if body.streamed else {})
    return {JSON: {"schema": by_struct[body]}}


def _without_discriminators(node: Any) -> Any:
    """The schema without `discriminator`: the `enum` in each part says the same."""
    if isinstance(node, list):
        return [_without_discriminators(item) for item in node]
    if isinstance(node, dict):
        return {name: _without_discriminators(item) for name, item in node.items() if name != "discriminator"}
    return node
