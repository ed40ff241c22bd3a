"""Native streams: whole answers of providers in their own formats, with what their own have beside the text."""

import json
import struct
from binascii import crc32
from collections.abc import Mapping

from tests.support.models.raw_caller import chunk
from tests.support.models.raw_http import Sent, events

GEMINI = "gemini/gemini-flash-latest"
OLLAMA = "ollama_chat/qwen3:8b"
ARGUMENTS = {"path": "ä\u2028\u0085"}
"""Those of the calls."""


def chat(*deltas: Mapping[str, object], finish: str = "stop", usage: Mapping[str, object] | None = None) -> Sent:
    """A stream of chat completion chunks, each with what providers' own have beside their choices."""
    counts = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110, **(usage or {})}
    bodies = [*map(chunk, deltas), chunk({}, finish), chunk(usage=counts)]
    return events(*({**body, "id": "c", "created": 1, "model": "m"} for body in bodies), "[DONE]")


def thinking(text: str) -> list[dict[str, object]]:
    """A content of Mistral's with a part of its thoughts."""
    return [{"type": "thinking", "thinking": [{"type": "text", "text": text}]}]


def call(**fields: object) -> dict[str, object]:
    """A delta with a call."""
    return {"tool_calls": [{"index": 0, "id": "a", "type": "function", "function": fields}]}


def gemini(*parts: list[dict[str, object]], finish: str = "STOP", usage: Mapping[str, int] | None = None) -> Sent:
    """A stream of Gemini's: one event for each list of parts."""
    counts = {"promptTokenCount": 100, "candidatesTokenCount": 10, "totalTokenCount": 110, **(usage or {})}
    candidates = [{"content": {"role": "model", "parts": some}, "index": 0} for some in parts]
    last = {**candidates[-1], "finishReason": finish}
    about = {"usageMetadata": counts, "modelVersion": "gemini", "responseId": "r"}
    return events(*({"candidates": [one], **about} for one in [*candidates[:-1], last]))


def ollama(*messages: Mapping[str, object], **end: object) -> Sent:
    """A stream of Ollama's own API."""
    every = {"model": "m", "created_at": "2026-01-01T00:00:00Z", "done": False}
    counts = {"done": True, "done_reason": "stop", "prompt_eval_count": 100, "eval_count": 10, "total_duration": 1}
    lines = [{**every, "message": {"role": "assistant", "content": "", **one}} for one in messages]
    last = {**every, "message": {"role": "assistant", "content": ""}, **counts, **end}
    body = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in [*lines, last])
    return Sent(body, kind="application/x-ndjson")


def function(**fields: object) -> dict[str, object]:
    """A part with a call."""
    return {"functionCall": {"name": "list", "args": ARGUMENTS}, **fields}


def cohere(*events_: dict[str, object], end: dict[str, object] | None = None, lines: bool = False) -> Sent:
    """A stream of Cohere's, as events or as lines."""
    usage = {"billed_units": {"input_tokens": 1}, "tokens": {"input_tokens": 100, "output_tokens": 10}}
    last = {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": usage, **(end or {})}}
    start = {
        "type": "message-start",
        "id": "c",
        "delta": {"message": {"role": "assistant", "content": [], "tool_calls": []}},
    }
    bodies = [start, *events_, last]
    if not lines:
        return events(*bodies, names=True)
    return Sent("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in bodies), kind="application/stream+json")


def cohere_delta(kind: str, **message: object) -> dict[str, object]:
    """An event of Cohere's that continues its message."""
    return {"type": kind, "index": 0, "delta": {"message": message}}


def bedrock(*payloads: tuple[str, dict[str, object]]) -> Sent:
    """A stream of Bedrock's Converse API, in AWS's event stream encoding (docs.aws.amazon.com, "Event stream encoding"): each
    event with its type and its payload."""
    return Sent(b"".join(_frame(kind, json.dumps(payload).encode()) for kind, payload in payloads), kind=_AWS)


_AWS = "application/vnd.amazon.eventstream"


def _frame(kind: str, payload: bytes) -> bytes:
    named = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    headers = b"".join(
        struct.pack("!B", len(name)) + name.encode() + struct.pack("!BH", 7, len(value)) + value.encode()
        for name, value in named.items()
    )
    prelude = struct.pack("!II", len(headers) + len(payload) + 16, len(headers))
    whole = prelude + struct.pack("!I", crc32(prelude)) + headers + payload
    return whole + struct.pack("!I", crc32(whole))
