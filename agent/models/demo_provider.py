"""Demo provider: the demo model as a LiteLLM custom provider. Imported together with LiteLLM, never before."""

import asyncio
import json
import re
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import cast

import litellm
from litellm.llms.custom_llm import CustomLLM
from litellm.types.utils import (
    ChatCompletionDeltaToolCall,
    Delta,
    Function,
    ModelResponseStream,
    StreamingChoices,
    Usage,
)

from agent.models.demo import BROKEN, DemoReply, count_tokens, reply_to

DEMO_PROVIDER = "holdfast-demo"
GAP = "holdfast_demo_gap_s"
"""The parameter with the seconds between two words."""


class DemoFailure(Exception):
    """The demo's failure, as a provider's server error."""

    status_code = 500


class DemoProvider(CustomLLM):  # type: ignore[misc]  # LiteLLM's types are not read
    """Streams `demo.reply_to` word by word."""

    @classmethod
    def install(cls) -> None:
        """Register the demo with LiteLLM; a second call changes nothing."""
        others = [entry for entry in litellm.custom_provider_map if entry["provider"] != DEMO_PROVIDER]
        litellm.custom_provider_map = [*others, {"provider": DEMO_PROVIDER, "custom_handler": cls()}]

    async def astreaming(self, *arguments: object, **given: object) -> AsyncIterator[ModelResponseStream]:
        messages = cast("Sequence[Mapping[str, object]]", given["messages"])
        options = cast("Mapping[str, object]", given["optional_params"])
        tools = cast("Sequence[Mapping[str, object]]", options.get("tools") or ())
        reply = reply_to(messages, tools)
        gap = cast("float", options[GAP]) * reply.pace
        for word in _words(reply.reasoning):
            yield _chunk(reasoning=word)
            await asyncio.sleep(gap)
        for word in _words(reply.text):
            yield _chunk(text=word)
            await asyncio.sleep(gap)
        if reply.fails:
            raise DemoFailure(BROKEN)
        for index, (name, arguments_of) in enumerate(reply.calls):
            yield _chunk(call=_tool_call(index, name, arguments_of))
        # Before the finish: LiteLLM drops what a custom provider sends after it.
        usage_chunk = _chunk()
        usage_chunk.usage = _usage(messages, reply)
        yield usage_chunk
        yield _chunk(finish_reason="tool_calls" if reply.calls else "stop")


def _words(text: str) -> list[str]:
    return re.findall(r"\s*\S+\s*?(?=\s|$)|\s+", text)


def _tool_call(index: int, name: str, arguments: Mapping[str, object]) -> ChatCompletionDeltaToolCall:
    function = Function(arguments=json.dumps(arguments), name=name)
    return ChatCompletionDeltaToolCall(
        id=f"call_{uuid.uuid4().hex[:12]}", function=function, type="function", index=index
    )


def _chunk(
    text: str | None = None,
    reasoning: str | None = None,
    call: ChatCompletionDeltaToolCall | None = None,
    finish_reason: str | None = None,
) -> ModelResponseStream:
    delta = Delta(role="assistant", content=text, reasoning_content=reasoning, tool_calls=[call] if call else None)
    return ModelResponseStream(choices=[StreamingChoices(index=0, delta=delta, finish_reason=finish_reason)])


def _usage(messages: Sequence[Mapping[str, object]], reply: DemoReply) -> Usage:
    input_tokens = count_tokens(messages)
    output_tokens = count_tokens([{"text": reply.reasoning + reply.text, "calls": reply.calls}])
    return Usage(prompt_tokens=input_tokens, completion_tokens=output_tokens, total_tokens=input_tokens + output_tokens)
