"""Format events: what Anthropic's Messages API and OpenAI's Responses API send, built event by event.

Sources: platform.claude.com, build-with-claude/streaming; platform.openai.com, api-reference/responses-streaming.
"""

import json
from collections.abc import Mapping
from typing import Any

from tests.support.models.raw_http import Sent

Body = dict[str, Any]
WORDS = "Grüße\u2028an\u0085alle \U0001f600 \u2029\x1c, ", "\U00010348end"
"""Tokens with what Python takes for an end of line, and characters of two, three and four bytes."""


def sent(*bodies: Mapping[str, Any], **fields: Any) -> Sent:
    """Events with their types as their names, and their text as it is."""
    parts = (f"event: {body['type']}\ndata: {json.dumps(body, ensure_ascii=False)}\n\n" for body in bodies)
    return Sent("".join(parts), **fields)


def block(index: int, start: Body, *deltas: Body) -> list[Body]:
    """A block of Anthropic's content."""
    return [
        {"type": "content_block_start", "index": index, "content_block": start},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def text(index: int, *words: str) -> list[Body]:
    return block(index, {"type": "text", "text": ""}, *({"type": "text_delta", "text": word} for word in words))


def tool(index: int, *pieces: str, **fields: object) -> list[Body]:
    start = {"type": "tool_use", "id": f"toolu_{index}", "name": "list", "input": {}, **fields}
    return block(index, start, *({"type": "input_json_delta", "partial_json": piece} for piece in pieces))


def anthropic(
    *content: Body, reason: str | None = "end_turn", begin: Body | None = None, end: Body | None = None
) -> list[Body]:
    """The events of a message. `begin`, `end`: what its usage has then beside the usual."""
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-5", "content": []}
    usage = {"input_tokens": 100, "output_tokens": 1, **(begin or {})}
    return [
        {"type": "message_start", "message": {**message, "stop_reason": None, "usage": usage}},
        {"type": "ping"},
        *content,
        {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 50, **(end or {})}},
        {"type": "message_stop"},
    ]


def delta(kind: str, piece: str, index: int = 0, **fields: object) -> Body:
    """A piece of an item of the Responses API."""
    return {"type": f"response.{kind}.delta", "item_id": "i", "output_index": index, "delta": piece, **fields}


def item(index: int, whole: Body, *deltas: Body, begun: Body | None = None) -> list[Body]:
    """An item of the Responses API. `begun`: what is else when it is added."""
    place = {"output_index": index}
    return [
        {"type": "response.output_item.added", **place, "item": {**whole, **(begun or {})}},
        *deltas,
        {"type": "response.output_item.done", **place, "item": whole},
    ]


def said(index: int, *words: str) -> list[Body]:
    content = [{"type": "output_text", "text": "".join(words), "annotations": []}]
    whole = {"id": f"msg_{index}", "type": "message", "role": "assistant", "status": "completed", "content": content}
    return item(
        index, whole, *(delta("output_text", word, index, logprobs=[]) for word in words), begun={"content": []}
    )


def function(index: int, *pieces: str, **fields: object) -> list[Body]:
    ids = {"id": f"fc_{index}", "call_id": f"call_a{index}"}
    whole = {
        **ids,
        "type": "function_call",
        "name": "list",
        "arguments": "".join(pieces),
        "status": "completed",
        **fields,
    }
    deltas = [delta("function_call_arguments", piece, index) for piece in pieces]
    done = {"type": "response.function_call_arguments.done", "output_index": index, "arguments": whole["arguments"]}
    return item(index, whole, *deltas, done, begun={"arguments": ""})


def reasoned(index: int, *pieces: str, sealed: str | None = "SEALED") -> list[Body]:
    summary = [{"type": "summary_text", "text": "".join(pieces)}] if pieces else []
    whole = {"id": f"rs_{index}", "type": "reasoning", "summary": summary, "encrypted_content": sealed}
    deltas = [delta("reasoning_summary_text", piece, index, summary_index=0) for piece in pieces]
    return item(index, whole, *deltas, begun={"summary": [], "encrypted_content": "begun"})


def responses(*events: Body, end: str = "completed", usage: Body | None = None, **fields: object) -> list[Body]:
    """The events of a response."""
    begun = {"id": "resp_1", "object": "response", "created_at": 1, "model": "gpt-5.6", "output": []}
    counts = {"input_tokens": 100, "output_tokens": 50, "total_tokens": 150, **(usage or {})}
    output = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    whole = {**begun, "status": end, "output": output, "usage": counts, **fields}
    bodies = [
        {"type": "response.created", "response": {**begun, "status": "in_progress"}},
        {"type": "response.in_progress", "response": {**begun, "status": "in_progress"}},
        *events,
        {"type": f"response.{end}", "response": whole},
    ]
    return [{"sequence_number": number, **body} for number, body in enumerate(bodies)]
