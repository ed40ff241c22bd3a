"""OpenAI client patch: a call takes little time of the event loop, and goes out as it would without it."""

import sys
from collections.abc import Awaitable
from types import FrameType
from typing import Any, get_args

import httpx
import litellm.main
import pytest
from litellm.litellm_core_utils.prompt_templates import common_utils
from litellm.llms.openai.chat import gpt_transformation
from openai import omit
from openai._utils import PropertyInfo
from openai.resources.chat.completions import completions
from openai.types.chat.completion_create_params import (
    CompletionCreateParamsNonStreaming,
    CompletionCreateParamsStreaming,
)
from typing_extensions import get_type_hints, is_typeddict

from agent.models import ModelRequest, Models, ModelSettings
from agent.models.openai_patch import original_drop_patterns, original_model_info, original_transform
from tests.support.models.scripted_model import Answer, Request, ScriptedModel, text


async def test_a_long_history_goes_out_as_it_is_without_a_walk_over_its_fields() -> None:
    history: list[dict[str, object]] = [
        {"role": role, "content": f"{number} {'word ' * 20}"} for number in range(400) for role in ("user", "assistant")
    ]
    history.append({"role": "user", "content": "Well?"})
    requests: list[Request] = []

    def answer(request: Request) -> Answer:
        requests.append(request)
        return text("Yes.")

    async def quiet(kind: str, words: str) -> None:
        pass

    async with ScriptedModel(answer) as model:
        models = Models(ModelSettings(api_base=model.api_base, api_key="k"))
        await models.call(ModelRequest("openai/scripted", history[:1], []), quiet)
        short = await function_calls(models.call(ModelRequest("openai/scripted", history[:1], []), quiet))
        long = await function_calls(models.call(ModelRequest("openai/scripted", history, []), quiet))
        walk = await function_calls(original_transform({"messages": history}, CompletionCreateParamsStreaming))
        await models.aclose()
    assert requests[-1].messages == history
    assert walk > 10 * len(history)
    assert long - short < walk / 10


async def function_calls(work: Awaitable[object]) -> int:
    """How many functions of Python this thread calls until the work is done."""
    calls = 0

    def count(frame: FrameType, what: str, argument: object) -> None:
        nonlocal calls
        calls += what == "call"

    sys.setprofile(count)
    try:
        await work
    finally:
        sys.setprofile(None)
    return calls


def test_nothing_in_a_request_has_an_alias_or_is_a_file() -> None:
    seen: set[int] = set()
    left: list[Any] = [CompletionCreateParamsStreaming, CompletionCreateParamsNonStreaming]
    while left:
        one = left.pop()
        assert not isinstance(one, PropertyInfo), "the client must walk over this field"
        if id(one) not in seen:
            seen.add(id(one))
            left += [*get_args(one), *getattr(one, "__metadata__", ())]
            left += get_type_hints(one, include_extras=True).values() if is_typeddict(one) else ()
    assert len(seen) > 100


async def test_tools_go_out_as_they_are() -> None:
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}]
    sent = await completions.async_maybe_transform(  # patched there
        {"messages": [], "tools": tools, "model": "m"}, CompletionCreateParamsStreaming
    )
    assert sent == {"messages": [], "tools": tools, "model": "m"}
    assert sent["tools"] is tools


async def test_a_call_without_tools_has_none() -> None:
    sent = await completions.async_maybe_transform(  # patched there
        {"messages": [], "tools": omit, "model": "m"}, CompletionCreateParamsStreaming
    )
    assert sent == {"messages": [], "model": "m"}


def test_a_schema_without_a_pattern_is_not_walked_over() -> None:
    schema: dict[str, Any] = {"type": "object", "properties": {"path": {"type": "string"}}}
    assert {"tools": [_tool(schema)]} == _as_openai_gets(_tool(schema))
    assert common_utils.drop_non_python_regex_patterns(schema) is schema


def test_a_pattern_that_python_cannot_read_does_not_go_out_and_another_does() -> None:
    for keyword in ("properties", "patternProperties"):
        for base in ("http://127.0.0.1/v1", "https://api.openai.com/v1"):
            named = {"^a": {"type": "string", "pattern": r"\p{Cc}"}, "b": {"type": "string", "pattern": "^x"}}
            left = {"^a": {"type": "string"}, "b": {"type": "string", "pattern": "^x"}}
            sent = _as_openai_gets(_tool({"type": "object", keyword: named}), base)
            assert sent == {"tools": [_tool({"type": "object", keyword: left})]}


def test_a_schema_that_is_kept_whole_is_walked_over_once(monkeypatch: pytest.MonkeyPatch) -> None:
    walked: list[object] = []

    def walk(schema: object) -> object:
        walked.append(schema)
        return original_drop_patterns(schema)

    monkeypatch.setattr("agent.models.openai_patch.original_drop_patterns", walk)
    schema = {"type": "object", "properties": {"once": {"type": "string", "pattern": "^walked over once$"}}}
    for _ in range(3):
        assert common_utils.drop_non_python_regex_patterns(schema) is schema
    assert len(walked) == 1


def test_what_litellm_is_told_of_a_model_is_what_its_table_says_and_its_own_copy() -> None:
    about = {"model": "gpt-4o", "custom_llm_provider": "openai"}
    first = litellm.main.get_model_info_helper(**about)
    assert first == original_model_info(**about)
    first["mode"] = "changed"
    assert litellm.main.get_model_info_helper(**about) == original_model_info(**about)
    for _ in range(2):
        with pytest.raises(ValueError, match="no-such-model"):
            litellm.main.get_model_info_helper(model="no-such-model", custom_llm_provider="openai")


def _tool(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "f", "parameters": schema}}


def _as_openai_gets(tool: dict[str, Any], base: str = "http://127.0.0.1/v1") -> dict[str, Any]:
    """What LiteLLM changes of a request's tools."""
    about = {"custom_llm_provider": "openai", "api_base": base}
    config: Any = gpt_transformation.OpenAIGPTConfig()
    return dict(config._sanitized_tools_update_for_openai({"tools": [tool]}, about))


def test_a_cookie_that_is_set_is_kept_and_an_answer_without_one_changes_nothing() -> None:
    jar, request = httpx.Cookies({"before": "1"}), httpx.Request("GET", "http://127.0.0.1/")
    jar.extract_cookies(httpx.Response(200, request=request))
    assert dict(jar) == {"before": "1"}
    jar.extract_cookies(httpx.Response(200, headers={"Set-Cookie": "after=2"}, request=request))
    assert dict(jar) == {"before": "1", "after": "2"}
