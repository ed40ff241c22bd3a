"""The actor's inbox: submissions (bounded, refused when full), interrupts (they overtake), and what its worker reports."""

import asyncio
from collections import deque

import msgspec

from agent.models import DeltaKind
from agent.session.messages import Delta, Input, Refusal, ToolLogged
from protocol.events import Accepted
from protocol.submissions import Interrupt, Submission


class DuplicateSubmission(msgspec.Struct, frozen=True):
    """The submission was accepted before, as the event `seq`; `answer` is that event's JSON."""

    seq: int
    answer: bytes


Answer = Accepted | DuplicateSubmission | Refusal


class InboxFull(Exception):
    """More submissions wait than the bound allows; the submission did nothing."""


class PendingSubmission(msgspec.Struct):
    """A submission and whoever waits for its answer. `own_id`: the client made the id, so it may have come before."""

    submission: Submission
    answer: "asyncio.Future[Answer]"
    own_id: bool


class _Text:
    """Deltas or logs that came while the actor was busy, on their way to be one event."""

    def __init__(self, key: str, kind: DeltaKind | None) -> None:
        self.key = key
        self.kind = kind
        self.parts: list[str] = []

    def message(self) -> Input:
        text = "".join(self.parts)
        return ToolLogged(self.key, text) if self.kind is None else Delta(self.key, self.kind, text)


class Inbox:
    """What waits for one session's actor.

    `submissions_max` bounds the submissions that wait, `text_max_chars` the text: who brings more of it waits, which holds
    back the model's stream. Outcomes are as many as calls run, so they need no bound of their own.
    """

    def __init__(self, submissions_max: int, text_max_chars: int) -> None:
        self._submissions_max = submissions_max
        self._text_max = text_max_chars
        self._urgent: deque[PendingSubmission] = deque()
        self._submissions: deque[PendingSubmission] = deque()
        self._reports: deque[_Text | Input] = deque()
        self._chars = 0
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    def submit(self, submission: Submission, *, own_id: bool) -> "asyncio.Future[Answer]":
        """Put a submission in line. Raises `InboxFull`."""
        if len(self._urgent) + len(self._submissions) >= self._submissions_max:
            raise InboxFull
        waiting = PendingSubmission(submission, asyncio.get_running_loop().create_future(), own_id)
        (self._urgent if isinstance(submission, Interrupt) else self._submissions).append(waiting)
        self._wake.set()
        return waiting.answer

    def result(self, message: Input) -> None:
        """An outcome, or a word of the manager."""
        self._reports.append(message)
        self._wake.set()

    async def delta(self, message_id: str, kind: DeltaKind, text: str) -> None:
        """Text of the model; joins what waits."""
        await self._add_text(message_id, kind, text)

    async def tool_log(self, tool_call_id: str, text: str) -> None:
        """Output of a tool; joins what waits."""
        await self._add_text(tool_call_id, None, text)

    async def arrival(self) -> None:
        """Until something waits."""
        await self._wake.wait()

    async def take(self) -> list[PendingSubmission | Input]:
        """All that waits; waits for something if there is nothing.

        Text and outcomes come first, so that an interrupt keeps what was said before it; interrupts overtake submissions.
        """
        await self._wake.wait()
        return self.drain()

    def drain(self) -> list[PendingSubmission | Input]:
        """All that waits, now."""
        self._wake.clear()
        self._chars = 0
        self._room.set()
        taken: list[PendingSubmission | Input] = [
            item.message() if isinstance(item, _Text) else item for item in self._reports
        ]
        taken += self._urgent
        taken += self._submissions
        self._reports.clear()
        self._urgent.clear()
        self._submissions.clear()
        return taken

    def wake(self) -> None:
        """Let `take` return, with nothing if nothing waits."""
        self._wake.set()

    def __len__(self) -> int:
        return len(self._urgent) + len(self._submissions) + len(self._reports)

    async def _add_text(self, key: str, kind: DeltaKind | None, text: str) -> None:
        while self._chars > self._text_max:
            self._room.clear()
            await self._room.wait()
        last = self._reports[-1] if self._reports else None
        if not isinstance(last, _Text) or last.key != key or last.kind != kind:
            last = _Text(key, kind)
            self._reports.append(last)
        last.parts.append(text)
        self._chars += len(text)
        self._wake.set()
