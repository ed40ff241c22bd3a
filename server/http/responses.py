"""HTTP responses of the routes: JSON, never cached."""

from hashlib import blake2b

import msgspec
from starlette.requests import Request
from starlette.responses import Response


def json_response(body: object, status: int = 200) -> Response:
    """A response with `body` as JSON."""
    return Response(
        msgspec.json.encode(body), status, media_type="application/json", headers={"cache-control": "no-store"}
    )


def json_if_changed(request: Request, body: object) -> Response:
    """A response with `body` as JSON; 304 without it if the request's `If-None-Match` names the same (RFC 9110, 13.1.2)."""
    response = json_response(body)
    etag = f'"{blake2b(bytes(response.body), digest_size=16).hexdigest()}"'
    if etag in request.headers.get("if-none-match", ""):
        response = Response(status_code=304, headers={"cache-control": "no-store"})
    response.headers["etag"] = etag
    return response
