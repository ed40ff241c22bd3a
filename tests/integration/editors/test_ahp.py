"""The Agent Host Protocol over real sockets: every frame is held against its types, and what a client makes of the actions against a fresh state."""

import contextlib
import copy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from server.config.settings import Settings
from tests.support.ahp.client import AhpClient, RpcFailed, ahp_client, same_as_fresh
from tests.support.application import settings_for
from tests.support.live import Live, listening
from tests.support.models.scripted_model import Call, Finish, Gate, Hang, ScriptedModel, Text, calls, stream, text
from tests.support.polling import eventually


def ahp_settings(folder: Path, model: ScriptedModel | None = None, **groups: Any) -> Settings:
    settings = settings_for(folder, model, **groups)
    return msgspec.structs.replace(settings, compatible=msgspec.structs.replace(settings.compatible, ahp=True))


@asynccontextmanager
async def serving(folder: Path, model: ScriptedModel | None = None) -> AsyncIterator[tuple[Live, AhpClient]]:
    async with listening(ahp_settings(folder, model)) as live, ahp_client(live) as client:
        await client.initialize("ahp-root://")
        yield live, client


async def test_a_conversation_with_a_call_that_is_approved_with_other_arguments(tmp_path: Path) -> None:
    write = Call("write", {"path": "a", "content": "x"}, id="c1")
    async with ScriptedModel([calls(write), text("Done."), text("Again.")]) as model, serving(tmp_path, model) as both:
        live, client = both
        (agent,) = client.states["ahp-root://"]["agents"]
        assert (agent["provider"], agent["models"][0]["id"]) == ("holdfast", "openai/scripted")
        session, chat = await client.create(config={"approvals": "ask"})
        await client.say(chat, "write a", "turn-1")
        added = await client.next(lambda frame: frame.get("method") == "root/sessionAdded")
        assert added["params"]["summary"]["resource"] == session
        needed = await client.action("session/inputNeededSet")
        assert needed["action"]["request"]["toolCall"]["status"] == "pending-confirmation"
        assert client.states[session]["inputNeeded"][0]["chat"] == chat
        edited = '{"path": "b", "content": "y"}'
        answer = {"type": "chat/toolCallConfirmed", "turnId": "turn-1", "toolCallId": "c1", "approved": True}
        number = await client.dispatch(chat, {**answer, "confirmed": "user-action", "editedToolInput": edited})
        assert (await client.returned(number))["action"]["approved"]
        await client.action("chat/turnComplete")
        assert (tmp_path / "workspaces" / session.split("/")[1].replace("-", "") / "b").read_text() == "y"
        (turn,) = client.states[chat]["turns"]
        for asked, given in ((0, 0), (1, 1), (9, 1)):
            newest = await client.request("subscribe", channel=chat, view={"turns": asked})
            assert len(newest["snapshot"]["state"]["turns"]) == given
        assert [part["kind"] for part in turn["responseParts"]] == ["toolCall", "markdown"]
        assert turn["responseParts"][1]["content"] == "Done."
        await client.say(chat, "again", "turn-2")
        await client.action("chat/turnComplete")
        await same_as_fresh(live, client, session, chat)
        (listed,) = (await client.request("listSessions"))["items"]
        assert listed["resource"] == session


async def test_a_rejection_with_words_reaches_the_model(tmp_path: Path) -> None:
    write = Call("write", {"path": "a", "content": "x"}, id="c1")
    async with ScriptedModel([calls(write), text("I see.")]) as model, serving(tmp_path, model) as (live, client):
        session, chat = await client.create(config={"approvals": "ask"})
        await client.say(chat, "write a", "turn-1")
        await client.action("chat/toolCallReady")
        answer = {"type": "chat/toolCallConfirmed", "turnId": "turn-1", "toolCallId": "c1", "approved": False}
        suggestion = {"text": "not that file", "origin": {"kind": "user"}}
        await client.dispatch(chat, {**answer, "reason": "denied", "userSuggestion": suggestion})
        await client.action("chat/turnComplete")
        assert "not that file" in str((await model.request(1)).messages)
        call = client.states[chat]["turns"][0]["responseParts"][0]["toolCall"]
        assert (call["status"], call["reason"]) == ("cancelled", "denied")
        await same_as_fresh(live, client, session, chat)


async def test_a_client_that_comes_back_gets_what_it_missed_and_nothing_twice(tmp_path: Path) -> None:
    async with ScriptedModel([text("One."), text("Two."), text("Three.")]) as model:
        settings = ahp_settings(tmp_path, model)
        async with listening(settings) as live:
            async with ahp_client(live) as client:
                await client.initialize()
                session, chat = await client.create()
                await client.say(chat, "one", "turn-1")
                await client.action("chat/turnComplete")
                seen, states = client.seen, client.states
            async with ahp_client(live) as other:
                await other.initialize()
                await other.subscribe(session)
                await other.subscribe(chat)
                await other.say(chat, "two", "turn-2")
                await other.action("chat/turnComplete")
            async with ahp_client(live) as back:
                back.states = states
                result = await back.reconnect(seen, session, chat)
                assert result["type"] == "replay"
                assert [one["action"]["turnId"] for one in result["actions"] if "turnId" in one["action"]][
                    0
                ] == "turn-2"
                await same_as_fresh(live, back, session, chat)
                seen = back.seen
        async with listening(settings) as live, ahp_client(live) as back:  # another server, on the same data
            back.states = states
            result = await back.reconnect(seen, session, chat)
            assert result == {"type": "replay", "actions": [], "missing": []}
            await back.say(chat, "three", "turn-3")
            await back.action("chat/turnComplete")
            assert back.seen > seen
            await same_as_fresh(live, back, session, chat)


async def test_a_number_that_says_nothing_of_the_session_gives_its_whole_state(tmp_path: Path) -> None:
    async with ScriptedModel([text("One."), text("Two.")]) as model, serving(tmp_path, model) as (live, client):
        first, first_chat = await client.create()
        second, second_chat = await client.create()
        for chat, turn in ((first_chat, "turn-1"), (second_chat, "turn-2")):
            await client.say(chat, "hello", turn)
            await client.action("chat/turnComplete", turnId=turn)
        async with ahp_client(live) as back:
            assert (await back.reconnect(client.seen, first_chat))["type"] == "snapshot"
            assert back.states[first_chat]["turns"][0]["id"] == "turn-1"
        async with ahp_client(live) as back:
            everything = (first, first_chat, second, second_chat)
            result = await back.reconnect(client.seen, "ahp-root://", *everything, "ahp-terminal:/1")
            assert result == {"type": "replay", "actions": [], "missing": ["ahp-terminal:/1"]}
            with pytest.raises(RpcFailed):
                await back.initialize()
        gone = "holdfast:/00000000-0000-4000-8000-000000000000"
        async with ahp_client(live) as back:
            assert (await back.reconnect(client.seen, gone, first))["type"] == "snapshot"


async def test_a_client_that_is_cut_off_in_the_middle_of_an_answer_sees_the_rest(tmp_path: Path) -> None:
    first, second = Gate(), Gate()
    script = [stream(Text("One "), first, Text("two "), second, Text("three."), Finish()), text("Four.")]
    async with ScriptedModel(script) as model, serving(tmp_path, model) as (live, _):
        async with ahp_client(live) as client:
            await client.initialize()
            session, chat = await client.create()
            await client.say(chat, "count", "turn-1")
            await client.action("chat/responsePart")
            seen, states = client.seen, client.states
        first.open()
        await second.reached.wait()
        async with ahp_client(live) as back:
            back.states = states
            await back.reconnect(seen, session, chat)
            assert back.states[chat]["activeTurn"]["id"] == "turn-1"
            seen, before = back.seen, copy.deepcopy(states)
            second.open()
            await back.action("chat/turnComplete")
            assert back.states[chat]["turns"][0]["responseParts"][0]["content"] == "One two three."
            await same_as_fresh(live, back, session, chat)
            await back.say(chat, "on", "turn-2")
            await back.action("chat/turnComplete")
        async with ahp_client(live) as late:  # its place is inside of what is one event by now
            late.states = before
            await late.reconnect(seen, session, chat)
            await same_as_fresh(live, late, session, chat)


async def test_messages_wait_are_taken_back_and_turns_are_removed(tmp_path: Path) -> None:
    gate = Gate()
    call = calls(Call("list", {"path": "."}, id="c1"))
    script = [text("One."), text("Two."), stream(gate, *call.steps), text("Steered."), text("Queued.")]
    async with ScriptedModel(script) as model, serving(tmp_path, model) as (live, client):
        session, chat = await client.create()
        for number in (1, 2):
            await client.say(chat, str(number), f"turn-{number}")
            await client.action("chat/turnComplete")
        truncated = await client.dispatch(chat, {"type": "chat/truncated", "turnId": "turn-1"})
        assert "rejectionReason" not in await client.returned(truncated)
        assert [turn["id"] for turn in client.states[chat]["turns"]] == ["turn-1"]
        await client.say(chat, "three", "turn-3")
        await gate.reached.wait()
        pending = {"type": "chat/pendingMessageSet", "message": {"text": "wait", "origin": {"kind": "user"}}}
        for kind, pending_id in (("queued", "gone"), ("queued", "later"), ("steering", "now")):
            number = await client.dispatch(chat, {**pending, "kind": kind, "id": pending_id})
            assert (await client.returned(number))["action"]["kind"] == kind
        removed = {"type": "chat/pendingMessageRemoved", "kind": "queued", "id": "gone"}
        await client.returned(await client.dispatch(chat, removed))
        assert [one["id"] for one in client.states[chat]["queuedMessages"]] == ["later"]
        changed = await client.dispatch(chat, {**pending, "kind": "queued", "id": "later"})
        assert "cannot be changed" in (await client.returned(changed))["rejectionReason"]
        await same_as_fresh(live, client, session, chat)
        gate.open()
        await client.action("chat/turnComplete", turnId="later")
        turns = client.states[chat]["turns"]
        assert [turn["id"] for turn in turns] == ["turn-1", "turn-3", "now", "later"]
        assert [turn["responseParts"][-1].get("content") for turn in turns] == ["One.", None, "Steered.", "Queued."]
        await same_as_fresh(live, client, session, chat)


async def test_a_turn_is_stopped_and_a_running_one_is_removed(tmp_path: Path) -> None:
    script = [stream(Text("Half"), Hang()), stream(Text("Again half"), Hang())]
    async with ScriptedModel(script) as model, serving(tmp_path, model) as (live, client):
        session, chat = await client.create()
        await client.say(chat, "one", "turn-1")
        await client.action("chat/responsePart")
        stopped = await client.dispatch(chat, {"type": "chat/turnCancelled", "turnId": "turn-1", "duration": 1})
        assert (await client.returned(stopped))["action"]["type"] == "chat/turnCancelled"
        assert client.states[chat]["turns"][0]["state"] == "cancelled"
        await client.say(chat, "two", "turn-2")
        await client.action("chat/responsePart")
        truncated = await client.dispatch(chat, {"type": "chat/truncated"})
        assert "rejectionReason" not in await client.returned(truncated)
        while client.states[chat]["turns"]:
            await client.action("chat/truncated")
        await same_as_fresh(live, client, session, chat)


async def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    async with listening(ahp_settings(tmp_path)) as live, ahp_client(live) as client:
        early: list[tuple[str, dict[str, Any], int]] = [
            ("listSessions", {}, -32600),
            ("initialize", {"protocolVersions": ["0.1.0"], "clientId": "x"}, -32005),
        ]
        for method, params, code in early:
            with pytest.raises(RpcFailed) as failed:
                await client.request(method, **params)
            assert failed.value.code == code
        await client.initialize()
        session, chat = await client.create()
        wrong: list[tuple[str, dict[str, Any], int]] = [
            ("nonsense", {}, -32601),
            ("subscribe", {"channel": "holdfast:/00000000-0000-4000-8000-000000000000"}, -32001),
            ("subscribe", {"channel": "file:///etc/passwd"}, -32008),
            ("createSession", {"channel": session}, -32003),
            ("createSession", {"channel": "holdfast:/mine"}, -32602),
            ("createSession", {"channel": session, "provider": "other"}, -32002),
            ("createSession", {"channel": session, "workingDirectories": ["file:///etc"]}, -32009),
            ("createSession", {"channel": session, "workingDirectories": ["file://[x/"]}, -32602),
            ("subscribe", {"channel": "ahp-chat://default/é"}, -32008),
            ("listSessions", {"cursor": "\x00~x"}, -32602),
        ]
        for method, params, code in wrong:
            with pytest.raises(RpcFailed) as failed:
                await client.request(method, **params)
            assert failed.value.code == code, method
        draft = '{"method": "dispatchAction", "params": {"channel": "%s", "clientSeq": 1, "action": {"type": "chat/draftChanged", "draft": %s}}}'
        malformed = [
            ("{", -32700),
            (draft % (chat, "[" * 100 + "]" * 100), -32600),
            (draft % (chat, "9" * 30), -32600),
            (draft % (chat, "[" + "{}," * 30_000 + "{}]"), -32600),
        ]
        for text_sent, code in malformed:
            await client.socket.send(text_sent)
            assert (await client.next(lambda frame: "error" in frame))["error"]["code"] == code
        await client.request("disposeSession", channel=session)
        assert [note["method"] for note in client.notes][-1] == "root/sessionRemoved"


async def test_it_is_served_where_the_operator_says_so_to_those_who_have_credentials(tmp_path: Path) -> None:
    async with listening(settings_for(tmp_path)) as live:
        with pytest.raises(InvalidStatus):
            async with ahp_client(live):
                pass
    async with listening(ahp_settings(tmp_path, auth={"local_token": True})) as live:
        with pytest.raises(InvalidStatus) as refused:
            async with ahp_client(live):
                pass
        assert refused.value.response.status_code == 401
        token = (tmp_path / "token").read_text().strip()
        headers = {"Authorization": f"Bearer {token}"}
        async with ahp_client(live, additional_headers=headers) as client:
            await client.initialize()
        for path in ("", "/ahp"):
            async with ahp_client(live, path, f"tkn={token}") as client:  # as VS Code sends it
                await client.initialize()
        for query in (f"tkn={token}x", f"tkn={token}&tkn={token}", f"token={token}"):
            with pytest.raises(InvalidStatus) as refused:
                async with ahp_client(live, "", query):
                    pass
            assert refused.value.response.status_code == 401
        with pytest.raises(InvalidStatus) as refused:
            async with ahp_client(live, "", f"tkn={token}", origin="https://evil.example"):
                pass
        assert refused.value.response.status_code == 403
        with pytest.raises(InvalidStatus) as refused:
            async with ahp_client(live, "/ws", f"tkn={token}"):
                pass
        assert refused.value.response.status_code == 401
    async with listening(ahp_settings(tmp_path / "open")) as live:
        with pytest.raises(InvalidStatus) as refused:
            async with ahp_client(live, origin="https://evil.example"):
                pass
        assert refused.value.response.status_code == 403


async def test_from_wherever_a_client_was_cut_off_it_gets_to_the_state_of_one_that_was_not(tmp_path: Path) -> None:
    write = Call("write", {"path": "a", "content": "x"}, id="c1")
    pieces = stream(Text("One "), Text("two "), Text("three."), Finish())
    async with ScriptedModel([calls(write, before="I write."), pieces, text("More.")]) as model:
        settings = ahp_settings(tmp_path, model)
        async with listening(settings) as live, ahp_client(live) as client:
            await client.initialize()
            session, chat = await client.create(config={"approvals": "ask"})
            cuts = client.history = [(client.seen, copy.deepcopy(client.states))]
            await client.say(chat, "write a", "turn-1")
            await client.action("session/inputNeededSet")
            answer = {"type": "chat/toolCallConfirmed", "turnId": "turn-1", "toolCallId": "c1", "approved": True}
            await client.dispatch(chat, {**answer, "confirmed": "user-action"})
            await client.action("chat/turnComplete")
            await client.say(chat, "more", "turn-2")
            await client.action("chat/turnComplete")
        kinds = set()
        async with listening(settings) as live:  # what was many pieces is one event now
            for seen, states in cuts[::2]:
                async with ahp_client(live) as back:
                    back.states = states
                    kinds.add((await back.reconnect(seen, session, chat))["type"])
                    await same_as_fresh(live, back, session, chat)
        assert kinds == {"replay", "snapshot"}


async def test_a_client_that_takes_nothing_or_sends_too_much_is_closed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="holdfast.ahp")
    async with ScriptedModel([text("word " * 6_000)]) as model:
        settings = ahp_settings(tmp_path, model, socket={"send_timeout_s": 0.4, "frames_per_s": 1})
        async with listening(settings) as live:
            async with ahp_client(live) as client:
                await client.initialize()
                _, chat = await client.create()
                await client.say(chat, "write much", "turn-1")
                await client.action("chat/turnComplete")
            async with ahp_client(live, max_queue=1, close_timeout=0.1) as slow:
                await slow.initialize()
                for number in range(400):
                    call = {"jsonrpc": "2.0", "id": number, "method": "subscribe", "params": {"channel": chat}}
                    await slow.socket.send(msgspec.json.encode(call).decode())
                await eventually(lambda: "closed: 4408" in caplog.text)
            async with ahp_client(live) as hasty:
                for _ in range(2_000):
                    with contextlib.suppress(ConnectionClosed):
                        await hasty.socket.send('{"jsonrpc": "2.0", "method": "nothing"}')
                await hasty.socket.wait_closed()
                assert hasty.socket.close_code == 4429
