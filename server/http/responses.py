"""HTTP responses of the routes: JSON, never cached."""

import msgspec
from starlette.responses import Response


def json_response(body: object, status: int = 200) -> Response:
    """A response with `body` as JSON."""
    return Response(
        msgspec.json.encode(body), status, media_type="application/json", headers={"cache-control": "no-store"}
    )
