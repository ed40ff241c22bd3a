"""Scripted model: an OpenAI-compatible chat-completions server that answers as a script says.

In a test, on its loop and on loopback:

    from tests.support.models.scripted_model import Call, Gate, ScriptedModel, calls, stream, text

    async with ScriptedModel([calls(Call("write", {"path": "a.txt", "content": "x"})), text("Do", "ne.")]) as model:
        ...  # point the code under test at model.api_base, any api_key, model name "openai/scripted" or "hosted_vllm/scripted"
        assert model.requests[1].messages[-1]["role"] == "tool"

Replies are consumed in order; a function `(Request) -> Answer` may choose them instead. Nothing has to sleep:

    gate = Gate()
    async with ScriptedModel([stream(Say("Hel"), gate, Say("lo"), Finish())]) as model:
        ...                                  # start the call
        await gate.reached.wait()            # "Hel" has been sent, and no more until
        gate.open()
    request = await model.request(0)         # waits until it came (5 s at most)
    await request.left.wait()                # set when the client closes before the reply is complete
    request.left_at                          # time.monotonic() of that

Every request is checked as the strictest providers do (`strict_messages.complaint`); a bad one is answered with 400, and
the complaint makes the context manager fail at its end, unless it was made with `lenient=True` or `allow_complaints=True`.

Answers of text are also given in the formats of Anthropic's `/v1/messages`, of Gemini's `:streamGenerateContent` and of OpenAI's `/v1/responses`, by the path.

As a process: `python -m tests.support.models.scripted_model --port 8100` prints `listening on http://127.0.0.1:8100/v1` and
answers by words in the last user message: `tokens=250 every_ms=20 stamped=1` (defaults: --tokens, --every-ms, --stamped).
`call=TOOL:{...}` has a tool called first, `times=N` so many times in one message.
"""

import argparse
import asyncio
import contextlib
import re
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from agent.util.tasks import TaskOwner
from tests.support.models.model_script import (
    Answer,
    Call,
    Cut,
    ErrorChunk,
    Finish,
    Gate,
    Hang,
    Raw,
    Reason,
    Refusal,
    Reply,
    Silence,
    Step,
    Text,
    Tokens,
    Usage,
    calls,
    stream,
    text,
)
from tests.support.models.scripted_http import Connection, Request
from tests.support.models.strict_messages import complaint

__all__ = [
    "Answer",
    "Call",
    "Cut",
    "ErrorChunk",
    "Finish",
    "Gate",
    "Hang",
    "Raw",
    "Reason",
    "Refusal",
    "Reply",
    "Request",
    "ScriptedModel",
    "Silence",
    "Step",
    "Text",
    "Tokens",
    "Usage",
    "calls",
    "stream",
    "text",
]

Script = Iterable[Answer] | Callable[[Request], Answer]


class ScriptedModel:
    """The server. `requests` are those it got, `complaints` what was wrong with them, `accepted` counts connections."""

    def __init__(
        self, script: Script = (), *, port: int = 0, lenient: bool = False, allow_complaints: bool = False
    ) -> None:
        self._choose = script if callable(script) else None
        self._replies = iter(()) if callable(script) else iter(script)
        self._port = port
        self._lenient = lenient
        self._allow_complaints = allow_complaints
        self._connections: set[Connection] = set()
        self.tasks = TaskOwner("scripted-model")
        self._server: asyncio.Server | None = None
        self._news = asyncio.Event()
        self.accepted = 0
        self.requests: list[Request] = []
        self.complaints: list[str] = []

    @property
    def port(self) -> int:
        return self._port

    @property
    def api_base(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._connections)

    async def request(self, index: int, *, timeout: float = 5.0) -> Request:
        """The request of this number, as soon as it has come; TimeoutError after `timeout` seconds."""
        async with asyncio.timeout(timeout):
            while len(self.requests) <= index:
                await self._news.wait()
                self._news.clear()
        return self.requests[index]

    def extend(self, *answers: Answer) -> None:
        """Put more answers behind those of a listed script."""
        rest = list(self._replies)
        self._replies = iter([*rest, *answers])

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self), "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for connection in tuple(self._connections):
            connection.stop()
        await self.tasks.aclose()
        await self._server.wait_closed()
        if error is None and self.complaints and not self._allow_complaints:
            raise AssertionError(
                "the model server was sent what a strict provider refuses: " + "; ".join(self.complaints)
            )

    def answer(self, request: Request) -> Answer:
        """What to answer this request; records it. Not in the script: why a stream was empty, asked without one."""
        if request.body.get("stream") is not True and request.body.get("max_tokens") == 1:
            return Refusal(200, body=b'{"choices":[{"index":0,"message":{"content":"a"},"finish_reason":"length"}]}')
        self.requests.append(request)
        self._news.set()
        wrong = None if self._lenient else complaint(request.body.get("messages"), request.body.get("tools"))
        if wrong is None and not request.streams:
            wrong = "only streams are served: stream must be true"
        if wrong is not None:
            return self._complain(wrong)
        if self._choose is not None:
            return self._choose(request)
        reply = next(self._replies, None)
        return self._complain("the script is at its end") if reply is None else reply

    def _complain(self, wrong: str) -> Refusal:
        self.complaints.append(wrong)
        return Refusal(400, wrong, code="invalid_request_error")

    def joined(self, connection: "Connection") -> None:
        self._connections.add(connection)
        self.accepted += 1

    def parted(self, connection: "Connection") -> None:
        self._connections.discard(connection)


def by_words(tokens: int, every_ms: float, is_stamped: bool) -> Callable[[Request], Answer]:
    """A script for a process: `tokens=`, `every_ms=`, `stamped=` in the last user message, else these.

    `call=TOOL:{...}` there is a call of a tool with these arguments, which comes before the tokens; with `times=N` so many.
    `silent=1` is never answered.
    """

    def choose(request: Request) -> Answer:
        if re.search(r"\bsilent=1\b", request.last_user_text):
            return Silence()
        call = re.search(r"\bcall=(\w+):(\{.*\})", request.last_user_text)
        if call is not None and request.messages[-1].get("role") == "user":
            times = re.search(r"\btimes=(\d+)", request.last_user_text)
            count = int(times[1]) if times is not None else 1
            return calls(*(Call(call[1], call[2], f"call_{number}") for number in range(1, count + 1)))
        words = dict(re.findall(r"\b(tokens|every_ms|stamped)=([\d.]+)", request.last_user_text))
        count = int(words.get("tokens", tokens))
        every = float(words.get("every_ms", every_ms)) / 1000
        marked = bool(int(words.get("stamped", int(is_stamped))))
        return stream(Tokens(count, every, marked), Finish(), Usage(100, count))

    return choose


async def _run(arguments: argparse.Namespace) -> None:
    script = by_words(arguments.tokens, arguments.every_ms, arguments.stamped)
    async with ScriptedModel(script, port=arguments.port, lenient=True) as server:
        print(f"listening on {server.api_base}", flush=True)
        await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.support.models.scripted_model", description="A scripted model server."
    )
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (0: any free one, printed)")
    parser.add_argument("--tokens", type=int, default=100, help="tokens of an answer")
    parser.add_argument("--every-ms", type=float, default=0.0, help="milliseconds between tokens (0: no gaps)")
    parser.add_argument("--stamped", action="store_true", help="each token is the monotonic time of its sending, in ns")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
