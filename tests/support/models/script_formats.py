"""Script formats: a scripted answer of text in the events of Anthropic's, Gemini's, and of OpenAI's Responses API."""

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from tests.support.models.model_script import (
    USED,
    Cut,
    Finish,
    Gate,
    Hang,
    Op,
    Paced,
    Raw,
    Reply,
    Text,
    Tokens,
    Usage,
    chunked,
)

Body = Mapping[str, Any]


class Format(NamedTuple):
    """How a provider frames a text: the events before it, one of its tokens (`@`), and those behind it."""

    begin: tuple[Body, ...]
    token: Body
    end: Callable[[str, Usage], tuple[Body, ...]]


def _message_end(reason: str, usage: Usage) -> tuple[Body, ...]:
    stop = {"stop_reason": {"stop": "end_turn", "length": "max_tokens"}[reason], "stop_sequence": None}
    return (
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": stop, "usage": {"output_tokens": usage.output_tokens}},
        {"type": "message_stop"},
    )


_MESSAGE = {"id": "msg_scripted", "type": "message", "role": "assistant", "model": "scripted", "content": []}
MESSAGES = Format(
    (
        {
            "type": "message_start",
            "message": {**_MESSAGE, "stop_reason": None, "usage": {"input_tokens": 100, "output_tokens": 1}},
        },
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
    ),
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "@"}},
    _message_end,
)


def _response_end(reason: str, usage: Usage) -> tuple[Body, ...]:
    kind = {"stop": "completed", "length": "incomplete"}[reason]
    counts = {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens}
    counts["total_tokens"] = usage.input_tokens + usage.output_tokens
    whole = {**_RESPONSE, "status": kind, "usage": counts, "incomplete_details": None}
    return (
        {"type": "response.output_item.done", "output_index": 0, "item": _ITEM},
        {"type": f"response.{kind}", "response": whole},
    )


_RESPONSE = {
    "id": "resp_scripted",
    "object": "response",
    "created_at": 1_700_000_000,
    "model": "scripted",
    "output": [],
}
_ITEM = {"id": "msg_scripted", "type": "message", "role": "assistant", "content": []}
_PART = {"item_id": "msg_scripted", "output_index": 0, "content_index": 0}
RESPONSES = Format(
    (
        {"type": "response.created", "response": {**_RESPONSE, "status": "in_progress"}},
        {"type": "response.output_item.added", "output_index": 0, "item": _ITEM},
    ),
    {"type": "response.output_text.delta", "sequence_number": 7, **_PART, "delta": "@", "logprobs": []},
    _response_end,
)


def _candidate(text: str, usage: Usage, **end: str) -> Body:
    content = {"parts": [{"text": text}], "role": "model"}
    counts = {"promptTokenCount": usage.input_tokens, "candidatesTokenCount": usage.output_tokens}
    counts["totalTokenCount"] = usage.input_tokens + usage.output_tokens
    about = {"usageMetadata": counts, "modelVersion": "scripted", "responseId": "scripted"}
    return {"candidates": [{"content": content, **end, "index": 0}], **about}


def _candidate_end(reason: str, usage: Usage) -> tuple[Body, ...]:
    return (_candidate("", usage, finishReason={"stop": "STOP", "length": "MAX_TOKENS"}[reason]),)


GEMINI = Format((), _candidate("@", USED), _candidate_end)
FORMATS: Mapping[str, Format] = {"/messages": MESSAGES, "/responses": RESPONSES, ":streamGenerateContent": GEMINI}
"""By the end of the request's path."""


def format_of(path: str) -> Format | None:
    """The format of an address; None for that of chat completions, or an unknown one."""
    return next((one for end, one in FORMATS.items() if path.endswith(end)), None)


def program(reply: Reply, path: str) -> tuple[Op, ...]:
    """The reply as `Reply.program` is, in the format of this address. Raises ValueError for a step that is more than text."""
    shape = format_of(path)
    if shape is None:
        return reply.program
    before, after = _event(shape.token).split(b"@")
    usage = next((step for step in reply.steps if isinstance(step, Usage)), USED)
    ops: list[Op] = [_events(shape.begin)]
    for step in reply.steps:
        match step:
            case Hang() | Cut() | Gate():
                ops.append(step)
            case Tokens(every=every, stamped=stamped) if every or stamped:
                ops.append(Paced(step, before, after))
            case Tokens(count=count, text=words):
                ops.append(chunked(before + _escaped(words) + after) * count)
            case Text(text=words, after=wait):
                ops += [float(wait), chunked(before + _escaped(words) + after)]
            case Raw(data=data):
                ops.append(chunked(data))
            case Finish(reason=reason):
                ops.append(_events(shape.end(reason, usage)))
            case Usage():
                continue  # it is in the end's events
            case _:
                raise ValueError(f"{step} is not scripted for {path}: it has text alone")
    return tuple(ops)


def _event(body: Body) -> bytes:
    name = f"event: {body['type']}\n" if "type" in body else ""
    return f"{name}data: {json.dumps(body, separators=(',', ':'))}\n\n".encode()


def _events(bodies: tuple[Body, ...]) -> bytes:
    return b"".join(chunked(_event(body)) for body in bodies)


def _escaped(text: str) -> bytes:
    return json.dumps(text)[1:-1].encode()
