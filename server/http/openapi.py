"""The HTTP routes as an OpenAPI 3.1 document, written from their table, their rules at the door and their Structs."""

import inspect
import re
from functools import cache
from typing import Any, Final

import msgspec

from server import __version__
from server.auth.authorization import rule_for
from server.http.endpoints import JSON, OPERATIONS, Operation, Plain
from server.http.schemas import Fault

REF: Final = "#/components/schemas/{name}"
MEANINGS: Final = {
    200: "Done.",
    201: "Made.",
    204: "Done; there is nothing to say.",
    400: "The request makes no sense; the message says why.",
    401: "No or bad credentials.",
    403: "The Host or Origin is not allowed, or the credentials do not give this right.",
    404: "There is no such thing, or it is not yours.",
    409: "It cannot be done as things stand.",
    413: "The body is too large.",
    429: "Too often; `Retry-After` says when to try again.",
    503: "The server is stopping, or cannot do it now.",
}
EVERYWHERE: Final = (400, 403)
WITH_CREDENTIALS: Final = (401, 429, 503)
IN_PATH: Final = {
    "session_id": {"pattern": "^[0-9a-f]{32}$"},
    "share_id": {"pattern": "^[A-Za-z0-9_-]{1,64}$"},
    "path": {
        "pattern": "^[A-Za-z0-9_-]([A-Za-z0-9_.-]*[A-Za-z0-9_-])?(/[A-Za-z0-9_-]+)*$",
        "description": "a path in the workspace, its slashes as they are; other printable characters are taken too",
    },
}
_PLACE: Final = re.compile(r"\{(\w+)(?::path)?\}")


@cache
def openapi() -> dict[str, Any]:
    """The document."""
    structs = {kind for operation in OPERATIONS for kind in _structs(operation)} | {Fault}
    ordered = sorted(structs, key=lambda kind: kind.__name__)
    references, schemas = msgspec.json.schema_components(ordered, ref_template=REF)
    known = dict(zip(ordered, references, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, known)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Holdfast HTTP routes",
            "version": __version__,
            "description": "What is beside the websocket. The websocket itself is in asyncapi.json.",
        },
        "paths": paths,
        "components": {
            "schemas": {name: _plain(schema) for name, schema in sorted(schemas.items())},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _structs(operation: Operation) -> list[type]:
    bodies = [*operation.answers.values(), operation.body]
    return [body for body in bodies if isinstance(body, type)]


def _operation(operation: Operation, known: dict[type, dict[str, Any]]) -> dict[str, Any]:
    need = rule_for(operation.path, websocket=False).need
    guarded = need not in ("nothing", "optional")
    told: dict[str, Any] = {
        "operationId": f"{operation.handler.__qualname__.replace('Routes.', '_').strip('_')}",
        "summary": (inspect.getdoc(operation.handler) or "").partition("\n")[0],
        "security": [{"bearer": []}] if guarded else [{}, {"bearer": []}] if need == "optional" else [],
    }
    parameters = [_in_path(name) for name in _PLACE.findall(operation.path)]
    parameters += [
        {"name": q.name, "in": "query", "required": False, "description": q.meaning, "schema": dict(q.schema)}
        for q in operation.query
    ]
    if parameters:
        told["parameters"] = parameters
    if operation.body is not None:
        told["requestBody"] = {"required": True, "content": _content(operation.body, known)}
    answers: dict[int, type | Plain | None] = dict.fromkeys(
        (*EVERYWHERE, *(WITH_CREDENTIALS if guarded else ()), *operation.refusals), Fault
    )
    answers |= operation.answers
    told["responses"] = {
        str(status): {"description": MEANINGS[status], **({"content": _content(body, known)} if body else {})}
        for status, body in sorted(answers.items())
    }
    return told


def _in_path(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", **IN_PATH.get(name, {})}}


def _content(body: type | Plain, known: dict[type, dict[str, Any]]) -> dict[str, Any]:
    if isinstance(body, Plain):
        return {body.media_type: {"schema": dict(body.schema)} if body.schema else {}}
    return {JSON: {"schema": known[body]}}


def _plain(node: Any) -> Any:
    """Without `discriminator`: what it says is said by the `enum` of the parts already."""
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if isinstance(node, dict):
        return {name: _plain(item) for name, item in node.items() if name != "discriminator"}
    return node
