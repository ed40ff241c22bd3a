"""OpenAI chat completions: a run's events as chunks, or as one completion. Pure."""

from typing import Any

from protocol import events as ev
from server.http.compatible.event_stream import data
from server.http.compatible.openai_errors import TurnFailed
from server.http.compatible.pieces import Pieces

Out = dict[str, Any]
FINISH_REASONS = ("stop", "length", "content_filter")


class Spent:
    """The tokens of a run."""

    def __init__(self) -> None:
        self.input = self.output = self.cached = 0

    def add(self, event: ev.Event) -> None:
        """Count those of a model call."""
        if isinstance(event, ev.UsageEvent):
            self.input += event.input_tokens
            self.output += event.output_tokens
            self.cached += event.cached_tokens


class ChatMapping:
    """The chunks of one chat completion. `text`: the answer so far, of all messages of the turn."""

    LAST = b"data: [DONE]\n\n"

    def __init__(self, completion_id: str, created: int, model: str, *, with_usage: bool) -> None:
        """`created`: in seconds since 1970. `with_usage`: the tokens come before the end of a stream."""
        self._same = {"id": completion_id, "created": created, "model": model}
        self._pieces = Pieces()
        self._message_id = ""
        self._finish_reason = "stop"
        self._spent = Spent()
        self.text = ""
        self.reasoning = ""
        self._with_usage = with_usage

    def encoded(self, chunks: list[Out]) -> bytes:
        """These chunks as server-sent events."""
        return b"".join(map(data, chunks))

    def started(self) -> list[Out]:
        """The first chunk."""
        return [self._chunk({"role": "assistant", "content": ""})]

    def failed(self, failure: TurnFailed) -> list[Out]:
        """The last chunk of a turn without an answer."""
        return [{"error": failure.error}]

    def events(self, event: ev.Event) -> list[Out]:
        """What an event of the run is for the client."""
        self._spent.add(event)
        if isinstance(event, ev.AssistantMessageEvent) and event.finish_reason in FINISH_REASONS:
            self._finish_reason = event.finish_reason
        out: list[Out] = []
        for piece in self._pieces.of(event):
            if piece.kind == "reasoning":
                self.reasoning += piece.text
                out.append(self._chunk({"reasoning_content": piece.text}))
                continue
            apart = "\n\n" if self.text and piece.message_id != self._message_id else ""
            self._message_id = piece.message_id
            self.text += apart + piece.text
            out.append(self._chunk({"content": apart + piece.text}))
        return out

    def finished(self) -> list[Out]:
        """The last chunks."""
        last = [self._chunk({}, self._finish_reason)]
        if self._with_usage:
            last.append({**self._chunk({}), "choices": [], "usage": self._usage()})
        return last

    def whole(self) -> Out:
        """The whole answer."""
        message: Out = {"role": "assistant", "content": self.text, "refusal": None}
        if self.reasoning:
            message["reasoning_content"] = self.reasoning
        choice = {"index": 0, "message": message, "finish_reason": self._finish_reason, "logprobs": None}
        return {**self._same, "object": "chat.completion", "choices": [choice], "usage": self._usage()}

    def _chunk(self, delta: Out, finish_reason: str | None = None) -> Out:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}
        return {**self._same, "object": "chat.completion.chunk", "choices": [choice]}

    def _usage(self) -> Out:
        spent = self._spent
        return {
            "prompt_tokens": spent.input,
            "completion_tokens": spent.output,
            "total_tokens": spent.input + spent.output,
            "prompt_tokens_details": {"cached_tokens": spent.cached},
        }
