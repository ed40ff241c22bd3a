"""Model servers: what a call learns from the servers of models, where its keys go, and how its tokens are counted."""

import asyncio
import json
from typing import Any

import pytest

from agent.models import Catalog, ModelEntry, ModelError, ModelRequest, Models, ModelSettings
from agent.util.tasks import TaskOwner
from tests.support.backends import API_KEY, Sink
from tests.support.models.native_streams import OLLAMA, ollama
from tests.support.models.raw_caller import ANSWER, HELLO, STOP, caller, chunk
from tests.support.models.raw_http import RawServer, Sent, events, refused

NO_TOOLS = {
    "vLLM without a parser for tools": refused(
        400,
        {
            "error": {
                "message": '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set',
                "type": "BadRequestError",
                "code": 400,
            }
        },
    ),
    "Ollama with a model without tools": refused(
        400, {"error": {"message": "registry.ollama.ai/library/gemma:2b does not support tools", "type": "api_error"}}
    ),
    "OpenRouter without an endpoint": refused(
        404, {"error": {"message": "No endpoints found that support tool use.", "code": 404}}
    ),
}
CALLED: list[dict[str, object]] = [
    {"role": "user", "content": "List."},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "a", "type": "function", "function": {"name": "list", "arguments": "{}"}}],
    },
    {"role": "tool", "tool_call_id": "a", "content": "b.txt"},
]


@pytest.mark.parametrize("name", NO_TOOLS)
async def test_a_model_that_takes_no_tools_is_asked_again_without_them_and_remembered(name: str) -> None:
    async with caller([NO_TOOLS[name], ANSWER], max_retries=0) as one:
        _, output = await one.call(tools=True)
        await one.call(*CALLED, tools=True)
        bodies = [request.json for request in one.server.requests]
    assert output.all() == "Hello"
    assert ["tools" in body for body in bodies] == [True, False, False]
    assert bodies[2]["messages"] == [
        {"role": "user", "content": "List."},
        {"role": "assistant", "content": "[Called list with {}]"},
        {"role": "user", "content": "[Result of list]\nb.txt"},
    ]


NO_NULLS = {
    "llama-cpp-python": refused(
        500,
        {
            "error": {
                "message": "[{'type': 'string_type', 'loc': ('body', 'messages', 1, 'assistant', 'content'), 'msg': "
                "'Input should be a valid string', 'input': None}]",
                "type": "internal_server_error",
            }
        },
    ),
    "llama-cpp-python, where LiteLLM leaves the content out": events("[DONE]"),
    "FastChat": refused(
        400,
        {
            "object": "error",
            "message": "[{'loc': ('body', 'messages', 1, 'content'), 'msg': 'none is not an allowed value'}]",
            "code": 40001,
        },
    ),
}


@pytest.mark.parametrize("name", NO_NULLS)
async def test_a_server_that_wants_a_text_beside_calls_gets_an_empty_one_from_then_on(name: str) -> None:
    async with caller([NO_NULLS[name], ANSWER, ANSWER], max_retries=0) as one:
        _, output = await one.call(*CALLED, tools=True)
        await one.call(*CALLED, tools=True)
        sent: list[Any] = [request.json["messages"] for request in one.server.requests]
    assert output.all() == "Hello"
    called = [messages[1] for messages in sent]
    assert [message.get("content") for message in called] == [None, "", ""]
    assert all(message["tool_calls"] for message in called)


@pytest.mark.parametrize("lost", [[], [Sent("", cut=True)]], ids=["at once", "after a connection that was lost"])
async def test_the_reason_for_an_empty_stream_is_learned(lost: list[Sent]) -> None:
    body, _ = TOO_LONG["vLLM"]
    async with caller([events("[DONE]"), *lost, refused(400, body)], max_retries=0) as one:
        error = await one.fails()
        assert [request.json["stream"] for request in one.server.requests[1:]] == [False] * (1 + len(lost))
        assert one.models.info(one.model).context_limit == 2048
    assert error.code == "model_context_exceeded"


async def test_a_refusal_of_texts_is_not_asked_again_for_ever() -> None:
    async with caller([NO_NULLS["FastChat"]] * 2, max_retries=0) as one:
        with pytest.raises(ModelError):
            await one.call(*CALLED, tools=True)
        assert len(one.server.requests) == 2


async def test_a_bad_request_of_another_kind_is_not_asked_again() -> None:
    async with caller([refused(400, {"error": "tools[0] is not valid"}), ANSWER]) as one:
        error = await one.fails(tools=True)
        assert len(one.server.requests) == 1
    assert error.code == "model_bad_request"


TOO_LONG = {
    "llama.cpp": (
        {
            "error": {
                "code": 400,
                "message": "the request exceeds the available context size, try increasing it",
                "type": "exceed_context_size_error",
                "n_prompt_tokens": 3000,
                "n_ctx": 2048,
            }
        },
        2048,
    ),
    "vLLM": (
        {"error": {"message": "This model's maximum context length is 2,048 tokens. However, you requested 9000."}},
        2048,
    ),
    "Anthropic": ({"error": {"message": "prompt is too long: 210000 tokens > 200000 maximum"}}, 200_000),
    "a server that does not say": ({"error": {"message": "the prompt is too long"}}, 128_000),
}


@pytest.mark.parametrize("name", TOO_LONG)
async def test_the_context_limit_is_learned_from_the_refusal(name: str) -> None:
    body, limit = TOO_LONG[name]
    async with caller([refused(400, body)]) as one:
        error = await one.fails()
        assert one.models.info(one.model).context_limit == limit
        assert one.models.info("hosted_vllm/other").context_limit == 128_000
    assert error.code == "model_context_exceeded"


LISTINGS = {
    "vLLM": ({"data": [{"id": "other", "max_model_len": 9000}, {"id": "m", "max_model_len": 4096}]}, 4096),
    "llama.cpp": ({"data": [{"id": "/models/x.gguf", "meta": {"n_ctx": 2048, "n_ctx_train": 8192}}]}, 2048),
    "a server that does not say": ({"data": [{"id": "m"}]}, 128_000),
    "absurd numbers": ({"data": [{"id": "m", "max_model_len": 10**30}]}, 128_000),
}


async def test_a_refusal_that_names_no_limit_shows_that_it_is_less_than_what_was_sent() -> None:
    """Three quarters of it: what was sent is an estimate."""
    body: dict[str, object] = {"error": {"message": "the prompt is too long"}}
    async with caller([refused(400, body)]) as one:
        with pytest.raises(ModelError):
            await one.call({"role": "user", "content": "owl " * 10_000})
        assert 7_000 < one.models.info(one.model).context_limit < 7_600


@pytest.mark.parametrize("name", LISTINGS)
async def test_the_context_limit_is_learned_from_the_servers_list(name: str) -> None:
    body, limit = LISTINGS[name]
    async with caller([ANSWER], listing=refused(200, body)) as one:
        await one.call()
        async with asyncio.timeout(30):
            while not one.models.settled:
                await asyncio.sleep(0)
        await one.call()
        assert [asked.path for asked in one.server.listed] == ["/v1/models"]
        assert one.server.listed[0].headers["authorization"] == f"Bearer {API_KEY}"
        assert one.models.info(one.model).context_limit == limit


@pytest.mark.parametrize(
    ("model", "name"), [("openai/m", "OPENAI_API_KEY"), ("huggingface/org/m", "HF_TOKEN"), ("groq/m", "GROQ_API_KEY")]
)
async def test_an_address_without_a_key_gets_neither_the_environments_nor_the_owners(
    model: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "sk-of-another-address")
    async with RawServer([ANSWER]) as server:
        models = Models(ModelSettings(api_base=f"{server.address}/v1"), configured=model)
        request = ModelRequest(model, [{"role": "user", "content": "hi"}], [], hub_token="hf_of_the_owner")
        await models.call(request, Sink())
        await models.aclose()
        (asked,) = server.requests
    assert asked.headers.get("authorization") == "Bearer none"


async def test_an_address_among_the_extra_parameters_gets_no_key_but_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-another-address")
    async with RawServer([ANSWER]) as server:
        address: dict[str, object] = {"api_base": f"{server.address}/v1"}
        for given in (address, {**address, "api_key": "its-own-key"}):
            models = Models(ModelSettings(extra={"*": given}), configured="openai/m")
            await models.call(ModelRequest("openai/m", [{"role": "user", "content": "hi"}], []), Sink())
            await models.aclose()
        keys = [request.headers["authorization"] for request in server.requests]
    assert keys == ["Bearer none", "Bearer its-own-key"]


async def test_a_model_for_hugging_face_is_asked_without_retries_in_its_body_and_with_its_effort() -> None:
    async with caller([ANSWER], "huggingface/org/m") as one:
        request = ModelRequest(one.model, [{"role": "user", "content": "hi"}], [], reasoning_effort="high")
        await one.models.call(request, Sink())
        body = one.server.requests[0].json
    assert "max_retries" not in body
    assert body["reasoning_effort"] == "high"


async def test_ollamas_own_api_is_called_alone_with_the_options_of_the_settings() -> None:
    extra = {OLLAMA: {"num_ctx": 16_384}}
    async with caller([ollama({"content": "Hello"})], OLLAMA, extra=extra, direct_streams=False) as one:
        await one.call(tools=True)
        (asked,) = one.server.requests
    body = asked.json
    assert (asked.path, body["model"], body["options"]) == ("/api/chat", "qwen3:8b", {"num_ctx": 16_384})
    assert body["tools"]


async def test_an_effort_does_not_shorten_the_answers_of_models_that_think_within_a_budget() -> None:
    said = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello"}}
    stop = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}}
    async with caller([events(said, stop, {"type": "message_stop"}, names=True)], "anthropic/claude-haiku-4-5") as one:
        request = ModelRequest(one.model, [{"role": "user", "content": "hi"}], [], reasoning_effort="high")
        await one.models.call(request, Sink())
        body = one.server.requests[0].json
    assert body["max_tokens"] == 64_000


async def test_calls_of_a_model_beyond_its_bound_wait_and_optional_ones_give_way(tasks: TaskOwner) -> None:
    async with RawServer([Sent("", hold=True), ANSWER]) as server:
        entry = ModelEntry(name="vllm/m", api_base=server.address, at_once=1)
        models = Models(ModelSettings(max_retries=0), Catalog([entry]))
        hi = ModelRequest("vllm/m", [{"role": "user", "content": "hi"}], [])
        first = tasks.start(models.call(hi, Sink()), "first")
        await server.asked(1)
        second, output = Sink(), Sink()
        waiting = tasks.start(models.call(hi, second), "second")
        await asyncio.sleep(0)
        with pytest.raises(Exception, match="other calls of it are running"):
            await models.call(ModelRequest("vllm/m", hi.messages, [], optional=True), output)
        assert len(server.requests) == 1
        first.cancel()
        await waiting
        await models.aclose()
    assert second.all() == "Hello"


USAGES: dict[str, tuple[object, tuple[int, int, int, bool]]] = {
    "counts": ({"prompt_tokens": 100, "completion_tokens": 40}, (100, 40, 0, False)),
    "none": (None, (100, 2, 0, True)),
    "zeros": ({"prompt_tokens": 0, "completion_tokens": 0}, (100, 2, 0, True)),
    "no input": ({"prompt_tokens": 0, "completion_tokens": 700}, (100, 700, 0, True)),
    "negative": ({"prompt_tokens": -1_000_000, "completion_tokens": -5}, (100, 2, 0, True)),
    "2**63": ({"prompt_tokens": 2**63, "completion_tokens": 3}, (100, 3, 0, True)),
    "10**30": ({"prompt_tokens": 10**30, "completion_tokens": 10**30}, (100, 2, 0, True)),
    "-2**63": ({"prompt_tokens": -(2**63), "completion_tokens": 3}, (100, 3, 0, True)),
    "more cached than sent": (
        {"prompt_tokens": 100, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 2**70}},
        (100, 3, 0, False),
    ),
    "reasoning": (
        {"prompt_tokens": 100, "completion_tokens": 60_000, "completion_tokens_details": {"reasoning_tokens": 59_990}},
        (100, 60_000, 59_990, False),
    ),
}


@pytest.mark.parametrize("name", USAGES)
async def test_usage_is_the_providers_count_or_an_estimate_that_is_marked_as_one(name: str) -> None:
    usage, expected = USAGES[name]
    end = [chunk(usage=usage)] if usage else []
    async with caller([events(HELLO, STOP, *end, "[DONE]")], max_retries=0) as one:
        reply, _ = await one.call({"role": "user", "content": "four" * 96})
    used = reply.usage
    assert used is not None
    assert (used.input_tokens, used.output_tokens, used.reasoning_tokens, used.estimated) == expected
    assert 0 <= used.cached_tokens <= used.input_tokens


WORDS = ("zero ", "one\u2028two", "\u0085three", " \x0bfour")
CHATS = (
    *("groq/m", "mistral/m", "openrouter/m", "xai/m", "fireworks_ai/m", "openai/m", "hosted_vllm/m"),
    *("azure_ai/m", "edenai/m", "cometapi/m", "databricks/m", "snowflake/m"),
)


def raw(*bodies: object) -> bytes:
    """Events with JSON that escapes nothing."""
    return b"".join(b"data: " + json.dumps(one, ensure_ascii=False).encode() + b"\n\n" for one in bodies)


STREAMED = {
    **{
        model: raw(
            *(chunk({"content": word}, None, id="c", created=1, model="m") for word in WORDS),
            {**STOP, "id": "c", "created": 1, "model": "m"},
        )
        for model in CHATS
    },
    "anthropic/claude-sonnet-5": raw(
        *({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}} for word in WORDS),
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}},
    ),
    "gemini/gemini-flash-latest": raw(
        *({"candidates": [{"content": {"parts": [{"text": word}]}, "index": 0}]} for word in WORDS),
        {"candidates": [{"content": {"parts": []}, "finishReason": "STOP", "index": 0}]},
    ),
    OLLAMA: str(ollama(*({"content": word} for word in WORDS)).body).encode(),
    "a2a/agent": raw(
        *({"result": {"artifact": {"parts": [{"kind": "text", "text": word}]}}} for word in WORDS),
        {"result": {"status": {"state": "completed"}}},
    ),
    "langgraph/agent": raw(*(["messages", [[{"type": "AIMessageChunk", "content": word}, {}]]] for word in WORDS)),
    "cohere/m": raw(
        *({"type": "content-delta", "delta": {"message": {"content": {"text": word}}}} for word in WORDS),
        {"type": "message-end", "delta": {"finish_reason": "COMPLETE"}},
    ),
}
DIRECTLY_ALONE = ("langgraph/agent", "cohere/m")
"""LiteLLM's own readers cannot read these."""


WAYS = [(model, direct) for model in STREAMED for direct in (True, False) if direct or model not in DIRECTLY_ALONE]


@pytest.mark.parametrize(("model", "direct"), WAYS)
async def test_no_line_separator_of_a_token_is_lost(model: str, *, direct: bool) -> None:
    async with caller([Sent(STREAMED[model])], model, max_retries=0, direct_streams=direct) as one:
        _, output = await one.call()
    assert output.all() == "".join(WORDS)
