"""Inbox: what waits for a session's actor. Submissions, interrupts (they overtake submissions of others), and reports of the worker."""

import asyncio
from collections.abc import Callable, Coroutine

import msgspec

from agent.models import DeltaKind, TextSink
from agent.session.messages import Delta, Input, SubmissionRefusal, ToolLogged
from agent.util.signal import Signal
from protocol.events import Accepted
from protocol.submissions import Interrupt, Submission


class DuplicateSubmission(msgspec.Struct, frozen=True):
    """The submission was accepted before. `seq`: of its `accepted` event; `answer`: that event as JSON."""

    seq: int
    answer: bytes


Answer = Accepted | DuplicateSubmission | SubmissionRefusal
PendingAnswer = asyncio.Future[Answer]


class InboxFull(Exception):
    """As many submissions wait as the bound allows; this one was not taken."""


class PendingSubmission(msgspec.Struct):
    """A submission and the future of its answer. `own_id`: the client made the id, so it may be a duplicate.

    `share_id`: of the link by which the sender came; empty for the owner. `sender`: the socket; None if there is none. `digest`: of what the client
    sent, where another server forwarded it without its secrets; else empty.
    """

    submission: Submission
    answer: "asyncio.Future[Answer]"
    own_id: bool
    share_id: str = ""
    sender: object = None
    digest: bytes = b""


class _Text:
    """Text that came while the actor was busy. It becomes one event. `kind` is None for a tool's output."""

    def __init__(self, key: str, kind: DeltaKind | None) -> None:
        self.key = key
        self.kind = kind
        self.parts: list[str] = []

    def message(self) -> Input:
        text = "".join(self.parts)
        return ToolLogged(self.key, text) if self.kind is None else Delta(self.key, self.kind, text)


class _MessageSink:
    """Where the text of one message goes: a `TextSink`."""

    __slots__ = ("_inbox", "_message_id")

    def __init__(self, inbox: "Inbox", message_id: str) -> None:
        self._inbox = inbox
        self._message_id = message_id

    async def __call__(self, kind: DeltaKind, text: str) -> None:
        await self._inbox.delta(self._message_id, kind, text)

    @property
    def has_room(self) -> bool:
        return self._inbox.has_room

    def put(self, kind: DeltaKind, text: str) -> None:
        self._inbox.put_text(self._message_id, kind, text)


SUBMISSIONS_MAX = 256
"""Submissions that may wait for one session; more: `inbox_full`. The actor takes them all at its next step, so only a
client that does not wait for answers comes near it."""

TEXT_MAX_CHARS = 65_536
"""Streamed text that may wait to be stored. Beyond it the model's stream is held back until the journal has caught up."""


class Inbox:
    """What waits for one session's actor.

    `submissions_max` bounds the waiting submissions: further ones are refused. `text_max_chars` bounds the waiting text:
    `delta` and `tool_log` then wait, which slows the model's stream down. There are no more results than running calls,
    so results have no bound of their own. `has_room`: whether text can be added without waiting. `take_text_at_once`: who takes
    text if nothing waits; gives whether it was taken. While there is such a taker it looks for further text itself, and text
    wakes nobody.
    """

    __slots__ = (
        "_chars",
        "_reports",
        "_room",
        "_submissions",
        "_submissions_max",
        "_text_max",
        "_urgent",
        "_wake",
        "has_room",
        "take_text_at_once",
    )

    def __init__(self, submissions_max: int = SUBMISSIONS_MAX, text_max_chars: int = TEXT_MAX_CHARS) -> None:
        self._submissions_max = submissions_max
        self._text_max = text_max_chars
        self._urgent: list[PendingSubmission] = []
        self._submissions: list[PendingSubmission] = []
        self._reports: list[_Text | Input] = []
        self._chars = 0
        self.has_room = True
        self._wake = Signal()
        self._room: asyncio.Event | None = None  # while somebody waits for room
        self.take_text_at_once: Callable[[Input], bool] | None = None

    def submit(
        self, submission: Submission, *, own_id: bool, share_id: str = "", sender: object = None, digest: bytes = b""
    ) -> "asyncio.Future[Answer]":
        """Add a submission; its answer comes by the future. Raises `InboxFull`.

        An interrupt overtakes what waits of other senders, and follows what its own sender sent before it: who sends an
        input and a stop right behind it wants that input stopped.
        """
        if len(self._urgent) + len(self._submissions) >= self._submissions_max:
            raise InboxFull
        answer = asyncio.get_running_loop().create_future()
        waiting = PendingSubmission(submission, answer, own_id, share_id, sender, digest)
        if not isinstance(submission, Interrupt):
            self._submissions.append(waiting)
        elif (place := self._behind(sender)) is None:
            self._urgent.append(waiting)
        else:
            self._submissions.insert(place, waiting)
        self._wake.set()
        return waiting.answer

    def hand_over(self, waiting: list[PendingSubmission]) -> None:
        """Add submissions that an earlier actor did not answer, in their order. They may have been stored: each counts as one
        whose id the client made."""
        self._submissions += [msgspec.structs.replace(one, own_id=True) for one in waiting]
        if waiting:
            self._wake.set()

    def result(self, message: Input) -> None:
        """Add a result of the worker, or a command of the session manager (`Stop`)."""
        self._reports.append(message)
        self._wake.set()

    def sink(self, message_id: str) -> TextSink:
        """Where the text of this message of the model goes."""
        return _MessageSink(self, message_id)

    async def delta(self, message_id: str, kind: DeltaKind, text: str) -> None:
        """Add text of the model. It is joined with text of the same message that waits."""
        await self._add_text(message_id, kind, text)

    async def tool_log(self, tool_call_id: str, text: str) -> None:
        """Add output of a tool. It is joined with output of the same call that waits."""
        await self._add_text(tool_call_id, None, text)

    def take_text(self) -> Input | None:
        """Take the text that waits; None if there is none, or if something else waits too."""
        if len(self._reports) != 1 or self._submissions or self._urgent or not isinstance(self._reports[0], _Text):
            return None
        (message,) = self.drain()
        assert not isinstance(message, PendingSubmission)
        return message

    def wake(self) -> None:
        """Let `wait` return."""
        self._wake.set()

    def rest(self) -> None:
        """Undo a `wake`, unless something waits."""
        if not len(self):
            self._wake.clear()

    def wait(self) -> Coroutine[None, None, None]:
        """Wait until there is something that no taker of text has taken."""
        return self._wake.wait()

    def drain(self) -> list[PendingSubmission | Input]:
        """Take all that waits. The order: reports, interrupts, submissions. Text that came before an interrupt is kept that way."""
        self._wake.clear()
        self._chars = 0
        self.has_room = True
        if self._room is not None:
            self._room.set()
            self._room = None
        taken: list[PendingSubmission | Input] = [
            item.message() if isinstance(item, _Text) else item for item in self._reports
        ]
        taken += self._urgent
        taken += self._submissions
        self._reports.clear()
        self._urgent.clear()
        self._submissions.clear()
        return taken

    def __len__(self) -> int:
        return len(self._urgent) + len(self._submissions) + len(self._reports)

    def _behind(self, sender: object) -> int | None:
        """The place behind the last submission of this sender that waits; None if none waits."""
        if sender is None:
            return None
        own = (place for place, waiting in enumerate(self._submissions) if waiting.sender is sender)
        last = max(own, default=None)
        return None if last is None else last + 1

    async def _add_text(self, key: str, kind: DeltaKind | None, text: str) -> None:
        while not self.has_room:
            self._room = self._room or asyncio.Event()
            await self._room.wait()
        self.put_text(key, kind, text)

    def put_text(self, key: str, kind: DeltaKind | None, text: str) -> None:
        """Add text without waiting, also if there is no room. `kind`: None for a tool's output."""
        taker = self.take_text_at_once
        if taker is not None and not self._reports and not self._submissions and not self._urgent:
            message = ToolLogged(key, text) if kind is None else Delta(key, kind, text)
            if taker(message):
                return
        last = self._reports[-1] if self._reports else None
        if not isinstance(last, _Text) or last.key != key or last.kind != kind:
            last = _Text(key, kind)
            self._reports.append(last)
        last.parts.append(text)
        self._chars += len(text)
        self.has_room = self._chars <= self._text_max
        if taker is None:
            self._wake.set()
