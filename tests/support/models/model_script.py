"""Model scripts: the steps of a scripted answer, and their server-sent events, encoded ahead of time."""

import asyncio
import functools
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

_ENVELOPE = {
    "id": "chatcmpl-scripted",
    "object": "chat.completion.chunk",
    "created": 1_700_000_000,
    "model": "scripted",
}
DONE = b"data: [DONE]\n\n"


def chunked(data: bytes) -> bytes:
    """One chunk of HTTP's chunked transfer coding, as servers send one for each event."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def event(body: Mapping[str, object]) -> bytes:
    """One server-sent event. Escapes all but ASCII, so that even a lone surrogate can be sent."""
    return b"data: " + json.dumps(body, separators=(",", ":")).encode("ascii") + b"\n\n"


def delta(change: Mapping[str, object], finish: str | None = None) -> bytes:
    return event({**_ENVELOPE, "choices": [{"index": 0, "delta": change, "finish_reason": finish}]})


@dataclass(frozen=True)
class Text:
    """One piece of text, `after` seconds after the piece before it."""

    text: str
    after: float = 0.0


@dataclass(frozen=True)
class Reason:
    """One piece of reasoning (`reasoning_content`)."""

    text: str
    after: float = 0.0


@dataclass(frozen=True)
class Call:
    """A tool call whose arguments (an object, or raw text for broken ones) arrive in fragments.

    `index`: its place among the message's calls; None counts up. `cut`: send this many characters of the arguments only.
    """

    name: str
    arguments: Mapping[str, object] | str = "{}"
    id: str = "call_1"
    index: int | None = None
    fragments: int = 3
    cut: int | None = None


@dataclass(frozen=True)
class Tokens:
    """`count` tokens of text, one every `every` seconds on a steady clock; cheap, for benchmarks.

    `stamped`: each token is the time of its sending, `time.monotonic_ns()` and a space, good in every process here.
    """

    count: int
    every: float = 0.0
    stamped: bool = False
    text: str = " word"


@dataclass(frozen=True)
class Paced:
    """Tokens as they are sent by the clock: `before` and `after` are what stands around the text of one's event."""

    tokens: Tokens
    before: bytes
    after: bytes

    def event(self) -> bytes:
        """One token, now."""
        text = b"%d " % time.monotonic_ns() if self.tokens.stamped else json.dumps(self.tokens.text)[1:-1].encode()
        return chunked(self.before + text + self.after)


@dataclass(frozen=True)
class Finish:
    reason: str = "stop"


@dataclass(frozen=True)
class Usage:
    """The usage chunk that `stream_options.include_usage` asks for."""

    input_tokens: int = 12
    output_tokens: int = 7
    cached_tokens: int = 0


@dataclass(frozen=True)
class Raw:
    """These bytes as they are, in place of an event."""

    data: bytes


@dataclass(frozen=True)
class ErrorChunk:
    """An error in the middle of a stream that began with 200."""

    message: str = "the engine died"
    code: int | str = 500


@dataclass(frozen=True)
class Hang:
    """Say no more and keep the connection open until the client leaves or the server stops."""


@dataclass(frozen=True)
class Cut:
    """Drop the connection in the middle of the body. `reset`: with a RST, without sending what is still buffered."""

    reset: bool = False


@dataclass(eq=False)
class Gate:
    """Waits for the test: `await gate.reached.wait()` on one side, `gate.open()` on the other. In-process only."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    _opened: asyncio.Event = field(default_factory=asyncio.Event)

    def open(self) -> None:
        self._opened.set()

    async def passed(self) -> None:
        self.reached.set()
        await self._opened.wait()


Step = Text | Reason | Call | Tokens | Finish | Usage | Raw | ErrorChunk | Hang | Cut | Gate


@dataclass(frozen=True)
class Reply:
    """A streamed answer, exactly these steps. Nothing is added: a reply without `Finish` ends without one."""

    steps: tuple[Step, ...]
    done: bool = True

    @functools.cached_property
    def program(self) -> tuple["Op", ...]:
        return _compiled(self)


@dataclass(frozen=True)
class Refusal:
    """An HTTP error instead of a stream. `body` replaces the usual error object."""

    status: int
    message: str = "refused by the script"
    retry_after: float | None = None
    code: str | None = None
    body: bytes | None = None

    def payload(self) -> bytes:
        if self.body is not None:
            return self.body
        error = {"message": self.message, "type": "scripted_error", "param": None, "code": self.code or self.status}
        return json.dumps({"error": error}).encode()


@dataclass(frozen=True)
class Silence:
    """The request is read and never answered, not even with headers."""


Answer = Reply | Refusal | Silence
USED = Usage()


def stream(*steps: Step) -> Reply:
    """Exactly these steps, then `[DONE]`."""
    return Reply(steps)


def text(*pieces: str, every: float = 0.0, finish: str = "stop", usage: Usage | None = USED) -> Reply:
    """A plain answer: the pieces, `every` seconds apart, a finish reason and usage."""
    steps = tuple(Text(piece, every) for piece in pieces)
    return Reply((*steps, Finish(finish), *((usage,) if usage else ())))


def calls(*wanted: Call, before: str = "", usage: Usage | None = USED) -> Reply:
    """An answer that calls tools, after some text."""
    steps: tuple[Step, ...] = (Text(before),) if before else ()
    return Reply((*steps, *wanted, Finish("tool_calls"), *((usage,) if usage else ())))


Op = bytes | float | Paced | Hang | Cut | Gate
_TOKEN = tuple(delta({"content": "@"}).split(b"@"))


def _compiled(reply: Reply) -> tuple[Op, ...]:
    """The reply as a short program: bytes to write, seconds to wait, or a step that needs the server.

    Bytes without a wait between them are one op.
    """
    ops: list[Op] = []
    held = [chunked(delta({"role": "assistant", "content": ""}))] if reply.steps else []

    def settle() -> None:
        if held:
            ops.append(b"".join(held))
            held.clear()

    position = 0
    for step in reply.steps:
        if isinstance(step, (Hang, Cut, Gate)):
            settle()
            ops.append(step)
            continue
        if isinstance(step, Tokens) and (step.every or step.stamped):
            settle()
            ops.append(Paced(step, *_TOKEN))
            continue
        if isinstance(step, (Text, Reason)) and step.after:
            settle()
            ops.append(float(step.after))
        if isinstance(step, Call):
            held.append(_call(step, position if step.index is None else step.index))
            position += 1
        else:
            held.append(encoded(step))
    if reply.done:
        held.append(chunked(DONE))
    settle()
    return tuple(ops)


def encoded(step: Text | Reason | Tokens | Finish | Usage | Raw | ErrorChunk) -> bytes:
    match step:
        case Text(text=words):
            return chunked(delta({"content": words}))
        case Reason(text=words):
            return chunked(delta({"reasoning_content": words}))
        case Tokens(count=count, text=words):
            return chunked(delta({"content": words})) * count
        case Finish(reason=reason):
            return chunked(delta({}, reason))
        case Raw(data=data):
            return chunked(data)
        case ErrorChunk(message=message, code=code):
            return chunked(event({"error": {"message": message, "type": "server_error", "code": code}}))
        case Usage():
            used = {
                "prompt_tokens": step.input_tokens,
                "completion_tokens": step.output_tokens,
                "total_tokens": step.input_tokens + step.output_tokens,
                "prompt_tokens_details": {"cached_tokens": step.cached_tokens},
            }
            return chunked(event({**_ENVELOPE, "choices": [], "usage": used}))


def _call(step: Call, index: int) -> bytes:
    whole = step.arguments if isinstance(step.arguments, str) else json.dumps(step.arguments)
    whole = whole[: step.cut]
    size = max(1, -(-len(whole) // max(1, step.fragments)))
    head = {"index": index, "id": step.id, "type": "function", "function": {"name": step.name, "arguments": ""}}
    data = chunked(delta({"tool_calls": [head]}))
    for start in range(0, len(whole), size):
        part = {"index": index, "function": {"arguments": whole[start : start + size]}}
        data += chunked(delta({"tool_calls": [part]}))
    return data
