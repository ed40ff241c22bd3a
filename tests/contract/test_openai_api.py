"""OpenAI's API with OpenAI's own Python client, and LiteLLM, against the real server: chat completions, responses, errors."""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import httpx
import msgspec
import openai
import pytest
from openai import AsyncOpenAI

from protocol import events as ev
from tests.faults.harness.lengths import in_the_long_form
from tests.support.application import Listener, settings_for
from tests.support.compatible.settings import compatible
from tests.support.live import Live, listening
from tests.support.models.scripted_model import (
    Call,
    Finish,
    Gate,
    Reason,
    Refusal,
    ScriptedModel,
    Text,
    calls,
    stream,
    text,
)
from tests.support.network.http_client import http_client
from tests.support.paths import ROOT

PACKAGES = ROOT / "tests" / "support" / "npm" / "packages"

WRITES = Call("write", {"path": "a.txt", "content": "x"}, id="call-1")
LISTS = Call("list", {}, id="call-2")


def user(said: str) -> Any:
    return {"role": "user", "content": said}


@contextlib.asynccontextmanager
async def served(
    tmp_path: Path, script: list[Any], **groups: Any
) -> AsyncIterator[tuple[Live, AsyncOpenAI, ScriptedModel]]:
    """A server and OpenAI's client of it."""
    async with ScriptedModel(script) as model, listening(compatible(tmp_path / "data", model, **groups)) as live:
        async with AsyncOpenAI(
            base_url=f"{live.http}/v1", api_key="none", http_client=httpx.AsyncClient(trust_env=False)
        ) as client:
            yield live, client, model


async def test_a_chat_that_sends_its_whole_history_is_one_session(tmp_path: Path) -> None:
    script = [stream(Reason("Hm."), Text("Hel"), Text("lo."), Finish()), calls(LISTS), text("Empty."), text("Branch.")]
    async with served(tmp_path, script) as (live, client, model):
        history: list[Any] = [{"role": "system", "content": "Be kind."}, user("hi")]
        offered: Any = [{"type": "function", "function": {"name": "show", "parameters": {"type": "object"}}}]
        first = await client.chat.completions.create(model="holdfast", messages=history, tools=offered)
        [choice] = first.choices
        assert (choice.message.content, choice.finish_reason) == ("Hello.", "stop")
        names = [one["function"]["name"] for one in cast("list[Any]", model.requests[0].body["tools"])]
        assert "write" in names and "show" not in names, "the agent has the server's tools"
        assert first.usage is not None and first.usage.total_tokens > first.usage.prompt_tokens > 0
        history += [{"role": "assistant", "content": choice.message.content}, user("what is here?")]
        streamed = await client.chat.completions.create(
            model="holdfast", messages=history, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in streamed]
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "Empty."
        assert chunks[-1].usage is not None and chunks[-1].usage.total_tokens > 0
        [session] = await live.manager.list_sessions(None)
        assert session.message_count == 6  # of two users, of the assistant, and the call's result

        # The same history a second time is a branch: a new session, which is told of what was said.
        branch = await client.chat.completions.create(model="holdfast", messages=history)
        assert branch.choices[0].message.content == "Branch."
        assert len(await live.manager.list_sessions(None)) == 2
        told = str(model.requests[-1].messages[-1]["content"])
        assert "Be kind." in told and "User:\nhi" in told and told.endswith("what is here?")


async def test_a_call_that_would_ask_is_rejected_with_words(tmp_path: Path) -> None:
    async with served(tmp_path, [calls(WRITES), text("I may not write."), text("Still here.")]) as (
        live,
        client,
        model,
    ):
        named: Any = {"session_id": "my-script"}
        answer = await client.chat.completions.create(model="holdfast", messages=[user("write")], metadata=named)
        assert answer.choices[0].message.content == "I may not write."
        assert "Nobody can be asked" in str(model.requests[1].messages[-1]["content"])
        again = await client.chat.completions.create(model="holdfast", messages=[user("hello?")], metadata=named)
        assert again.choices[0].message.content == "Still here."
        assert len(await live.manager.list_sessions(None)) == 1
        assert [model["id"] for model in (await client.models.list()).model_dump()["data"]] == [
            "holdfast",
            "openai/scripted",
        ]


async def test_a_client_that_goes_away_stops_its_turn(tmp_path: Path) -> None:
    gate = Gate()
    async with served(tmp_path, [stream(Text("Half "), gate, Text("done."), Finish())]) as (live, client, _model):
        streamed = await client.chat.completions.create(model="holdfast", messages=[user("work")], stream=True)
        async for chunk in streamed:
            if chunk.choices[0].delta.content:
                break
        [session] = await live.manager.list_sessions(None)
        port = live.manager.registry.ports.get(session.session_id)
        assert port is not None
        listener = Listener(port)
        await streamed.close()
        ended = await listener.until_type(ev.Interrupted, ev.TurnComplete)
        assert isinstance(ended, ev.Interrupted)


async def test_responses_go_on_with_the_one_before(tmp_path: Path) -> None:
    script = [calls(LISTS), text("Empty."), stream(Text("Good"), Text("bye."), Finish())]
    async with served(tmp_path, script) as (live, client, _model):
        first = await client.responses.create(model="holdfast", input="what is here?", instructions="Be kind.")
        assert (first.output_text, first.status) == ("Empty.", "completed")
        assert first.usage is not None and first.usage.total_tokens > 0
        async with client.responses.stream(
            model="holdfast", input=[{"role": "user", "content": "bye"}], previous_response_id=first.id
        ) as events:
            kinds = [event.type async for event in events]
            last = await events.get_final_response()
        assert kinds[0] == "response.created" and kinds[-1] == "response.completed"
        assert (last.output_text, last.previous_response_id) == ("Goodbye.", first.id)
        assert len(await live.manager.list_sessions(None)) == 1


async def test_errors_have_the_shape_that_the_client_reads(tmp_path: Path) -> None:
    script = [Refusal(400, "no such thing"), Refusal(400, "no such thing"), Refusal(400, "no such thing")]
    async with served(tmp_path, script, auth={"local_token": True}) as (_live, client, model):
        with pytest.raises(openai.AuthenticationError) as refused:
            await client.models.list()
        assert refused.value.type == "authentication_error"
        signed = client.with_options(api_key=(tmp_path / "data" / "token").read_text().strip())
        image: Any = [{"type": "image_url", "image_url": {"url": "data:,"}}]
        with pytest.raises(openai.BadRequestError, match="only text is taken"):
            await signed.chat.completions.create(model="holdfast", messages=[{"role": "user", "content": image}])
        with pytest.raises(openai.BadRequestError, match="`tools` of the client are not called"):
            await signed.responses.create(
                model="holdfast", input="hi", tools=[{"type": "web_search"}], tool_choice="required"
            )
        with pytest.raises(openai.APIStatusError, match="no such thing") as failed:
            await signed.chat.completions.create(model="holdfast", messages=[user("hi")])
        assert failed.value.code == "model_bad_request"
        with pytest.raises(openai.APIError, match="no such thing"):
            async for _ in await signed.chat.completions.create(model="holdfast", messages=[user("hi")], stream=True):
                pass
        failing = await signed.responses.create(model="holdfast", input="hi", stream=True)
        assert [event.type async for event in failing][-1] == "response.failed"
        assert len(model.requests) == 3, "nothing was done twice"


async def test_what_failed_may_be_said_again_and_what_was_said_is_not_done_twice(tmp_path: Path) -> None:
    script = [text("Hello."), Refusal(400, "no such thing"), text("Better."), text("Once.")]
    async with served(tmp_path, script) as (live, client, model):
        history = [user("hi"), {"role": "assistant", "content": "Hello."}, user("and?")]
        await client.chat.completions.create(model="holdfast", messages=history[:1])
        with pytest.raises(openai.APIStatusError):
            await client.chat.completions.create(model="holdfast", messages=history)
        better = await client.chat.completions.create(model="openai/scripted", messages=history)
        assert better.choices[0].message.content == "Better."
        assert len(await live.manager.list_sessions(None)) == 1, (
            "a request that failed left the conversation where it was"
        )
        keyed = {"Idempotency-Key": "request-1"}
        for _ in range(2):
            once = await client.chat.completions.create(model="holdfast", messages=[user("x")], extra_headers=keyed)
            assert once.choices[0].message.content == "Once."
        assert len(model.requests) == 4
        with pytest.raises(openai.APIStatusError) as refused:
            await client.chat.completions.create(model="holdfast", messages=[user("y")], extra_headers=keyed)
        assert (refused.value.status_code, refused.value.code) == (409, "id_conflict")
        with pytest.raises(openai.APIStatusError) as refused:
            await client.chat.completions.create(model="gpt-nonsense/1", messages=[user("y")])
        assert refused.value.code == "unknown_model"


LITELLM = """
import litellm, sys
for chunk in litellm.completion("openai/holdfast", [{"role": "user", "content": "hi"}], api_base=sys.argv[1], api_key="none", stream=True):
    print(chunk.choices[0].delta.content or "", end="")
"""


@in_the_long_form
async def test_litellm_drives_a_session_too(tmp_path: Path) -> None:
    async with served(tmp_path, [stream(Text("Hel"), Text("lo."), Finish())]) as (live, _client, _model):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", LITELLM, f"{live.http}/v1", stdout=subprocess.PIPE
        )
        said, _ = await process.communicate()
        assert said == b"Hello."


@in_the_long_form
async def test_the_javascript_clients_drive_sessions_too(tmp_path: Path) -> None:
    script = [text("Chat."), text("First."), text("Second."), stream(Reason("Hm."), Text("Sdk."), Finish())]
    async with served(tmp_path, script) as (live, _client, _model):
        node = PACKAGES / "node_modules" / "node22" / "bin" / "node"
        if not node.exists():
            pytest.fail("Node.js 22 is missing: run `make test` once, it installs it", pytrace=False)
        process = await asyncio.create_subprocess_exec(
            node, str(PACKAGES / "openai_api.mjs"), f"{live.http}/v1", stdout=subprocess.PIPE
        )
        output, _ = await process.communicate()
        assert [msgspec.json.decode(line) for line in output.splitlines()] == [
            {"chat": "Chat."},
            {"first": "First.", "second": "Second."},
            {"refused": "BadRequestError", "code": "bad_request"},
            {"text": "Sdk.", "reasoning": "Hm.", "tokens": True},
        ]


async def test_it_is_off_until_the_configuration_switches_it_on(tmp_path: Path) -> None:
    async with listening(settings_for(tmp_path)) as live, http_client(live.http) as http:
        refused = await http.post("/v1/chat/completions", json={"messages": [user("hi")]})
        unknown = await http.post("/v1/embeddings", json={})
        method = await http.get("/v1/responses")
    assert refused.status_code == 404
    assert "compatible.openai" in refused.json()["error"]["message"]
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "not_found")
    assert (method.status_code, method.json()["error"]["code"]) == (405, "bad_request")
