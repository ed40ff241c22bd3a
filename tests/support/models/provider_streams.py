"""Provider streams: one answer with its reasoning, its state and its tool calls, in the events of each provider."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

Body = dict[str, Any]

SEALED_CHARS = 700
"""Longer than the id of a tool call may be, in which LiteLLM puts signatures of Gemini."""


class Step(msgspec.Struct, frozen=True):
    """One message of the model: its number in the conversation, and the files that it reads; without one it is a text."""

    number: int
    files: list[str]

    @property
    def text(self) -> str:
        """The text of a message without calls."""
        return "" if self.files else f"Answer number {self.number}."

    @property
    def remark(self) -> str:
        """A text beside calls."""
        return f"Remark {self.number}."

    @property
    def sealed(self) -> str:
        """What only the provider can read."""
        return f"SEALED-{self.number}-".ljust(SEALED_CHARS, "x")

    @property
    def reasoning_pieces(self) -> list[str]:
        return [f"Thought {self.number}: ", "which ", "file?"]

    @property
    def reasoning(self) -> str:
        return "".join(self.reasoning_pieces)

    @property
    def arguments(self) -> list[str]:
        """The arguments of the calls, as JSON."""
        return [json.dumps({"path": path}) for path in self.files]


def events(bodies: Iterable[Mapping[str, Any]], *, named: bool = False) -> bytes:
    """Server-sent events; `named`: each has its type as its name."""
    return b"".join(
        (f"event: {body['type']}\n" if named else "").encode() + b"data: " + json.dumps(body).encode() + b"\n\n"
        for body in bodies
    )


def chat(step: Step, reasoning: Iterable[Body]) -> bytes:
    """OpenAI's chat completion chunks. `reasoning`: the deltas before the text or the calls."""

    def chunk(delta: Body, reason: str | None = None) -> Body:
        choices = [{"index": 0, "delta": delta, "finish_reason": reason}]
        return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices}

    def call(place: int, arguments: str) -> Body:
        function = {"name": "read", "arguments": arguments}
        return {"index": place, "id": f"call_{step.number}_{place}", "type": "function", "function": function}

    deltas = [{"role": "assistant", "content": ""}, *reasoning, *([{"content": step.text}] if step.text else [])]
    calls = [{"tool_calls": [call(place, arguments)]} for place, arguments in enumerate(step.arguments)]
    last = chunk({}, "tool_calls" if calls else "stop")
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    return events([*map(chunk, [*deltas, *calls]), {**last, "usage": usage}]) + b"data: [DONE]\n\n"


def anthropic(step: Step, content: list[Body]) -> bytes:
    """Anthropic's messages. Each thinking block comes in pieces, its signature last; an encrypted one comes whole."""
    usage = {"input_tokens": 100, "output_tokens": 1}
    message = {"id": "m", "type": "message", "role": "assistant", "model": "claude", "content": [], "usage": usage}
    found: list[Body] = [{"type": "message_start", "message": message}]
    for index, block in enumerate(content):
        empty, deltas = block, []
        if block["type"] == "thinking":
            empty = {"type": "thinking", "thinking": "", "signature": ""}
            pieces = step.reasoning_pieces if block["thinking"] else []
            deltas = [{"type": "thinking_delta", "thinking": piece} for piece in pieces]
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
        elif block["type"] == "text":
            empty, deltas = {"type": "text", "text": ""}, [{"type": "text_delta", "text": block["text"]}]
        elif block["type"] == "tool_use":
            empty = {**block, "input": {}}
            deltas = [{"type": "input_json_delta", "partial_json": json.dumps(block["input"])}]
        found.append({"type": "content_block_start", "index": index, "content_block": empty})
        found += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        found.append({"type": "content_block_stop", "index": index})
    reason = "tool_use" if step.files else "end_turn"
    found.append({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 10}})
    return events([*found, {"type": "message_stop"}], named=True)


def text_blocks(text: str) -> list[Body]:
    """Anthropic's block for a text; none for an empty one."""
    return [{"type": "text", "text": text}] if text else []


def tool_uses(step: Step) -> list[Body]:
    """Anthropic's blocks for the step's calls."""
    return [
        {"type": "tool_use", "id": f"toolu_{step.number}_{place}", "name": "read", "input": {"path": path}}
        for place, path in enumerate(step.files)
    ]


def gemini(step: Step) -> bytes:
    """Gemini's parts: thoughts, then calls of which the first is signed, or a text signed by an empty part behind it."""
    thoughts = [{"text": piece, "thought": True} for piece in step.reasoning_pieces]
    calls: list[Body] = [{"functionCall": {"name": "read", "args": {"path": path}}} for path in step.files]
    if calls:
        calls[0]["thoughtSignature"] = step.sealed
    text = [{"text": step.text}, {"text": "", "thoughtSignature": step.sealed}] if step.text else []
    groups = [*([part] for part in thoughts), *([part] for part in text), *([calls] if calls else [])]
    usage = {"promptTokenCount": 100, "candidatesTokenCount": 10, "totalTokenCount": 110}
    candidates = [{"content": {"role": "model", "parts": parts}, "index": 0} for parts in groups]
    last = {**candidates[-1], "finishReason": "STOP"}
    return events({"candidates": [one], "usageMetadata": usage} for one in [*candidates[:-1], last])


def ollama(step: Step) -> bytes:
    """Ollama's lines: thoughts, then a text or whole calls."""
    messages: list[Body] = [{"thinking": piece} for piece in step.reasoning_pieces]
    messages += [{"content": step.text}] if step.text else []
    calls = [{"function": {"name": "read", "arguments": {"path": path}}} for path in step.files]
    messages += [{"tool_calls": calls}] if calls else []
    about = {"model": "m", "done": False}
    lines = [{**about, "message": {"role": "assistant", "content": "", **one}} for one in [*messages, {}]]
    lines[-1] |= {"done": True, "done_reason": "stop", "prompt_eval_count": 100, "eval_count": 10}
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def responses(step: Step, *, interleaved: bool = False) -> bytes:
    """OpenAI's responses: a reasoning item, whose encrypted content is whole only at the end, and what follows from it.

    `interleaved`: a text between two reasoning items, and one more before each call after the first.
    """
    items: list[Body] = [_reasoning(step, 0, step.sealed)]
    if step.text or interleaved:
        text = step.text or step.remark
        content = [{"type": "output_text", "text": text, "annotations": []}]
        items.append({"id": "msg", "type": "message", "role": "assistant", "status": "completed", "content": content})
        items += [_reasoning(step, 1, f"{step.sealed}-0")] if interleaved and step.files else []
    for place, arguments in enumerate(step.arguments):
        ids = {"id": f"fc_{step.number}_{place}", "call_id": f"call_{step.number}_{place}"}
        items += [_reasoning(step, place + 1, f"{step.sealed}-{place}")] if interleaved and place else []
        items.append({**ids, "type": "function_call", "status": "completed", "name": "read", "arguments": arguments})
    found = [event for index, item in enumerate(items) for event in _events_of(step, index, item)]
    response: Body = {"id": "resp", "object": "response", "created_at": 1, "model": "gpt-5.6", "output": []}
    usage = {"input_tokens": 100, "output_tokens": 10, "total_tokens": 110}
    whole = {**response, "status": "completed", "output": items, "usage": usage}
    begin = {"type": "response.created", "response": {**response, "status": "in_progress"}}
    numbered = enumerate([begin, *found, {"type": "response.completed", "response": whole}])
    return events(({"item_id": "i", "output_index": 0, "sequence_number": n, **one} for n, one in numbered), named=True)


def _reasoning(step: Step, number: int, sealed: str) -> Body:
    summary = [{"type": "summary_text", "text": step.reasoning}]
    return {"id": f"rs_{step.number}_{number}", "type": "reasoning", "summary": summary, "encrypted_content": sealed}


def _events_of(step: Step, index: int, item: Body) -> list[Body]:
    """The events of one item of a response."""
    done = {"type": "response.output_item.done", "output_index": index, "item": item}
    if item["type"] == "message":
        return [{"type": "response.output_text.delta", "output_index": index, "delta": item["content"][0]["text"]}]
    if item["type"] == "function_call":
        begun, kind = {**item, "arguments": ""}, "response.function_call_arguments.delta"
        deltas: list[Body] = [{"type": kind, "output_index": index, "delta": item["arguments"]}]
    else:
        begun, kind = {**item, "encrypted_content": "begun"}, "response.reasoning_summary_text.delta"
        deltas = [{"type": kind, "summary_index": 0, "delta": piece} for piece in step.reasoning_pieces]
    return [{"type": "response.output_item.added", "output_index": index, "item": begun}, *deltas, done]
