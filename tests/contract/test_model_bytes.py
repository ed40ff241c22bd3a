"""Model bytes: what providers and local servers send, byte for byte, and what the caller gets of it."""

import json

import pytest

from agent.models import ModelError, ModelRequest, Models, ModelSettings
from tests.support.backends import API_KEY, Sink
from tests.support.models.raw_caller import ANSWER, HELLO, STOP, caller, chunk
from tests.support.models.raw_http import JSON, RawServer, Sent, events, refused


def fragment(index: int | None, name: str | None, arguments: str, **fields: object) -> dict[str, object]:
    function = {key: value for key, value in {"name": name, "arguments": arguments}.items() if value is not None}
    place = {} if index is None else {"index": index}
    return chunk({"tool_calls": [{**place, **fields, "type": "function", "function": function}]})


STREAMS: dict[str, tuple[Sent, str]] = {
    "a byte order mark before the first event": (
        Sent(b"\xef\xbb\xbf" + ANSWER.encoded().partition(b"\r\n\r\n")[2]),
        "Hello",
    ),
    "a refusal in its own field": (
        events(chunk({"refusal": "I'm sorry, "}), chunk({"refusal": "I cannot help."}), STOP, "[DONE]"),
        "I'm sorry, I cannot help.",
    ),
    "[DONE] without a finish reason": (events(HELLO, "[DONE]"), "Hello"),
    "usage at the end, and neither [DONE] nor a finish reason": (
        events(HELLO, chunk(usage={"prompt_tokens": 3, "completion_tokens": 1})),
        "Hello",
    ),
    "a whole answer in JSON although a stream was asked for": (
        Sent(json.dumps({"choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}]}), kind=JSON),
        "Hello",
    ),
    "comments and fields of no event": (
        Sent(
            ": ping\n\nid: 1\nretry: 5\n\n: ping\n\n" + "".join(f"data: {json.dumps(one)}\n\n" for one in (HELLO, STOP))
        ),
        "Hello",
    ),
    "a success code beside the chunks": (
        events({**HELLO, "code": 0, "message": "Success"}, {**STOP, "base_resp": {"status_code": 0}}),
        "Hello",
    ),
}


@pytest.mark.parametrize("name", STREAMS)
async def test_an_answer_in_an_unusual_form_is_an_answer(name: str) -> None:
    sent, expected = STREAMS[name]
    async with caller([sent], max_retries=0) as one:
        reply, output = await one.call()
        assert len(one.server.requests) == 1
    assert output.all() == expected
    assert reply.finish_reason == "stop"


CALLS: dict[str, tuple[tuple[object, ...], list[tuple[str, str]]]] = {
    "parallel calls all at index 0 and without ids": (
        (fragment(0, "list", '{"path": "a"}'), fragment(0, "list", '{"path": "b"}', id="")),
        [("list", '{"path": "a"}'), ("list", '{"path": "b"}')],
    ),
    "parallel calls without an index and without ids": (
        (fragment(None, "list", '{"path": "a"}'), fragment(None, "read", '{"path": "b"}')),
        [("list", '{"path": "a"}'), ("read", '{"path": "b"}')],
    ),
    "calls at index 0 whose arguments come in pieces": (
        (fragment(0, "list", ""), fragment(0, None, "{}"), fragment(0, "read", ""), fragment(0, None, '{"path": "b"}')),
        [("list", "{}"), ("read", '{"path": "b"}')],
    ),
    "a name that is repeated with each piece of the arguments": (
        (fragment(0, "read", '{"path"'), fragment(0, "read", ': "b"}')),
        [("read", '{"path": "b"}')],
    ),
    "two calls at index 0 with ids": (
        (fragment(0, "list", "{}", id="a"), fragment(0, "read", '{"path": "b"}', id="b")),
        [("list", "{}"), ("read", '{"path": "b"}')],
    ),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("end", [(chunk({}, "tool_calls"), "[DONE]"), ("[DONE]",)], ids=["a reason", "[DONE] alone"])
async def test_calls_are_told_apart(name: str, end: tuple[object, ...]) -> None:
    sent, expected = CALLS[name]
    async with caller([events(*sent, *end)]) as one:
        reply, _ = await one.call(tools=True)
    assert [(call.name, call.arguments) for call in reply.tool_calls] == expected
    assert reply.finish_reason == "tool_calls"


CUT = Sent("".join(f"data: {one}\n\n" for one in (json.dumps(HELLO), "[DONE]")), cut=True)
FAILURES: dict[str, tuple[Sent, str, str, bool]] = {
    "a named error event": (
        Sent('event: error\ndata: {"message":"Invalid API key","type":"authentication_error","code":401}\n\n'),
        "model_auth",
        "Invalid API key",
        False,
    ),
    "a named error event in plain words": (
        Sent("event: error\ndata: out of memory\n\n"),
        "model_bad_response",
        "out of memory",
        True,
    ),
    "MiniMax's error": (
        events({"base_resp": {"status_code": 1004, "status_msg": "login fail"}}),
        "model_bad_response",
        "login fail",
        True,
    ),
    "Spark's error": (
        events({"code": 11200, "message": "AppIdNoAuthError"}),
        "model_bad_response",
        "AppIdNoAuth",
        True,
    ),
    "FastAPI's error in a stream": (events({"detail": "no such model"}), "model_bad_response", "no such model", True),
    "an error in JSON with HTTP 200": (
        Sent('{"error":{"message":"Insufficient credits. Add more.","code":402}}', kind=JSON),
        "model_payment",
        "Insufficient credits",
        False,
    ),
    "a rate limit in JSON with HTTP 200": (
        Sent('{"error":{"message":"Slow down","code":429}}', kind=JSON),
        "model_rate_limited",
        "Slow down",
        True,
    ),
    "an error without data: in an event stream": (
        Sent('{"error":{"message":"The engine is overloaded","type":"engine_overloaded"}}\n'),
        "model_overloaded",
        "engine is overloaded",
        True,
    ),
    "[DONE] before the body was cut": (CUT, "model_stream_cut", "without a finish reason", True),
    "an event stream without an event": (Sent(""), "model_no_answer", "its stream was empty", True),
    "[DONE] and nothing else": (Sent("data: [DONE]\n\n"), "model_no_answer", "its stream was empty", True),
    "a finish reason that is an error": (events(HELLO, chunk({}, "error")), "model_bad_response", "failed", True),
    "DeepSeek without resources": (
        events(HELLO, chunk({}, "insufficient_system_resource")),
        "model_overloaded",
        "failed",
        True,
    ),
}


@pytest.mark.parametrize("name", FAILURES)
async def test_a_failure_with_http_200_is_told_in_the_providers_words(name: str) -> None:
    sent, code, words, retryable = FAILURES[name]
    async with caller([sent], max_retries=0) as one:
        error = await one.fails()
    assert (error.code, error.retryable) == (code, retryable)
    assert words in error.message


async def test_why_a_stream_was_empty_is_asked_once_without_one() -> None:
    """llama-cpp-python's server begins a stream before it reads the prompt."""
    why = {
        "error": {"message": "This model's maximum context length is 2048 tokens.", "code": "context_length_exceeded"}
    }
    async with caller([Sent(""), refused(400, why)], listing=refused(404, {})) as one:
        error = await one.fails()
        first, second = one.server.requests
        assert one.models.info(one.model).context_limit == 2048
    assert error.code == "model_context_exceeded"
    assert "maximum context length is 2048" in error.message
    assert (first.json["stream"], second.json.get("stream", False), second.json["max_tokens"]) == (True, False, 1)


REFUSALS: dict[str, tuple[str, Sent, str, str, float | None]] = {
    "Anthropic is overloaded": (
        "anthropic/claude-sonnet-5",
        refused(529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
        "model_overloaded",
        '(HTTP 529). It says: "Overloaded".',
        None,
    ),
    "Anthropic's prompt is too long": (
        "anthropic/claude-sonnet-5",
        refused(
            400,
            {
                "type": "error",
                "error": {"type": "invalid_request_error", "message": "prompt is too long: 9 tokens > 8"},
            },
        ),
        "model_context_exceeded",
        'It says: "prompt is too long: 9 tokens > 8".',
        None,
    ),
    "Anthropic wants money": (
        "anthropic/claude-sonnet-5",
        refused(400, {"error": {"type": "invalid_request_error", "message": "Your credit balance is too low"}}),
        "model_payment",
        'It says: "Your credit balance is too low".',
        None,
    ),
    "Gemini's ordinary rate limit": (
        "gemini/gemini-flash-latest",
        refused(
            429,
            {
                "error": {
                    "code": 429,
                    "message": "You exceeded your current quota, please check your plan and billing details.",
                    "status": "RESOURCE_EXHAUSTED",
                    "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "37s"}],
                }
            },
        ),
        "model_rate_limited",
        '(HTTP 429). It says: "You exceeded',
        37.0,
    ),
    "Gemini knows no such model": (
        "gemini/gemini-flash-latest",
        refused(404, {"error": {"code": 404, "message": "models/x is not found", "status": "NOT_FOUND"}}),
        "model_bad_request",
        '(HTTP 404). It says: "models/x is not found".',
        None,
    ),
    "Gemini is overloaded": (
        "gemini/gemini-flash-latest",
        refused(503, [{"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}]),
        "model_overloaded",
        '(HTTP 503). It says: "The model is overloaded."',
        None,
    ),
    "Gemini's input is too long": (
        "gemini/gemini-flash-latest",
        refused(
            400,
            {
                "error": {
                    "code": 400,
                    "message": "The input token count (1200) exceeds the maximum number of tokens allowed (1000).",
                    "status": "INVALID_ARGUMENT",
                }
            },
        ),
        "model_context_exceeded",
        "(HTTP 400)",
        None,
    ),
    "OpenAI's unpaid quota": (
        "openai/m",
        refused(429, {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}),
        "model_payment",
        'It says: "You exceeded your current quota".',
        None,
    ),
    "a rate limit that says how long": (
        "openai/m",
        refused(429, {"error": {"message": "Rate limit reached. Please try again in 6m2.5s."}}),
        "model_rate_limited",
        "(HTTP 429)",
        362.5,
    ),
    "a FastAPI server's words": (
        "openai/m",
        refused(400, {"detail": "Model is pinned"}),
        "model_bad_request",
        'It says: "Model is pinned".',
        None,
    ),
    "a FastAPI server's list": (
        "hosted_vllm/m",
        refused(422, {"detail": [{"loc": ["body", "x"], "msg": "Extra inputs are not permitted"}]}),
        "model_bad_request",
        'It says: "body.x: Extra inputs are not permitted".',
        None,
    ),
    "a router's provider": (
        "openrouter/m",
        refused(
            502, {"error": {"message": "Provider returned error", "code": 502, "metadata": {"raw": "no capacity"}}}
        ),
        "model_overloaded",
        'It says: "no capacity".',
        None,
    ),
    "Mistral's error in an error": (
        "mistral/m",
        refused(422, {"object": "error", "message": {"detail": [{"msg": "Field required", "loc": ["body"]}]}}),
        "model_bad_request",
        'It says: "body: Field required".',
        None,
    ),
    "xAI's error as text": (
        "xai/m",
        refused(400, {"code": "Client specified an invalid argument", "error": "Model not found: m"}),
        "model_bad_request",
        'It says: "Model not found: m".',
        None,
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
async def test_a_refusal_is_told_by_its_real_status_and_in_the_providers_words(name: str) -> None:
    model, sent, code, words, retry_after = REFUSALS[name]
    async with caller([sent], model, max_retries=0) as one:
        error = await one.fails()
    assert error.code == code
    assert words in error.message
    assert error.retry_after == retry_after
    for foreign in ("b'", "{", "Exception", "litellm", "0x"):
        assert foreign not in error.message


async def test_a_gemini_rate_limit_is_waited_for_as_it_asks() -> None:
    short = {"error": {"code": 429, "message": "quota", "details": [{"retryDelay": "0.01s"}]}}
    good = {"candidates": [{"content": {"parts": [{"text": "Hello"}]}, "finishReason": "STOP"}]}
    async with caller([refused(429, short), events(good)], "gemini/gemini-flash-latest") as one:
        _, output = await one.call()
        assert len(one.server.requests) == 2
    assert output.all() == "Hello"


@pytest.mark.parametrize("model", ["openai/m", "hosted_vllm/m", "ollama/m", "anthropic/claude-sonnet-5"])
async def test_a_server_that_is_not_there_is_named_by_its_address(model: str) -> None:
    async with RawServer([]) as server:
        address = server.address
    models = Models(ModelSettings(api_base=f"{address}/v1", api_key=API_KEY, max_retries=0))
    with pytest.raises(ModelError) as raised:
        await models.call(ModelRequest(model, [{"role": "user", "content": "hi"}], []), Sink())
    await models.aclose()
    assert raised.value.code == "model_unavailable"
    assert f"no connection to {address}" in raised.value.message
    assert "It says" not in raised.value.message
