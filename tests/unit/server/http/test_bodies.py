"""Request bodies: one that is silent, slow or too large is refused, and only bytes that came take a place."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message

from agent.util.places import Holder, PlaceLimits, PlacesTaken
from server.http import bodies
from server.http.bodies import PACE_BYTES, SILENCE_S, SMALL_BYTES, START_S, Bodies, Pace, read_small
from server.http.errors import EXCEPTION_HANDLERS
from server.util.refusal import RequestRefused

ANN, BOB = Holder("ann", "a"), Holder("bob", "b")
FEW = PlaceLimits(total=2, per_user=1, per_session=1, waiting_max=1, wait_s=0.0)


def request(*parts: bytes, ends: bool = True) -> Request:
    """A request whose body comes in these parts, and then ends or stays silent."""
    messages = [{"type": "http.request", "body": part, "more_body": True} for part in parts]

    async def receive() -> Message:
        if messages:
            return messages.pop(0)
        if not ends:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": b"", "more_body": False}

    return Request({"type": "http", "method": "PUT", "headers": []}, receive)


async def test_a_body_in_parts_is_read_whole() -> None:
    with ExitStack() as keep:
        assert await Bodies().read(request(b"ab", b"c"), 3, ANN, keep) == b"abc"
        assert await Bodies().read(request(b"ab", b"cd"), 3, ANN, keep) is None


def sent(length: int, parts: AsyncIterator[bytes], **headers: str) -> Request:
    """A request of this length whose body comes in parts."""

    async def receive() -> Message:
        part = await anext(parts, b"")
        return {"type": "http.request", "body": part, "more_body": bool(part)}

    given = {"content-length": str(length), **headers}
    raw = [(name.encode(), value.encode()) for name, value in given.items()]
    return Request({"type": "http", "method": "PUT", "headers": raw}, receive)


async def test_a_body_that_is_too_large_is_read_away_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "AWAY_BYTES", 1_000)
    monkeypatch.setattr(bodies, "AWAY_S", 0.05)
    came = 0

    async def body(*, ends: bool = True) -> AsyncIterator[bytes]:
        nonlocal came
        for _ in range(300):
            came += 10
            yield bytes(10)
            if not ends and came == 500:
                await asyncio.Event().wait()

    for length, headers, ends, read in (
        (1_000, {}, True, 1_000),
        (1_001, {}, True, 0),
        (500, {"expect": "100-continue"}, True, 0),
        (500, {}, False, 500),
    ):
        came, parts = 0, body(ends=ends)
        with ExitStack() as keep:
            assert await Bodies().read(sent(length, parts, **headers), 100, ANN, keep) is None
        assert read <= came <= read + 10, (length, headers)


async def test_a_body_that_stops_is_refused_with_408(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "SILENCE_S", 0.01)
    with pytest.raises(RequestRefused, match="after 2 bytes") as refused:
        await read_small(request(b"ab", ends=False), 100)
    assert refused.value.refusal.status == 408


def test_silence_and_pace_are_bounded() -> None:
    pace = Pace(100.0)
    assert pace.seconds_left(0, 100.0) == SILENCE_S
    assert pace.seconds_left(0, 100.0 + START_S - 1) == 1
    assert pace.seconds_left(0, 100.0 + START_S) == 0
    assert pace.seconds_left(5 * PACE_BYTES, 100.0 + START_S) == 5
    pace.pause(3.0)
    assert pace.seconds_left(0, 100.0 + START_S) == 3


async def test_a_place_is_taken_when_the_bytes_are_there_and_kept_until_the_caller_is_done() -> None:
    uploads = Bodies(FEW)
    large = bytes(SMALL_BYTES + 1)
    with ExitStack() as first:
        await uploads.read(request(large), len(large), ANN, first)
        with ExitStack() as other:
            assert await uploads.read(request(bytes(SMALL_BYTES)), len(large), ANN, other) is not None
            with pytest.raises(PlacesTaken, match="uploads are taken for this session"):
                await uploads.read(request(large), len(large), ANN, other)
            assert await uploads.read(request(large), len(large), BOB, other) == large
    with ExitStack() as again:
        assert await uploads.read(request(large), len(large), ANN, again) == large


async def test_a_small_body_of_a_route_is_never_larger_than_what_takes_no_place() -> None:
    with pytest.raises(ValueError, match="no small body"):
        await read_small(request(b""), SMALL_BYTES + 1)


async def test_a_client_that_leaves_in_the_middle_of_a_body_is_no_fault_of_the_server() -> None:
    async def upload(request: Request) -> Response:
        await read_small(request, 100)
        raise AssertionError("there is no whole body")

    app = Starlette(routes=[Route("/", upload, methods=["PUT"])], exception_handlers=EXCEPTION_HANDLERS)
    received: list[Message] = [{"type": "http.request", "body": b"ab", "more_body": True}, {"type": "http.disconnect"}]
    sent: list[Message] = []

    async def receive() -> Message:
        return received.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "PUT", "path": "/", "headers": [], "query_string": b""}
    await app(scope, receive, send)
    assert sent[0]["status"] == 400
