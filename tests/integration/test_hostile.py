"""Hostile and clumsy clients: each gets the answer of the protocol, and the session is unharmed."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from protocol import codec
from protocol import events as ev
from protocol.frames import Heartbeat, Refused
from protocol.submissions import UserInput
from tests.support.application import settings_for
from tests.support.live import DONE, Client, client, listening
from tests.support.models.scripted_model import Finish, Hang, ScriptedModel, Text, stream, text
from tests.support.polling import eventually

BAD = [
    ('{"type":', "bad_frame"),
    ("{}", "invalid"),
    ('{"type":"user_input"}', "invalid"),
    ('{"type":"user_input","text":7}', "invalid"),
    ('{"type":"user_input","text":"x","extra":1}', "invalid"),
    ('{"type":"user_input","text":""}', "invalid"),
    ('{"type":"user_input","text":"\\ud800"}', "bad_frame"),
    ('{"type":"user_input","text":"x","id":"' + "i" * 65 + '"}', "invalid"),
    ('{"type":"make_coffee"}', "unknown_type"),
    ('{"type":7}', "invalid"),
    ('{"a":' * 100_000, "bad_frame"),
    (
        '{"type":"exec_approval","approvals":[{"tool_call_id":"c","approved":true,"arguments":{"n":%s}}]}'
        % ("9" * 400),
        "invalid",
    ),
    ('{"type":"exec_approval","approvals":[{"tool_call_id":"c","approved":true,"arguments":{"n":1e999}}]}', "invalid"),
    ('{"type":"exec_approval","approvals":[]}', "invalid"),
]


async def works(talker: Client) -> None:
    """The session takes an input and answers it."""
    await talker.send(UserInput(text="still there?"))
    assert isinstance(await talker.until_type(*DONE), ev.TurnComplete)


async def test_a_bad_frame_is_refused_with_its_reason_and_the_connection_stays(tmp_path: Path) -> None:
    async with listening(settings_for(tmp_path)) as live, client(live) as talker:
        await talker.synced()
        for frame, code in BAD:
            await talker.socket.send(frame)
            refused = await talker.refusal()
            assert refused.code == code, (frame[:80], refused)
            assert not refused.retryable
            assert refused.message
        await works(talker)


async def test_a_refusal_names_the_submission_it_is_about(tmp_path: Path) -> None:
    async with listening(settings_for(tmp_path)) as live, client(live) as talker:
        await talker.socket.send('{"type":"user_input","text":7,"id":"mine"}')
        refused = await talker.refusal()
        assert (refused.id, refused.message) == ("mine", "Expected `str`, got `int` - at `$.text`")


async def test_a_message_of_the_wrong_kind_for_the_subprotocol_is_refused(tmp_path: Path) -> None:
    async with listening(settings_for(tmp_path)) as live:
        async with client(live) as talker:
            await talker.socket.send(b"\x81\xa1a\x01")
            assert (await talker.refusal()).code == "bad_frame"
            await works(talker)
        async with client(live, encoding="msgpack") as talker:
            await talker.socket.send('{"type":"undo"}')
            assert (await talker.refusal()).code == "bad_frame"
            await works(talker)


@pytest.mark.parametrize(
    "data", [b"\xc1", b"\x81", b"\xdf\xff\xff\xff\xff", b"\x93" * 5_000, b"\xa4type", b"\xc7\x01\x05x"]
)
async def test_broken_messagepack_is_refused(tmp_path: Path, data: bytes) -> None:
    async with listening(settings_for(tmp_path)) as live, client(live, encoding="msgpack") as talker:
        await talker.socket.send(data)
        assert (await talker.refusal()).code in ("bad_frame", "invalid")
        await works(talker)


async def test_several_frames_in_one_message_are_taken_in_order(tmp_path: Path) -> None:
    async with listening(settings_for(tmp_path)) as live:
        for encoding in ("json", "msgpack"):
            async with client(live, encoding=encoding) as talker:
                both = [UserInput(text="one", id="a"), UserInput(text="two", id="b")]
                if encoding == "json":
                    await talker.socket.send("\n".join(codec.encode(frame).decode() for frame in both))
                else:
                    await talker.socket.send(b"".join(codec.encode_msgpack(frame) for frame in both))
                ids = [(await talker.until_type(ev.Accepted)).submission_id for _ in both]
                assert ids == ["a", "b"]


async def test_plain_text_is_a_user_input_and_an_empty_line_is_ignored(tmp_path: Path) -> None:
    async with listening(settings_for(tmp_path)) as live, client(live, encoding="hand") as talker:
        assert talker.socket.subprotocol is None
        await talker.socket.send("")
        await talker.socket.send("hello, you\nand you")
        accepted = await talker.until_type(ev.Accepted)
        assert accepted.submission.text == "hello, you\nand you"
        assert not any(isinstance(frame, Refused) for frame in talker.frames)


async def test_with_a_subprotocol_only_frames_are_taken(tmp_path: Path) -> None:
    async with listening(settings_for(tmp_path)) as live, client(live) as talker:
        await talker.socket.send("hello")
        assert (await talker.refusal()).code == "bad_frame"


async def test_too_many_bad_frames_close_the_socket(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, socket={"bad_frames_per_minute": 3})
    async with listening(settings) as live:
        async with client(live) as talker:
            for _ in range(5):
                await talker.socket.send("nonsense")
            assert (await talker.closed())[0] == 4429
        async with client(live, talker.ready.session_id) as back:
            await works(back)


async def test_ten_thousand_frames_a_second_close_the_socket(tmp_path: Path) -> None:
    async with listening(settings_for(tmp_path)) as live:
        async with client(live) as talker, client(live) as bystander:
            await talker.synced()

            async def flood() -> None:
                for _ in range(10_000):
                    await talker.socket.send('{"type":"undo"}')

            with pytest.raises(Exception, match="4429"):
                await asyncio.gather(flood(), talker.until_type(ev.ShutdownEvent))
            await works(bystander)


async def test_a_message_at_the_size_limit_can_be_replayed(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    async with listening(settings) as live:
        async with client(live) as talker:
            frame = codec.encode(UserInput(text="\x01" * 170_000, id="big"))
            assert len(frame) < settings.socket.inbound_message_bytes
            await talker.socket.send(frame.decode())
            accepted = await talker.until_type(ev.Accepted)
            await talker.until_type(*DONE)
        async with client(live, talker.ready.session_id, after=0) as back:
            await back.synced()
            assert accepted in back.events


async def test_a_message_over_the_size_limit_closes_with_1009(tmp_path: Path) -> None:
    async with listening(settings_for(tmp_path)) as live:
        for size in (1_048_577, 20 * 1_048_576):
            async with client(live) as talker:
                await talker.synced()
                with pytest.raises(Exception, match="1009"):
                    await asyncio.gather(talker.socket.send("x" * size), talker.until_type(ev.ShutdownEvent))


async def test_bad_utf8_closes_with_1007(tmp_path: Path) -> None:
    async with listening(settings_for(tmp_path)) as live, client(live) as talker:
        await talker.synced()
        await talker.socket.send(b"\xff\xfe", text=True)
        assert (await talker.closed())[0] == 1007


async def refused(url: str, **options: Any) -> tuple[int, dict[str, Any]]:
    """The status and body with which the upgrade was refused."""
    with pytest.raises(InvalidStatus) as denied:
        async with connect(url, compression=None, **options):
            pass
    response = denied.value.response
    return response.status_code, json.loads(response.body)


async def test_refused_before_the_upgrade_with_a_reason(tmp_path: Path) -> None:
    async with listening(settings_for(tmp_path)) as live:
        cases: list[tuple[str, dict[str, Any], int, str]] = [
            (f"{live.ws}/no-such-session", {}, 404, "not_found"),
            (f"{live.ws}?after=-1", {}, 400, "bad_request"),
            (f"{live.ws}?after=x", {}, 400, "bad_request"),
            (f"{live.ws}?after=1&after=2", {}, 400, "bad_request"),
            (f"{live.ws}?after={'9' * 30}", {}, 400, "bad_request"),
            (live.ws, {"subprotocols": ["chat.v7"]}, 400, "bad_request"),
            (live.ws, {"origin": "https://evil.example"}, 403, "forbidden"),
            (live.ws, {"origin": "null"}, 403, "forbidden"),
            (f"{live.ws}/x/y", {}, 404, "not_found"),
        ]
        for url, options, status, code in cases:
            got, body = await refused(url, **options)
            assert (got, body["code"]) == (status, code), url
            assert body["message"]
        async with connect(live.ws, origin=live.http, compression=None):  # type: ignore[arg-type]  # a str
            pass


async def test_a_session_over_a_limit_is_refused_at_once_with_the_limits_name(tmp_path: Path) -> None:
    async with ScriptedModel(lambda _: stream(Hang()), allow_complaints=True) as model:
        settings = settings_for(tmp_path, model, sessions={"awake_max": 3, "awake_max_per_user": 2})
        async with listening(settings) as live, client(live) as one, client(live) as other, client(live) as idle:
            for talker in (one, other):
                await works_on(talker)
            assert await refused(live.ws) == (
                429,
                {
                    "code": "capacity",
                    "message": "your 2 sessions are all in use; close one, or try again later",
                    "error_type": "per_user",
                },
            )
            await idle.send(UserInput(text="hello"))
            refusal = await idle.refusal()
            assert (refusal.code, refusal.retryable) == ("capacity", True)
        settings = settings_for(tmp_path, model, sessions={"awake_max": 1, "awake_max_per_user": 2})
        async with listening(settings) as live, client(live) as one:
            await works_on(one)
            status, body = await refused(live.ws)
            assert (status, body["error_type"]) == (503, "global")
            async with client(live, other.ready.session_id) as reader:
                await reader.synced()


async def works_on(talker: Client) -> None:
    """Have a turn begin that does not end."""
    await talker.send(UserInput(text="work"))
    await talker.until_type(ev.Processing)


async def test_a_session_has_a_limit_on_its_sockets(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, socket={"sockets_per_session_max": 1})
    async with listening(settings) as live, client(live) as one:
        await one.synced()
        status, body = await refused(f"{live.ws}/{one.ready.session_id}")
        assert (status, body["code"]) == (429, "too_many_sockets")


async def test_the_server_has_a_limit_on_all_sockets(tmp_path: Path) -> None:
    async with listening(settings_for(tmp_path, socket={"sockets_max": 1})) as live:
        async with client(live) as one:
            await one.synced()
            status, body = await refused(live.ws)
            assert (status, body["code"]) == (503, "too_many_sockets")
        await eventually(lambda: live.manager.registry.ports.sockets(one.ready.session_id) == 0)
        async with client(live) as another:
            await another.synced()


async def test_silence_is_broken_by_heartbeats(tmp_path: Path) -> None:
    async with listening(settings_for(tmp_path, socket={"heartbeat_s": 0.2})) as live, client(live) as talker:
        await works(talker)
        heartbeat = await talker.until_type(Heartbeat)
        assert heartbeat.seq == talker.view.seq


async def test_a_turn_of_ten_megabytes_in_one_delta_ends_in_a_clear_error(tmp_path: Path) -> None:
    script = [stream(Text("x" * 10_000_000), Finish()), text("Short.")]
    async with (
        ScriptedModel(script) as model,
        listening(settings_for(tmp_path, model)) as live,
        client(live) as talker,
    ):
        await talker.send(UserInput(text="much"))
        error = await talker.until_type(*DONE)
        assert (error.code, error.retryable) == ("model_output_too_large", False)
        await works(talker)


@pytest.mark.parametrize("message", ["", "\n", "\n" * 500])
async def test_messages_without_a_frame_count_as_frames(tmp_path: Path, message: str) -> None:
    async with listening(settings_for(tmp_path, socket={"frames_per_s": 1})) as live, client(live) as talker:
        await talker.synced()
        for _ in range(300):
            await talker.socket.send(message)
        assert await talker.closed() == (4429, "too many frames; send fewer")
