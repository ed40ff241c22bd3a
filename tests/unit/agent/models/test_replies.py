"""Answers in all their shapes: text that is not UTF-8, tool calls in fragments, usage and its price."""

import asyncio
import json

import pytest

from agent.models import ModelSettings
from tests.support.backends import scripted
from tests.support.models.scripted_model import Call, Finish, Raw, Reason, Text, Tokens, Usage, calls, stream, text


async def test_a_surrogate_pair_in_two_chunks_is_one_code_point(way: str) -> None:
    async with scripted(way, [text("a", "\ud83d", "\ude00", "b")]) as backend:
        await backend.call()
    assert backend.sink.all() == "a😀b"


@pytest.mark.parametrize("provider", ["openai", "hosted_vllm", "groq", "fireworks_ai", "openrouter"])
async def test_a_raw_line_separator_in_a_token_is_text(provider: str) -> None:
    """Some readers of lines end one at U+2028 and U+0085; an event's line ends at a line feed alone."""
    tokens = ["zero ", "one\u2028two", " three\u0085four"]
    bodies = [{"choices": [{"index": 0, "delta": {"content": token}}]} for token in tokens]
    raw = [Raw(f"data: {json.dumps(body, ensure_ascii=False)}\n\n".encode()) for body in bodies]
    async with scripted(f"{provider}, direct", [stream(*raw, Finish())]) as backend:
        await backend.call()
    assert backend.sink.all() == "".join(tokens)


async def test_a_lone_surrogate_is_replaced(way: str) -> None:
    async with scripted(way, [text("a\udc00b", "\ud83dc", "end\ud83d")]) as backend:
        await backend.call()
    assert backend.sink.all() == "a\ufffdb\ufffdcend\ufffd"
    backend.sink.all().encode()


async def test_surrogates_in_a_tool_call_are_repaired(way: str) -> None:
    async with scripted(way, [calls(Call("f", '{"text": "\ud83d\ude00 \ud83d"}', fragments=40))]) as backend:
        reply = await backend.call()
    assert json.loads(reply.tool_calls[0].arguments) == {"text": "😀 \ufffd"}


async def test_a_huge_delta_comes_whole(way: str) -> None:
    async with scripted(way, [text("ä" * 300_000)]) as backend:
        await backend.call()
    assert backend.sink.all() == "ä" * 300_000


async def test_repeated_chunks_are_not_a_failure(way: str) -> None:
    async with scripted(way, [stream(Tokens(300, text=" again"), Finish())]) as backend:
        await backend.call()
    assert backend.sink.all() == " again" * 300


async def test_text_that_looks_like_the_end_of_a_stream_is_text(direct: str) -> None:
    async with scripted(direct, [text("Streams end with data: [DONE]", ", they do.")]) as backend:
        await backend.call()
    assert backend.sink.all() == "Streams end with data: [DONE], they do."


async def test_tool_call_with_broken_json_is_passed_unchanged(way: str) -> None:
    async with scripted(way, [calls(Call("f", '{"a": '))]) as backend:
        reply = await backend.call()
    assert reply.tool_calls[0].arguments == '{"a": '


async def test_two_calls_with_one_id_stay_two_calls(way: str) -> None:
    async with scripted(way, [calls(Call("f", {"a": 1}, id="same"), Call("g", {"b": 2}, id="same"))]) as backend:
        reply = await backend.call()
    assert [(call.id, call.name) for call in reply.tool_calls] == [("same", "f"), ("same", "g")]


async def test_two_calls_at_one_index_stay_two_calls(way: str) -> None:
    both = (Call("f", {"a": 1}, id="a", index=0), Call("g", {"b": 2}, id="b", index=0))
    async with scripted(way, [calls(*both)]) as backend:
        reply = await backend.call()
    assert [(call.name, json.loads(call.arguments)) for call in reply.tool_calls] == [("f", {"a": 1}), ("g", {"b": 2})]


async def test_an_answer_cut_by_its_length_keeps_half_a_call(way: str) -> None:
    async with scripted(way, [stream(Text("Well"), Call("f", {"path": "a.txt"}, cut=9), Finish("length"))]) as backend:
        reply = await backend.call()
    assert reply.finish_reason == "length"
    assert reply.tool_calls[0].arguments == '{"path": '


async def test_calls_and_no_text_reach_no_sink(way: str) -> None:
    async with scripted(way, [calls(Call("f", {}))]) as backend:
        await backend.call()
    assert backend.sink.deltas == []


async def test_reasoning_between_texts_keeps_its_place(way: str) -> None:
    async with scripted(way, [stream(Text("a"), Reason("b"), Text("c"), Reason("d"), Finish())]) as backend:
        await backend.call()
    assert backend.sink.deltas == [("text", "a"), ("reasoning", "b"), ("text", "c"), ("reasoning", "d")]


async def test_cached_tokens_are_counted(way: str) -> None:
    async with scripted(way, [text("Hi", usage=Usage(100, 20, 60))]) as backend:
        reply = await backend.call()
    assert reply.usage is not None
    assert (reply.usage.input_tokens, reply.usage.output_tokens, reply.usage.cached_tokens) == (100, 20, 60)


async def test_no_usage_is_an_estimate_that_says_so(way: str) -> None:
    async with scripted(way, [text("Hi", usage=None)]) as backend:
        reply = await backend.call()
    assert reply.usage is not None
    assert (reply.usage.estimated, reply.usage.output_tokens) == (True, 1)


@pytest.mark.parametrize("way", ["openai, direct", "openai, wrapped"])
async def test_a_known_model_has_a_price(way: str) -> None:
    async with scripted(way, [text("Hi", usage=Usage(40_000, 1, 0))]) as backend:
        backend.model = "openai/gpt-4o"
        reply = await backend.call()
        info = backend.models.info(backend.model)
    assert reply.usage is not None
    assert reply.usage.cost_usd == pytest.approx(0.10001)
    assert info.context_limit == 128_000
    assert info.max_output_tokens == 16_384


async def test_tools_and_parameters_reach_the_provider(way: str) -> None:
    tool: dict[str, object] = {
        "type": "function",
        "function": {"name": "f", "parameters": {"type": "object", "properties": {}}},
    }
    extra = {"*": {"temperature": 0.5}, "openai/other": {"temperature": 1}}
    async with scripted(way, [text("Hi")], extra=extra) as backend:
        await backend.call(tools=[tool])
        (request,) = backend.requests
    assert request.tools[0]["function"] == tool["function"]
    assert request.body["temperature"] == 0.5
    assert request.body["stream_options"] == {"include_usage": True}


async def test_one_connection_serves_call_after_call(direct: str) -> None:
    async with scripted(direct, lambda request: text("Hi")) as backend:
        await backend.call()
        async with asyncio.timeout(30):
            while not backend.models.settled:
                await asyncio.sleep(0)
        accepted = backend.server.accepted
        for _ in range(4):
            await backend.call()
        assert backend.server.accepted == accepted


async def test_the_events_of_other_servers_are_understood(direct: str) -> None:
    chunk = b'{"choices":[{"index":0,"delta":{"content":%s},"finish_reason":%s}],"usage":null,"unknown":{"a":1}}'
    odd = [
        b": a comment\n\n",
        b"event: message\r\ndata:" + chunk % (b'"one "', b"null") + b"\r\n\r\n",
        b"id: 7\ndata: " + chunk.replace(b":[", b":\ndata: [") % (b'"two "', b'""') + b"\n\n",
        b"data: " + chunk % (b'[{"type":"text","text":"three "}]', b"null") + b"\n\n",
        b"data: " + chunk % (b'"\xff"', b"null") + b"\n\n",
        b'data: {"choices":[{"delta":{"reasoning":"hm"}}]}\n\n',
        b'data: {"choices":[],"usage":{"prompt_tokens":"9","completion_tokens":3,"prompt_cache_hit_tokens":4}}\n\n',
        b"data: " + chunk % (b"null", b'"eos_token"'),
    ]
    reply_ = stream(*(Raw(data) for data in odd))
    async with scripted(direct, [type(reply_)(reply_.steps, done=False)]) as backend:
        reply = await backend.call()
    assert backend.sink.all() == "one two three \ufffd"
    assert backend.sink.all("reasoning") == "hm"
    assert reply.finish_reason == "stop"
    assert reply.usage is not None
    assert (reply.usage.input_tokens, reply.usage.cached_tokens) == (9, 4)


def test_parameters_that_the_session_decides_are_refused() -> None:
    with pytest.raises(ValueError, match="may not set stream"):
        ModelSettings(extra={"*": {"stream": False}})
