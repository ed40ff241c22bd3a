"""Prompts: what the client asked for and got no answer to yet: which turn each got, and how that ended. Pure."""

import math
from typing import Literal

import msgspec

from clients.acp.rpc import INTERNAL_ERROR, REQUEST_CANCELLED, Failure, Message, RequestId, refusal, result
from protocol import events as ev
from protocol.content import UserMessage
from protocol.view import View

CANCEL_ANSWER_S = 4.0
"""Seconds after which a cancelled prompt is answered whatever the server does; editors wait for 5 to 20 s."""

REQUESTS_USED_UP = {"max_iterations", "repeated_calls"}
"""Codes of errors by which a turn made as many model calls as it may."""

BY_FINISH = {"length": "max_tokens", "content_filter": "refusal"}
"""Stop reasons for the last message's `finish_reason`; others mean `end_turn`."""

Ending = str | Failure
"""How a turn ended: a stop reason of the protocol, or an error."""


class Prompt(msgspec.Struct):
    """A prompt, or a command in one. `deadline`: when it is answered at the latest, once it was cancelled.

    `answered`: the client has its answer; what is left is to stop it, or to follow it to its end.
    """

    request_id: RequestId
    submission_id: str
    kind: Literal["input", "undo", "compact"]
    turn_id: str | None = None
    accepted: bool = False
    answered: bool = False
    cancelled: bool = False
    deadline: float = math.inf


class Answer(msgspec.Struct, frozen=True):
    """What a prompt's request is answered with: how its turn ended, or the id of the message that it became."""

    request_id: RequestId
    ending: Ending
    message_id: str | None = None


class Prompts:
    """The client's prompts that are under way, in the order in which they came.

    `at_insertion`: a prompt is answered when it becomes part of the conversation; else when its turn ends.
    """

    def __init__(self, *, at_insertion: bool) -> None:
        self._at_insertion = at_insertion
        self._prompts: dict[str, Prompt] = {}
        self._finish_reason = ""

    def add(self, request_id: RequestId, submission_id: str, kind: Literal["input", "undo", "compact"]) -> None:
        """A prompt was submitted under this id."""
        self._prompts[submission_id] = Prompt(request_id, submission_id, kind)

    def all(self) -> list[Prompt]:
        """All that are under way."""
        return list(self._prompts.values())

    def unanswered(self) -> list[Prompt]:
        """Those whose request waits for its answer."""
        return [prompt for prompt in self._prompts.values() if not prompt.answered]

    def find(self, submission_id: str) -> Prompt | None:
        """The prompt that was submitted under this id."""
        return self._prompts.get(submission_id)

    def take(self, event: ev.Event) -> list[Answer]:
        """The answers that an event brings."""
        match event:
            case ev.AssistantMessageEvent():
                self._finish_reason = event.finish_reason
            case ev.Accepted():
                return self._accepted(event.submission_id)
            case ev.Processing() | ev.InputJoined():
                return self._inserted(event)
            case ev.TurnComplete() | ev.Interrupted() | ev.ErrorEvent() | ev.Compacted():
                return self._turn_ended(event)
            case ev.InputWithdrawn():
                return self._end([one for one in self.all() if one.submission_id == event.submission_id], "cancelled")
            case ev.UndoComplete():
                return self._end([one for one in self.all() if one.kind == "undo" and one.accepted], "end_turn")
            case ev.ShutdownEvent():
                return self.fail(Failure(INTERNAL_ERROR, "the session was shut down", {"code": "session_closed"}))
        return []

    def refused(self, submission_id: str, code: str, message: str) -> list[Answer]:
        """The server did not take a submission."""
        prompt = self._prompts.get(submission_id)
        return [] if prompt is None else self._end([prompt], Failure(INTERNAL_ERROR, message, {"code": code}))

    def cancel(self, now: float, request_id: RequestId | None = None) -> list[Prompt]:
        """The client wants no more of all its prompts, or of the one with this request; gives those."""
        chosen = [one for one in self.unanswered() if request_id is None or one.request_id == request_id]
        for prompt in chosen:
            prompt.cancelled = True
            prompt.deadline = min(prompt.deadline, now + CANCEL_ANSWER_S)
        return chosen

    def drop(self, submission_ids: set[str]) -> list[Answer]:
        """These never left: they are over."""
        return self._end([one for one in self.all() if one.submission_id in submission_ids], "cancelled")

    def overdue(self, now: float) -> list[Answer]:
        """Answers of cancelled prompts that took too long. They are still stopped when that is possible."""
        return self._answer([one for one in self.unanswered() if one.deadline <= now], "cancelled")

    def reconcile(self, view: View) -> list[Answer]:
        """A snapshot took the place of events: what it says of the prompts."""
        queued = {waiting.submission_id for waiting in view.queued}
        inserted = {one.submission_id: one.turn_id for one in view.messages if isinstance(one, UserMessage)}
        answers: list[Answer] = []
        for prompt in self.all():
            turn_id = inserted.get(prompt.submission_id)
            if turn_id is not None and turn_id == view.turn_id:
                prompt.turn_id = turn_id
            elif turn_id is not None:
                answers += self._end([prompt], "end_turn")
            elif prompt.accepted and prompt.submission_id not in (*queued, view.turn_id):
                lost = "the server lost what it had accepted; look at the session before you send it again"
                answers += self._end([prompt], Failure(INTERNAL_ERROR, lost, {"code": "lost"}))
        return answers

    def fail(self, failure: Failure) -> list[Answer]:
        """None of them will get an answer from the session."""
        return self._end(self.all(), failure)

    def ending(self, event: ev.TurnComplete | ev.Interrupted | ev.ErrorEvent | ev.Compacted) -> Ending:
        """How a turn ended, in the protocol's words."""
        match event:
            case ev.Interrupted(reason="restart"):
                why = "the server restarted in the middle of the turn; the text so far is kept"
                return Failure(INTERNAL_ERROR, why, {"code": "restart"})
            case ev.Interrupted():
                return "cancelled"
            case ev.ErrorEvent() if event.code in REQUESTS_USED_UP:
                return "max_turn_requests"
            case ev.ErrorEvent():
                return Failure(INTERNAL_ERROR, event.message, {"code": event.code, "retryable": event.retryable})
            case ev.TurnComplete():
                return BY_FINISH.get(self._finish_reason, "end_turn")
            case _:
                return "end_turn"

    def _accepted(self, submission_id: str) -> list[Answer]:
        prompt = self._prompts.get(submission_id)
        if prompt is None:
            return []
        prompt.accepted = True
        return self._insert(prompt) if prompt.kind != "input" else []

    def _inserted(self, event: ev.Processing | ev.InputJoined) -> list[Answer]:
        if isinstance(event, ev.Processing):
            self._finish_reason = ""
        prompt = self._prompts.get(event.submission_id)
        if prompt is None:
            return []
        prompt.turn_id = event.turn_id
        return self._insert(prompt)

    def _insert(self, prompt: Prompt) -> list[Answer]:
        if not self._at_insertion or prompt.answered:
            return []
        prompt.answered = True
        return [Answer(prompt.request_id, "end_turn", prompt.submission_id)]

    def _turn_ended(self, event: ev.TurnComplete | ev.Interrupted | ev.ErrorEvent | ev.Compacted) -> list[Answer]:
        turn_id = event.operation_id if isinstance(event, ev.Compacted) else event.turn_id
        if turn_id is None:
            return []
        return self._end([one for one in self.all() if turn_id in (one.turn_id, one.submission_id)], self.ending(event))

    def _end(self, prompts: list[Prompt], ending: Ending) -> list[Answer]:
        for prompt in prompts:
            del self._prompts[prompt.submission_id]
        return self._answer(prompts, ending)

    def _answer(self, prompts: list[Prompt], ending: Ending) -> list[Answer]:
        """Answers for those that have none. One that was cancelled is answered so, however it ended."""
        waiting = [prompt for prompt in prompts if not prompt.answered]
        for prompt in waiting:
            prompt.answered = True
        return [Answer(one.request_id, "cancelled" if one.cancelled else ending) for one in waiting]


def answer_of(answer: Answer, *, at_insertion: bool) -> Message:
    """The message that answers a prompt's request."""
    if isinstance(answer.ending, Failure):
        return refusal(answer.request_id, answer.ending)
    if not at_insertion:
        return result(answer.request_id, {"stopReason": answer.ending})
    if answer.message_id is not None:
        return result(answer.request_id, {"messageId": answer.message_id})
    why = "the prompt was cancelled before it became part of the conversation"
    return refusal(answer.request_id, Failure(REQUEST_CANCELLED, why))
