"""OpenAI responses: a run's events as those of a streamed response, or as one response. Pure."""

from typing import Any

from protocol import events as ev
from server.http.compatible.event_stream import event_data
from server.http.compatible.openai_chat import Out, Spent
from server.http.compatible.openai_errors import TurnFailed
from server.http.compatible.pieces import Pieces

LIMITED = {"length": "max_output_tokens", "content_filter": "content_filter"}
"""Why a response is incomplete, by the model's reason to finish."""


class ResponseMapping:
    """The events of one response. Each message of the turn that has text is an item of its output."""

    LAST = b""

    def __init__(self, response_id: str, created: int, model: str, previous: str | None) -> None:
        """`created`: in seconds since 1970. `previous`: the id of the response that it goes on with, as the client gave it."""
        self._id = response_id
        self._created = created
        self._model = model
        self._previous = previous
        self._pieces = Pieces()
        self._spent = Spent()
        self._items: list[Out] = []
        self._open = ""
        self._limited: str | None = None
        self._number = 0
        self.text = ""

    def encoded(self, events: list[Out]) -> bytes:
        """These events as server-sent events."""
        return b"".join(event_data(event["type"], event) for event in events)

    def started(self) -> list[Out]:
        """The first events."""
        response = self._response("in_progress")
        return [
            self._event("response.created", response=response),
            self._event("response.in_progress", response=response),
        ]

    def events(self, event: ev.Event) -> list[Out]:
        """What an event of the run is for the client."""
        self._spent.add(event)
        out: list[Out] = []
        for piece in self._pieces.of(event):
            if piece.kind != "text":
                continue
            if piece.message_id != self._open:
                out += [*self._close(), *self._begin(piece.message_id)]
            self._items[-1]["content"][0]["text"] += piece.text
            out.append(self._event("response.output_text.delta", **self._place(), delta=piece.text, logprobs=[]))
        if isinstance(event, ev.AssistantMessageEvent):
            self._limited = LIMITED.get(event.finish_reason)
            out += self._close()
        return out

    def finished(self) -> list[Out]:
        """The last events."""
        closing = self._close()
        kind = "response.incomplete" if self._limited else "response.completed"
        return [*closing, self._event(kind, response=self.whole())]

    def failed(self, failure: TurnFailed) -> list[Out]:
        """The last events of a turn without an answer."""
        code = "rate_limit_exceeded" if failure.status == 429 else "server_error"
        response = self._response("failed") | {"error": {"code": code, "message": failure.message}}
        return [*self._close(), self._event("response.failed", response=response)]

    def whole(self) -> Out:
        """The whole response."""
        if self._limited is None:
            return self._response("completed")
        return self._response("incomplete") | {"incomplete_details": {"reason": self._limited}}

    def _begin(self, message_id: str) -> list[Out]:
        self._open = message_id
        item: Out = {"id": f"msg_{message_id}", "type": "message", "role": "assistant", "status": "in_progress"}
        started = self._event("response.output_item.added", output_index=len(self._items), item={**item, "content": []})
        part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
        self._items.append({**item, "content": [part]})
        return [started, self._event("response.content_part.added", **self._place(), part=dict(part))]

    def _close(self) -> list[Out]:
        if not self._open:
            return []
        self._open = ""
        item = self._items[-1]
        item["status"] = "completed"
        [part] = item["content"]
        self.text += ("\n\n" if self.text else "") + part["text"]
        return [
            self._event("response.output_text.done", **self._place(), text=part["text"], logprobs=[]),
            self._event("response.content_part.done", **self._place(), part=part),
            self._event("response.output_item.done", output_index=len(self._items) - 1, item=item),
        ]

    def _place(self) -> Out:
        return {"item_id": self._items[-1]["id"], "output_index": len(self._items) - 1, "content_index": 0}

    def _event(self, kind: str, **fields: Any) -> Out:
        self._number += 1
        return {"type": kind, "sequence_number": self._number - 1, **fields}

    def _response(self, status: str) -> Out:
        spent = self._spent
        usage = {
            "input_tokens": spent.input,
            "input_tokens_details": {"cached_tokens": spent.cached, "cache_write_tokens": 0},
            "output_tokens": spent.output,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": spent.input + spent.output,
        }
        return {
            "id": self._id,
            "object": "response",
            "created_at": self._created,
            "status": status,
            "model": self._model,
            "output": list(self._items),
            "usage": None if status == "in_progress" else usage,
            "error": None,
            "incomplete_details": None,
            "instructions": None,
            "metadata": {},
            "parallel_tool_calls": True,
            "previous_response_id": self._previous,
            "temperature": None,
            "tool_choice": "auto",
            "tools": [],
            "top_p": None,
        }
