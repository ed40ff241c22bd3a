"""Reading: the JSON body of a request of another protocol, within bounds."""

import asyncio
from contextlib import AsyncExitStack, ExitStack
from typing import Final, TypeVar

import msgspec
from starlette.requests import Request

from agent.util.places import Holder
from protocol import codes
from protocol.codec import FrameError, check_count
from server.http.bodies import SMALL_BYTES, Bodies
from server.http.requests import bad_request
from server.util.refusal import HTTPRefusal, RequestRefused
from server.websocket.policy import SubmissionPolicy

BODY_BYTES_MAX: Final = 4_194_304
"""Clients send their whole history each time. It is decoded in some 20 ms."""

VALUES_MAX: Final = 50_000
"""JSON values in a body: each takes some 70 bytes and half a microsecond, whatever it is for. So many are 10,000 messages."""

Shape = TypeVar("Shape")


async def read_json(bodies: Bodies, request: Request, policy: SubmissionPolicy, shape: type[Shape]) -> Shape:
    """The body. It is decoded at the pace of large websocket messages. Raises `RequestRefused`, `PlacesTaken`."""
    async with AsyncExitStack() as held:
        keep = held.enter_context(ExitStack())
        body = await bodies.read(request, BODY_BYTES_MAX, Holder(policy.principal.user_id), keep)
        if body is None:
            raise RequestRefused(HTTPRefusal("too_large", f"the body is larger than {BODY_BYTES_MAX} bytes"))
        if len(body) > SMALL_BYTES:
            await held.enter_async_context(policy.turn)
            await asyncio.sleep(policy.delay_s(len(body)))
        try:
            check_count(body.decode(), VALUES_MAX)
            return msgspec.json.decode(body, type=shape)
        except FrameError as error:
            code = "too_large" if error.code == codes.INVALID else "bad_request"
            raise RequestRefused(HTTPRefusal(code, f"the body is not taken: {error}")) from error
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise bad_request(f"the body is not what is taken here: {error}") from error
