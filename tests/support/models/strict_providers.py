"""Strict providers: servers that want the state of their model's messages back, and refuse as their documents say.

In a test, on its loop and on loopback:

    async with StrictServer(DeepSeek()) as server:
        ...  # point the code under test at server.base, with the model `server.provider.model`
        assert server.provider.refusals == []

The last user's message says what is answered: `calls=2,1` are two calls of `read` in one message, then one, then a text. A
request without tools is answered with a text. Every call reads another file, by which its state is found again.
"""

import json

from tests.support.models.provider_streams import (
    Body,
    Step,
    anthropic,
    chat,
    gemini,
    ollama,
    responses,
    text_blocks,
    tool_uses,
)
from tests.support.models.strict_provider import Refusal, StrictProvider, chat_message


class DeepSeek(StrictProvider):
    """api-docs.deepseek.com, guides/thinking_mode: the reasoning of turns with tool calls goes back, in all later requests."""

    model = "deepseek/deepseek-v4-flash"

    def messages(self, body: Body) -> list[Body]:
        return [chat_message(message) for message in body["messages"] if message["role"] in ("user", "assistant")]

    def refusal(self, body: Body) -> Refusal | None:
        for message in body["messages"]:
            if not message.get("tool_calls"):
                continue
            step = self.step_of(chat_message(message))
            reasoning = message.get("reasoning_content")
            if not reasoning or (step is not None and reasoning != step.reasoning):
                return "The reasoning_content in the thinking mode must be passed back to the API."
        return None

    def stream(self, step: Step) -> bytes:
        return chat(step, [{"reasoning_content": piece} for piece in step.reasoning_pieces])


class Vllm(DeepSeek):
    """docs.vllm.ai, features/interleaved_thinking: the reasoning goes back with its calls, under the name that it came with."""

    model = "hosted_vllm/MiniMaxAI/MiniMax-M2"

    def refusal(self, body: Body) -> Refusal | None:
        for message in body["messages"]:
            step = self.step_of(chat_message(message)) if message.get("tool_calls") else None
            if step is not None and (message.get("reasoning") != step.reasoning or "reasoning_content" in message):
                return "the reasoning is missing"
        return None

    def stream(self, step: Step) -> bytes:
        return chat(step, [{"reasoning": piece} for piece in step.reasoning_pieces])


class Ollama(StrictProvider):
    """docs.ollama.com, capabilities/streaming: the thinking goes back with its calls."""

    model = "ollama_chat/qwen3:8b"

    def messages(self, body: Body) -> list[Body]:
        found = [message for message in body["messages"] if message["role"] in ("user", "assistant")]
        calls = [[call["function"] for call in message.get("tool_calls", ())] for message in found]
        return [
            {
                "role": one["role"],
                "text": one["content"],
                "files": [call["arguments"]["path"] for call in made],
                "message": one,
            }
            for one, made in zip(found, calls, strict=True)
        ]

    def refusal(self, body: Body) -> Refusal | None:
        for message in self.messages(body):
            step = self.step_of(message) if message["files"] else None
            if step is not None and message["message"].get("thinking") != step.reasoning:
                return "the thinking is missing"
        return None

    def stream(self, step: Step) -> bytes:
        return ollama(step)


class OpenRouter(DeepSeek):
    """openrouter.ai/docs, use-cases/reasoning-tokens: the sequence of reasoning blocks must match what the model made."""

    model = "openrouter/anthropic/claude-sonnet-4.5"

    def refusal(self, body: Body) -> Refusal | None:
        for message in body["messages"]:
            step = self.step_of(chat_message(message)) if message.get("tool_calls") else None
            if step is not None and message.get("reasoning_details") != [*_details(step)]:
                return f"the reasoning_details must match the outputs of the model: {message.get('reasoning_details')}"
        return None

    def stream(self, step: Step) -> bytes:
        text, encrypted = _details(step)
        shared = {"type": "reasoning.text", "format": text["format"], "index": 0}
        deltas = [
            {"reasoning": piece, "reasoning_details": [{**shared, "text": piece}]} for piece in step.reasoning_pieces
        ]
        sealed = [{**shared, "signature": text["signature"]}, encrypted]
        return b": OPENROUTER PROCESSING\n\n" + chat(step, [*deltas, *({"reasoning_details": [one]} for one in sealed)])


class Anthropic(StrictProvider):
    """platform.claude.com, build-with-claude/extended-thinking: unmodified thinking blocks begin the turn under way."""

    model = "anthropic/claude-haiku-4-5"
    effort = "low"

    def messages(self, body: Body) -> list[Body]:
        found: list[Body] = []
        for message in body["messages"]:
            blocks = message["content"]
            if message["role"] == "user" and any(block["type"] == "tool_result" for block in blocks):
                continue
            text = "".join(block["text"] for block in blocks if block["type"] == "text")
            files = [block["input"]["path"] for block in blocks if block["type"] == "tool_use"]
            found.append({"role": message["role"], "text": text, "files": files, "blocks": blocks})
        return found

    def refusal(self, body: Body) -> Refusal | None:
        if body.get("thinking", {}).get("type") != "enabled":
            return None
        messages = self.messages(body)
        for place, message in enumerate(messages):
            step = self.step_of(message) if message["role"] == "assistant" else None
            first = message["blocks"][0]["type"]
            begins = message["role"] == "assistant" and messages[place - 1]["role"] == "user" and message["files"]
            if (step is not None or begins) and first not in ("thinking", "redacted_thinking"):
                return f"messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `{first}`."
            if step is not None and [
                block for block in message["blocks"] if "thinking" in block["type"]
            ] != thinking_blocks(step):
                return "messages.1.content.0: `thinking` or `redacted_thinking` blocks cannot be modified."
        return None

    def stream(self, step: Step) -> bytes:
        return anthropic(step, [*thinking_blocks(step), *text_blocks(step.text), *tool_uses(step)])


class InterleavedAnthropic(Anthropic):
    """build-with-claude/extended-thinking, "Interleaved thinking": a model that thinks between its texts and calls too."""

    model = "anthropic/claude-sonnet-5"

    def refusal(self, body: Body) -> Refusal | None:
        for message in self.messages(body):
            step = self.step_of(message) if message["role"] == "assistant" else None
            if step is not None and _without_ids(message["blocks"]) != _without_ids(self._content(step)):
                return f"messages.1.content: the blocks are not as they came: {[b['type'] for b in message['blocks']]}"
        return None

    def stream(self, step: Step) -> bytes:
        return anthropic(step, self._content(step))

    def _content(self, step: Step) -> list[Body]:
        """Thinking before the text, before the first call and before the last; calls between these follow each other."""
        first, encrypted, omitted = thinking_blocks(step)
        uses = tool_uses(step)
        middle = [encrypted, *uses[:-1], omitted, *uses[-1:]] if len(uses) > 1 else [encrypted, *uses] if uses else []
        return [first, *text_blocks(step.text or step.remark), *middle]


class Gemini(StrictProvider):
    """ai.google.dev, gemini-api/docs/thought-signatures: each step's first call has the signature that came with it."""

    model = "gemini/gemini-3-flash-preview"

    def messages(self, body: Body) -> list[Body]:
        found: list[Body] = []
        for content in body["contents"]:
            parts = content["parts"]
            if any("function_response" in part for part in parts):
                continue
            role = "user" if content["role"] == "user" else "assistant"
            text = "".join(part.get("text", "") for part in parts if not part.get("thought"))
            files = [part["function_call"]["args"]["path"] for part in parts if "function_call" in part]
            found.append({"role": role, "text": text, "files": files, "parts": parts})
        return found

    def refusal(self, body: Body) -> Refusal | None:
        for message in self.messages(body):
            step = self.step_of(message) if message["role"] == "assistant" else None
            if step is None:
                continue
            signed = [part.get("thoughtSignature") for part in message["parts"]]
            if signed[0] is None:
                return "Function call is missing a thought_signature in functionCall parts."
            if signed != [step.sealed, *[None] * (len(signed) - 1)]:
                return "Corrupted thought signature."
        return None

    def stream(self, step: Step) -> bytes:
        return gemini(step)


class Responses(StrictProvider):
    """platform.openai.com, guides/reasoning: with `store: false` the encrypted reasoning stands before its call."""

    model = "openai/gpt-5.6"
    effort = "low"

    def messages(self, body: Body) -> list[Body]:
        if "messages" in body:  # without tools LiteLLM makes a chat completion of it
            return [chat_message(message) for message in body["messages"]]
        found: list[Body] = []
        is_open = False
        for item in body["input"]:
            kind = item["type"]
            role = item["role"] if kind == "message" else "result" if kind == "function_call_output" else "assistant"
            if role != "assistant" or not is_open:
                found.append({"role": role, "text": "", "files": [], "reasoning": [], "order": []})
            is_open, last = role == "assistant", found[-1]
            if kind == "message":
                last["text"] += "".join(part["text"] for part in item["content"])
                last["order"].append(last["text"])
            elif kind == "reasoning":
                last["reasoning"].append(item)
                last["order"].append(item.get("encrypted_content"))
            elif kind == "function_call":
                last["files"].append(json.loads(item["arguments"])["path"])
                last["order"].append(last["files"][-1])
        return found

    def refusal(self, body: Body) -> Refusal | None:
        if not body.get("tools"):
            return None
        if body.get("store") is not False or body.get("include") != ["reasoning.encrypted_content"]:
            return "the answer would be stored, or its reasoning would not come back"
        for message in self.messages(body):
            step = self.step_of(message) if message["role"] == "assistant" else None
            if step is not None and [item.get("encrypted_content") for item in message["reasoning"]] != [step.sealed]:
                return "Item of type 'function_call' was provided without its required 'reasoning' item."
        return None

    def stream(self, step: Step) -> bytes:
        return responses(step) if self.requests[-1].get("tools") else chat(step, [])


class InterleavedResponses(Responses):
    """A model that reasons between its calls too: each reasoning item stands before what followed from it."""

    def refusal(self, body: Body) -> Refusal | None:
        for message in self.messages(body) if body.get("tools") else ():
            step = self.step_of(message) if message["role"] == "assistant" else None
            if step is None:
                continue
            calls = [(f"{step.sealed}-{place}", file) for place, file in enumerate(step.files)]
            expected = [step.sealed, step.text or step.remark, *(part for call in calls for part in call)]
            if message["order"] != expected:
                return "Item of type 'reasoning' was provided without its required following item."
        return None

    def stream(self, step: Step) -> bytes:
        return responses(step, interleaved=True) if self.requests[-1].get("tools") else chat(step, [])


PROVIDERS = (
    *(DeepSeek, Vllm, Ollama, OpenRouter, Anthropic, Gemini, Responses),
    *(InterleavedAnthropic, InterleavedResponses),
)


def thinking_blocks(step: Step) -> list[Body]:
    """What Anthropic's model thought: readable and signed, encrypted, and signed without a text."""
    return [
        {"type": "thinking", "thinking": step.reasoning, "signature": step.sealed},
        {"type": "redacted_thinking", "data": f"{step.sealed}-encrypted"},
        {"type": "thinking", "thinking": "", "signature": f"{step.sealed}-omitted"},
    ]


def _without_ids(blocks: list[Body]) -> list[Body]:
    """Blocks without the ids of their calls, and without the marks for the cache."""
    return [{name: value for name, value in block.items() if name not in ("id", "cache_control")} for block in blocks]


def _details(step: Step) -> tuple[Body, Body]:
    text = {"type": "reasoning.text", "text": step.reasoning, "format": "anthropic-claude-v1", "index": 0}
    encrypted = {"type": "reasoning.encrypted", "data": step.sealed, "format": "anthropic-claude-v1", "index": 1}
    return {**text, "signature": f"{step.sealed}-signature"}, encrypted
