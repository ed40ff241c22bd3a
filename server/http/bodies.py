"""Request bodies: reads them whole, within bounds on their size, on silence, on pace, and on how many are read at once."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, suppress
from typing import Final

from starlette.requests import Request

from agent.util.places import Holder, PlaceLimits, Places
from server.util.refusal import HTTPRefusal, RequestRefused

SILENCE_S: Final = 10.0
"""How long a client may send nothing of a body. Networks lose and repeat packets for some seconds."""

START_S: Final = 20.0
PACE_BYTES: Final = 16_384
"""After `START_S` a body must have come at this many bytes a second on average: a slow mobile network is faster."""

AWAY_BYTES: Final = 67_108_864
"""What is read away of a body that is too large, before it is refused: twice the largest upload by default."""

AWAY_S: Final = 10.0
"""How long that may take."""

SMALL_BYTES: Final = 65_536
"""A body up to this size takes no place: it is no larger than what the server buffers of a connection anyway."""

UPLOADS: Final = PlaceLimits(total=16, per_user=3, per_session=2, waiting_max=64, wait_s=60.0, shared=4)
"""Larger bodies that are read and kept in memory at once. More of one user wait, and the server reads nothing of them. Once
four are taken, nobody gets a second one: fewer than fourteen users cannot hold all of them."""


class Bodies:
    """The places for large bodies, of all users. `now`: the monotonic clock in seconds."""

    def __init__(self, limits: PlaceLimits = UPLOADS, now: Callable[[], float] = time.monotonic) -> None:
        self._places = Places("uploads", limits)
        self._now = now

    async def read(self, request: Request, most: int, holder: Holder, keep: ExitStack) -> bytes | None:
        """The whole body; None if it is larger than `most` bytes, once the rest was read away.

        A body of more than `SMALL_BYTES` takes a place of `holder` when so much has come, until `keep` is closed.
        Raises RequestRefused (408) for a client that is silent or too slow, PlacesTaken.
        """
        length = request.headers.get("content-length", "")
        data = bytearray()
        pace = Pace(self._now())
        parts = request.stream()
        if length.isdigit() and int(length) > most:
            await read_away(request, parts)
            return None
        has_place = False
        while True:
            allowed = pace.seconds_left(len(data), self._now())
            try:
                async with asyncio.timeout(allowed):
                    part = await anext(parts, None)
            except TimeoutError:
                raise too_slow(len(data)) from None
            if part is None:
                return bytes(data)
            data += part
            if len(data) > most:
                await read_away(request, parts)
                return None
            if len(data) > SMALL_BYTES and not has_place:
                before = self._now()
                keep.callback(await self._places.take(holder))
                has_place = True
                pace.pause(self._now() - before)


async def read_away(request: Request, parts: AsyncIterator[bytes]) -> None:
    """Read what is left of a body that is refused, within bounds.

    Behind a proxy that reads nothing more once it has the answer (Caddy, nghttpx, Envoy, Squid), a client that reads nothing
    before it has sent everything would get a reset in its place.
    """
    length = request.headers.get("content-length", "")
    if "expect" in request.headers or (length.isdigit() and int(length) > AWAY_BYTES):
        return  # it waits for the answer; or the rest is too much
    size = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(AWAY_S):
            async for part in parts:
                size += len(part)
                if size > AWAY_BYTES:
                    return


class Pace:
    """How fast a body comes. `began`: when the reading began, in seconds of a monotonic clock. Pure."""

    def __init__(self, began: float) -> None:
        self._began = began

    def pause(self, seconds: float) -> None:
        """Do not count a time in which the server itself did not read."""
        self._began += seconds

    def seconds_left(self, size: int, now: float) -> float:
        """How long to wait for the next part when `size` bytes have come; 0 or less: the client is too slow."""
        return min(SILENCE_S, self._began + START_S + size / PACE_BYTES - now)


def too_slow(size: int) -> RequestRefused:
    """The refusal of a body that stopped or came too slowly, after `size` bytes."""
    message = (
        f"the body came too slowly: after {size} bytes nothing came for {SILENCE_S:g} s, or less than {PACE_BYTES} "
        "bytes a second came on average; send it again"
    )
    return RequestRefused(HTTPRefusal("bad_request", message, status=408))


async def read_small(request: Request, most: int) -> bytes | None:
    """As `Bodies.read`, for routes whose bodies are small (`most` is at most `SMALL_BYTES`); it takes no place."""
    if most > SMALL_BYTES:
        raise ValueError(f"{most} bytes are no small body: give it a place, with Bodies.read")
    with ExitStack() as keep:
        return await Bodies().read(request, most, Holder(), keep)
