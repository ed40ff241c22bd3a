"""`wscat`: the real program, from npm, with the real server."""

from pathlib import Path

from server.config.settings import Settings
from tests.support.application import settings_for
from tests.support.constants import built_in
from tests.support.live import listening
from tests.support.wscat import wscat


def unhurried(data: Path, **auth: bool) -> Settings:
    """The demo model at a pace that leaves time to cut it."""
    settings = settings_for(data, auth=auth)
    built_in("model.calls", {"demo_token_ms": 100.0})
    return settings


async def test_plain_lines_are_a_conversation(tmp_path: Path) -> None:
    async with listening(settings_for(tmp_path)) as live, wscat(live.ws) as person:
        await person.until("synced")
        await person.type("")
        await person.type("hello")
        done = await person.until("turn_complete")
        assert "demo model" in done["final_response"]
        assert "refused" not in person.frame_types()


async def test_a_conversation_cut_in_the_middle_of_a_sentence_resumes_there(tmp_path: Path) -> None:
    async with listening(unhurried(tmp_path)) as live:
        async with wscat(live.ws) as person:
            await person.until("synced")
            await person.type("hello")
            last = await person.until("assistant_chunk", at_least=5)
            ready = person.frames[0]
        text = "".join(frame["text"] for frame in person.frames if frame["type"] == "assistant_chunk")
        async with wscat(f"{live.ws}/{ready['session_id']}?after={last['seq']}&epoch={ready['epoch']}") as back:
            await back.until("turn_complete")
        assert back.frames[0]["recovered"] is True
        seen = last["seq"]
        for frame in back.frames:
            if "at" in frame:
                assert frame.get("first_seq", frame["seq"]) == seen + 1
                seen = frame["seq"]
            if frame["type"] == "assistant_chunk":
                text = text[: frame["offset"]] + frame["text"]
        assert text == back.frames[-1]["final_response"]


async def test_a_conversation_resumes_after_a_restart(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    async with listening(settings) as live, wscat(live.ws) as person:
        await person.until("synced")
        await person.type("hello")
        await person.until("turn_complete")
        ready, last = person.frames[0], person.frames[-1]
    async with listening(settings) as live:
        url = f"{live.ws}/{ready['session_id']}?after={last['seq']}&epoch={ready['epoch']}"
        async with wscat(url) as back:
            await back.until("synced")
            assert back.frame_types() == ["ready", "synced"]
            assert back.frames[0]["recovered"] is True
            await back.type("hello again")
            assert (await back.until("turn_complete"))["history_size"] == 4
