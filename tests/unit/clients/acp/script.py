"""Script: a session's mapping, given events one after the other; all that comes out is kept."""

import itertools
from typing import Any

from clients.acp.dialects.v1 import V1, Offers
from clients.acp.mapping.session import SessionMapping
from clients.acp.mapping.settings import Offered, OfferedModel
from clients.acp.mapping.types import Ids, Opening, Out
from clients.session.outcomes import CaughtUp, FeedItem, ViewReset
from protocol import events as ev
from protocol import submissions as sub
from protocol.view import View, apply
from tests.support.acp.schema import schema_of

AT = "2026-11-29T00:00:00.000Z"
OFFERED = Offered([OfferedModel("small"), OfferedModel("large", "Large")], ["default", "read-only"])


class Script:
    """A mapping and the session that it follows. `out` is all that came out, `updates` the updates of it."""

    def __init__(self, dialect: V1 | None = None, *, cwd: str | None = None) -> None:
        self.dialect = V1(Offers()) if dialect is None else dialect
        names = (f"s{number}" for number in itertools.count(1))
        ids = Ids(itertools.count(1).__next__, lambda: next(names))
        self.mapping = SessionMapping("session", self.dialect, ids, OFFERED)
        self.mapping.cwd = cwd
        self.mapping.view = View(model="small")
        self.out: list[Out] = []

    @property
    def view(self) -> View:
        return self.mapping.view

    @property
    def updates(self) -> list[dict[str, Any]]:
        return [one["params"]["update"] for one in self.messages if one.get("method") == "session/update"]

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [one for one in self.out if isinstance(one, dict)]

    @property
    def answers(self) -> dict[Any, Any]:
        """Results and errors, by the id of their request."""
        return {one["id"]: one.get("result", one.get("error")) for one in self.messages if "method" not in one}

    @property
    def asks(self) -> list[dict[str, Any]]:
        return [one for one in self.messages if one.get("method") == "session/request_permission"]

    @property
    def submissions(self) -> list[sub.Submission]:
        return [one for one in self.out if not isinstance(one, dict)]

    def keep(self, outs: list[Out]) -> list[Out]:
        """Take note of what came out; each message but an answer is as the schema wants it."""
        for one in outs:
            if isinstance(one, dict) and "method" in one:
                fault = schema_of(self.dialect.version).fault(one, None)
                assert not fault, (fault, one)
        self.out += outs
        return outs

    def opened(self, opening: Opening = "new") -> "Script":
        """The session is there, as far as its view goes."""
        self.keep(self.mapping.open("open", opening))
        self.take(CaughtUp(epoch="e", seq=self.view.seq, replayed=0))
        return self

    def take(self, *items: FeedItem) -> list[Out]:
        """What comes out for items that change no view."""
        return [out for item in items for out in self.keep(self.mapping.take(item))]

    def reset(self, view: View) -> None:
        """A snapshot took the view's place."""
        self.take(ViewReset(view, 0))
        self.mapping.view = view
        self.take(CaughtUp(epoch="f", seq=view.seq, replayed=0))

    def event(self, kind: type[Any], /, **fields: Any) -> list[Out]:
        """What comes out for the session's next event."""
        event = kind(seq=self.view.seq + 1, at=AT, **fields)
        apply(self.view, event)
        return self.keep(self.mapping.take(event))

    def accepted(self, submission: sub.Submission) -> list[Out]:
        """The server accepts this."""
        return self.event(ev.Accepted, submission_id=sub.submission_id(submission), submission=submission)

    def begins(self, submission_id: str, turn_id: str = "t1") -> list[Out]:
        """The input gets its turn."""
        return self.event(ev.Processing, turn_id=turn_id, submission_id=submission_id)

    def says(self, text: str, message_id: str = "m1", offset: int = 0, kind: str = "text") -> list[Out]:
        """The model writes."""
        return self.event(ev.AssistantChunk, message_id=message_id, offset=offset, text=text, kind=kind)

    def said(self, text: str, message_id: str = "m1", calls: tuple[Any, ...] = (), **fields: Any) -> list[Out]:
        """The model's message is complete."""
        whole = {"reasoning": "", "finish_reason": "stop", "sealed": False, **fields}
        return self.event(ev.AssistantMessageEvent, message_id=message_id, text=text, tool_calls=list(calls), **whole)

    def prompted(self, text: str = "hi", request_id: int = 7) -> str:
        """The client says something and it gets a turn; its submission's id."""
        [submission] = self.keep(self.mapping.prompt(request_id, [{"type": "text", "text": text}]))
        assert isinstance(submission, sub.UserInput) and isinstance(submission.id, str)
        self.accepted(submission)
        self.begins(submission.id)
        return submission.id

    def done(self, turn_id: str = "t1") -> list[Out]:
        """The turn ends well."""
        return self.event(ev.TurnComplete, turn_id=turn_id, history_size=2)

    def text(self, kind: str = "agent_message_chunk") -> str:
        """All text of this kind."""
        return "".join(one["content"]["text"] for one in self.updates if one["sessionUpdate"] == kind)
