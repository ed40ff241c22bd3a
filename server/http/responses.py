"""The HTTP routes' answers: JSON, never cached."""

import msgspec
from starlette.responses import Response

from protocol.codes import DENIALS


def answer(body: object, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(
        msgspec.json.encode(body), status, media_type="application/json", headers={"cache-control": "no-store"}
    )


def refusal(code: str, message: str, status: int | None = None) -> Response:
    """A refusal: `{"code", "message"}`."""
    return answer({"code": code, "message": message}, DENIALS[code].status if status is None else status)
