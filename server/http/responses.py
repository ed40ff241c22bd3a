"""The HTTP routes' answers: JSON, never cached."""

import msgspec
from starlette.responses import Response


def answer(body: object, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(
        msgspec.json.encode(body), status, media_type="application/json", headers={"cache-control": "no-store"}
    )
