"""Session client: against a server that does what a test says: cuts, refusals, faults, and consumers that do not read."""

import asyncio
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.http11 import Response

from clients.session.client import SessionClient
from clients.session.core import Position
from clients.session.errors import CannotConnect, ConsumerStalled, Denied, SessionEnded, SubmissionRefused
from clients.session.outcomes import CaughtUp, Connected, Ended, Fault, FeedItem, Reconnecting, Rejected, ViewReset
from clients.session.reconnect import Action, Backoff
from protocol import codec, codes
from protocol import events as ev
from protocol.frames import Refused, Synced
from protocol.limits import Limits
from protocol.submissions import Undo, UserInput
from protocol.view import View, to_snapshot
from tests.unit.clients.session.recorded import NOW, SESSION, Journal, conversation, encoded, fold, ready
from tests.unit.clients.session.standin import send, standing_in, then_close, until_left

EVENTS = conversation()
JOURNAL = Journal(EVENTS)
QUICK = Backoff(base_s=0.01, cap_s=0.05)
PATIENCE_S = 45.0


def client_of(url: str, session_id: str | None = SESSION, **fields: Any) -> SessionClient:
    return SessionClient(url, session_id, **({"backoff": QUICK} | fields))


def refusal(status: int, body: bytes, **headers: str) -> Response:
    return Response(status, "", Headers({"Content-Length": str(len(body)), **headers}), body)


async def all_of(client: SessionClient) -> list[FeedItem]:
    """What is heard until the end."""
    async with asyncio.timeout(PATIENCE_S):
        return [item async for item in client]


def seqs(items: list[FeedItem]) -> list[int]:
    return [event.seq for event in items if isinstance(event, ev.EventBase)]


async def test_events_and_states_are_delivered_in_order_until_the_end() -> None:
    async with (
        standing_in(then_close(1000, *JOURNAL.hello(None, 2), *EVENTS[2:6])) as server,
        client_of(server.url, None) as client,
    ):
        items = await all_of(client)
        assert [type(item) for item in items[:3]] == [Connected, ViewReset, CaughtUp]
        assert seqs(items) == [3, 4, 5, 6]
        assert items[-1] == Ended(Action.STAY_AWAY, "closed with 1000 as written", 1000)
        assert client.session_id == SESSION
        assert server.paths == ["/ws"]
        with pytest.raises(SessionEnded, match="closed with 1000"):
            await client.say("too late")
        with pytest.raises(SessionEnded):
            await client.wait_until(lambda view: view.state == "closed")


async def test_the_client_resumes_with_its_position_and_misses_nothing() -> None:
    async with standing_in(
        then_close(1012, *JOURNAL.hello(None, 2), *EVENTS[2:6]),
        then_close(1000, *JOURNAL.hello(("e1", 6), 20), *EVENTS[20:]),
    ) as server:
        async with client_of(server.url) as client:
            items = await all_of(client)
    assert server.paths == [f"/ws/{SESSION}", f"/ws/{SESSION}?after=6&epoch=e1&final_response=no"]
    [lost] = [item for item in items if isinstance(item, Reconnecting)]
    assert lost.why == "closed with 1012 as written"
    assert encoded(client.view) == encoded(fold(EVENTS))
    assert seqs(items)[-1] == len(EVENTS)


async def test_a_stream_that_was_damaged_on_the_way_is_a_cut() -> None:
    async def damaged(connection: ServerConnection) -> None:
        await send(connection, *JOURNAL.hello(None, 2))
        connection.transport.write(b"\x88\x80\0\0\0\0")  # a frame that is masked, which servers do not send
        await connection.wait_closed()

    async with (
        standing_in(damaged, then_close(1000, *JOURNAL.hello(("e1", 2), 4))) as server,
        client_of(server.url) as client,
    ):
        items = await all_of(client)
        assert [item.why for item in items if isinstance(item, Reconnecting)] == [
            "what came was damaged: incorrect masking"
        ]
        assert seqs(items) == [3, 4]


async def test_a_gap_is_reported_and_repaired() -> None:
    async with standing_in(
        until_left(*JOURNAL.hello(None, 2), EVENTS[4]),
        then_close(1000, *JOURNAL.hello(("e1", 2), len(EVENTS))),
    ) as server:
        async with client_of(server.url) as client:
            items = await all_of(client)
    assert any(isinstance(item, Fault) for item in items)
    assert server.paths[1].endswith("?after=2&epoch=e1&final_response=no")
    assert encoded(client.view) == encoded(fold(EVENTS))


async def test_a_server_that_falls_silent_is_left() -> None:
    limits = Limits(heartbeat_s=0.05)
    async with standing_in(
        until_left(ready(limits=limits), to_snapshot(View()), Synced(seq=0)),
        then_close(1000, ready(recovered=True), Synced(seq=0)),
    ) as server:
        async with client_of(server.url) as client:
            items = await all_of(client)
    [lost] = [item for item in items if isinstance(item, Reconnecting)]
    assert lost.why == "nothing was heard for too long"


@pytest.mark.parametrize(("code", "action"), [(4401, Action.LOG_IN), (4404, Action.FORGET), (4429, Action.STAY_AWAY)])
async def test_a_close_code_that_asks_for_something_ends_it(code: int, action: Action) -> None:
    async with standing_in(then_close(code, *JOURNAL.hello(None, 0))) as server, client_of(server.url) as client:
        last = (await all_of(client))[-1]
        assert last == Ended(action, f"closed with {code} as written", code)


async def test_a_refusal_by_http_is_read_from_its_body() -> None:
    body = b'{"code":"capacity","message":"your sessions are used up","error_type":"per_user"}'
    async with standing_in(refusal(429, body, **{"Retry-After": "5"})) as server:
        with pytest.raises(Denied, match="your sessions are used up") as denied:
            async with client_of(server.url):
                pass
    assert (denied.value.status, denied.value.code, denied.value.retry_after_s) == (429, "capacity", 5.0)


async def test_a_refusal_by_a_proxy_is_described_by_its_status() -> None:
    async with standing_in(refusal(502, b"<html>bad gateway</html>")) as server:
        with pytest.raises(Denied) as denied:
            async with client_of(server.url):
                pass
    assert (denied.value.status, denied.value.code) == (502, "http_502")


async def test_a_redirect_is_not_followed_with_the_credentials() -> None:
    async with standing_in(until_left()) as elsewhere:
        async with standing_in(refusal(307, b"", Location=elsewhere.url.replace("http", "ws"))) as server:
            with pytest.raises(Denied) as denied:
                async with client_of(server.url, token="secret"):
                    pass
        assert denied.value.status == 307
        assert elsewhere.paths == []


async def test_a_refusal_while_coming_back_is_waited_out_or_ends_it() -> None:
    async with standing_in(
        then_close(1001, *JOURNAL.hello(None, 0)),
        refusal(503, b'{"code":"unavailable","message":"stopping"}'),
        refusal(404, b'{"code":"not_found","message":"gone"}'),
    ) as server:
        async with client_of(server.url) as client:
            items = await all_of(client)
    assert [item.why for item in items if isinstance(item, Reconnecting)] == [
        "closed with 1001 as written",
        "unavailable (HTTP 503): stopping",
    ]
    assert items[-1] == Ended(Action.FORGET, "not_found (HTTP 404): gone")


async def test_an_unreachable_server_is_reported_at_once() -> None:
    async with standing_in() as server:
        url = server.url
    with pytest.raises(CannotConnect):
        async with client_of(url):
            pass


async def test_a_server_with_another_protocol_is_recognized() -> None:
    async with standing_in(until_left(), subprotocol=None) as server:
        with pytest.raises(CannotConnect, match="does not speak"):
            async with client_of(server.url):
                pass


async def test_the_answer_to_a_submission_is_awaited_over_a_cut() -> None:
    async def forgetful(connection: ServerConnection) -> None:
        await send(connection, *JOURNAL.hello(None, 0))
        got.append(codec.decode_submission(await connection.recv()))
        connection.transport.abort()

    async def answering(connection: ServerConnection) -> None:
        await send(connection, ready(recovered=True), Synced(seq=0))
        got.append(codec.decode_submission(await connection.recv()))
        await send(connection, ev.Accepted(seq=1, at=NOW, submission_id=got[-1].id, submission=got[-1]))
        await connection.wait_closed()

    got: list[Any] = []
    async with standing_in(forgetful, answering) as server, client_of(server.url) as client:
        async with asyncio.timeout(PATIENCE_S):
            accepted = await client.say("once")
        assert accepted.seq == 1
        assert got[0] == got[1]


async def test_a_refused_submission_raises_if_awaited_and_is_an_event_otherwise() -> None:
    async def refusing(connection: ServerConnection) -> None:
        await send(connection, *JOURNAL.hello(None, 0))
        async for data in connection:
            undo = codec.decode_submission(data)
            await send(connection, Refused(id=undo.id, code=codes.NOTHING_TO_UNDO, message="nothing", retryable=False))

    async with standing_in(refusing) as server, client_of(server.url) as client:
        async with asyncio.timeout(PATIENCE_S):
            with pytest.raises(SubmissionRefused, match="nothing_to_undo: nothing"):
                await client.submit(Undo())
            submission_id = client.send(Undo())
            refused = [item async for item in _until(client, Rejected)][-1]
    assert refused == Rejected(submission_id, codes.NOTHING_TO_UNDO, "nothing", False)


async def _until(client: SessionClient, kind: type[Any]) -> Any:
    async for item in client:
        yield item
        if isinstance(item, kind):
            return


async def test_a_consumer_that_does_not_read_holds_back_the_socket_and_loses_nothing() -> None:
    many = [ev.TitleChanged(seq=number, at=NOW, title=str(number)) for number in range(1, 501)]

    async def talkative(connection: ServerConnection) -> None:
        await send(connection, *JOURNAL.hello(None, 0))
        for event in many:
            await send(connection, event)
        await connection.close(1000)

    async with standing_in(talkative) as server:
        async with client_of(server.url, feed_max=8, consumer_stall_s=0.05) as client:
            with pytest.raises(ConsumerStalled, match="nobody reads it"):
                await client.wait_until(lambda view: view.seq == 500)
            assert client.view.seq < 10
            assert seqs(await all_of(client)) == list(range(1, 501))


async def test_without_a_feed_the_view_goes_on_alone() -> None:
    async with standing_in(until_left(*JOURNAL.hello(None, 0), *EVENTS)) as server:
        async with client_of(server.url, feed_max=0) as client, asyncio.timeout(PATIENCE_S):
            await client.wait_until(lambda view: view.seq == len(EVENTS))
            assert encoded(client.view) == encoded(fold(EVENTS))


async def test_a_replay_longer_than_the_feed_does_not_hold_up_the_entry() -> None:
    past = JOURNAL.hello(("", 0), len(EVENTS))
    async with standing_in(then_close(1000, *past)) as server, asyncio.timeout(PATIENCE_S):
        async with client_of(server.url, position=Position("", 0), feed_max=3) as client:
            items = [item async for item in client]
    assert len(seqs(items)) == len(past) - 2


async def test_a_wait_sees_what_the_view_was_only_between_two_events_of_a_message() -> None:
    async def script(connection: ServerConnection) -> None:
        await send(connection, *JOURNAL.hello(None, 0))
        await connection.recv()
        await send(connection, *EVENTS)
        await connection.wait_closed()

    async with standing_in(script) as server:
        async with client_of(server.url) as client, asyncio.timeout(PATIENCE_S):
            client.send(Undo())
            await client.wait_until(lambda view: bool(view.pending_approval))
    assert not fold(EVENTS).pending_approval


async def test_closing_sends_what_was_submitted_and_a_close_frame() -> None:
    got: list[Any] = []
    closed: list[int | None] = []

    async def reading(connection: ServerConnection) -> None:
        await send(connection, *JOURNAL.hello(None, 0))
        async for data in connection:
            got.append(codec.decode_submission(data))
        closed.append(connection.close_code)

    async with standing_in(reading) as server:
        async with client_of(server.url) as client:
            client.send(UserInput(text="on my way out", id="last"))
    assert got == [UserInput(text="on my way out", id="last")]
    assert closed == [1000]


async def test_leaving_does_not_wait_for_a_consumer_that_stopped_reading() -> None:
    many = [ev.TitleChanged(seq=number, at=NOW, title=str(number)) for number in range(1, 2001)]
    async with standing_in(until_left(*JOURNAL.hello(None, 0), *many)) as server:
        async with asyncio.timeout(PATIENCE_S), client_of(server.url, feed_max=4, close_timeout_s=60.0):
            pass


async def test_an_exception_inside_the_block_is_raised_unchanged() -> None:
    async with standing_in(until_left(*JOURNAL.hello(None, 0))) as server:
        with pytest.raises(ZeroDivisionError):
            async with client_of(server.url):
                _ = 1 / 0


async def test_credentials_travel_in_a_header() -> None:
    seen: list[str | None] = []

    async def looking(connection: ServerConnection) -> None:
        assert connection.request is not None
        seen.append(connection.request.headers.get("Authorization"))
        await send(connection, *JOURNAL.hello(None, 0))
        await connection.wait_closed()

    async with standing_in(looking) as server:
        async with client_of(server.url, token="secret"):
            pass
    assert seen == ["Bearer secret"]
    assert "secret" not in server.paths[0]
