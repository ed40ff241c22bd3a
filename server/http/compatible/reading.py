"""Reading: the JSON body of a request of another protocol, within bounds."""

from contextlib import ExitStack
from typing import Final, TypeVar

import msgspec
from starlette.requests import Request

from agent.util.places import Holder
from server.http.bodies import Bodies
from server.http.requests import bad_request
from server.util.refusal import HTTPRefusal, RequestRefused

BODY_BYTES_MAX: Final = 4_194_304
"""Clients send their whole history each time. It is decoded in some 20 ms."""

Shape = TypeVar("Shape")


async def read_json(bodies: Bodies, request: Request, user_id: str, shape: type[Shape]) -> Shape:
    """The body. Raises `RequestRefused`, `PlacesTaken`."""
    with ExitStack() as keep:
        body = await bodies.read(request, BODY_BYTES_MAX, Holder(user_id), keep)
        if body is None:
            raise RequestRefused(HTTPRefusal("too_large", f"the body is larger than {BODY_BYTES_MAX} bytes"))
        try:
            return msgspec.json.decode(body, type=shape)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise bad_request(f"the body is not what is taken here: {error}") from error
