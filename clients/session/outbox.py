"""Outbox: submissions that have no final answer yet, by id, and when each is due to be sent. Pure."""

import math
import random

import msgspec

from clients.session.errors import OutboxFull, SubmissionRefused
from clients.session.reconnect import Backoff
from protocol import codec, codes
from protocol.submissions import Submission, submission_id

REFUSALS_MAX = 8
"""How often a submission may be refused for now before the client gives it back."""

IN_FLIGHT = math.inf


class Entry(msgspec.Struct):
    """A submission on its way. `due`: when it is to be sent; never, while its answer is awaited."""

    submission: Submission
    data: bytes
    due: float
    refusals: int = 0


class Outbox:
    """Submissions in the order in which they were made, at most `entries_max`."""

    def __init__(self, *, binary: bool, entries_max: int, backoff: Backoff, rng: random.Random) -> None:
        self._binary = binary
        self._entries_max = entries_max
        self._backoff = backoff
        self._rng = rng
        self._entries: dict[str, Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, id: str) -> bool:
        return id in self._entries

    def add(self, submission: Submission, bytes_max: int) -> str:
        """Keep a submission that has an id; gives the id.

        Raises `SubmissionRefused` for what the server would refuse unread, `OutboxFull`, and `ValueError` for an id in use.
        """
        own_id = submission_id(submission)
        if own_id in self._entries:
            raise ValueError(f"a submission with the id {own_id!r} is on its way already")
        if len(self._entries) >= self._entries_max:
            raise OutboxFull(f"{self._entries_max} submissions wait for their answer already")
        data = self._encoded(submission, own_id)
        if len(data) > bytes_max:
            raise SubmissionRefused(own_id, codes.INVALID, f"{len(data)} bytes; the server takes {bytes_max}", False)
        self._entries[own_id] = Entry(submission, data, due=0.0)
        return own_id

    def settle(self, id: str) -> bool:
        """The submission is answered for good. Whether it was one of these."""
        return self._entries.pop(id, None) is not None

    def refused(self, id: str, code: str, retryable: bool, now: float) -> float | None:
        """The submission was refused: seconds until it is sent again, or None if it is given up.

        `busy` is given up too: it speaks of what the session does, not of load, and an undo that waits would undo
        another turn than the one its user saw.
        """
        entry = self._entries[id]
        entry.refusals += 1
        if not retryable or code == codes.BUSY or entry.refusals > REFUSALS_MAX:
            del self._entries[id]
            return None
        delay = self._backoff.delay(entry.refusals - 1, self._rng)
        entry.due = now + delay
        return delay

    def take_due(self, now: float) -> list[bytes]:
        """What is to be sent now; it is then in flight."""
        due = [entry for entry in self._entries.values() if entry.due <= now]
        for entry in due:
            entry.due = IN_FLIGHT
        return [entry.data for entry in due]

    def next_due(self) -> float:
        """When something is to be sent; infinity if nothing is."""
        return min((entry.due for entry in self._entries.values()), default=math.inf)

    def resend(self) -> None:
        """The socket is another one: everything is due again."""
        for entry in self._entries.values():
            entry.due = 0.0

    def _encoded(self, submission: Submission, id: str) -> bytes:
        try:
            data = codec.encode_msgpack(submission) if self._binary else codec.encode(submission)
            codec.decode_submission(data, binary=self._binary)
        except (codec.FrameError, *codec.DECODE_ERRORS, TypeError) as error:
            raise SubmissionRefused(id, codes.INVALID, str(error), False) from error
        return data
