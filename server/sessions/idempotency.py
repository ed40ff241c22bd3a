"""Idempotency: a submission that is sent again under the same id gets the first answer."""

import hashlib
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from agent.session.messages import Input, SubmissionRefusal
from protocol import codec, codes
from protocol import events as ev
from protocol.frames import Refused
from protocol.submissions import Submission, submission_body, submission_id
from server.journal.base import IdempotencyRecord, JournalError, Unavailable
from server.sessions.inbox import Answer, DuplicateSubmission, PendingSubmission

STOPPING = SubmissionRefusal(codes.GOING_AWAY, "the session is being stopped; reconnect and send it again")
INBOX_IS_FULL = SubmissionRefusal(
    codes.INBOX_FULL, "the session has too many submissions waiting; send it again in a moment"
)


def not_stored(error: JournalError) -> SubmissionRefusal:
    """The refusal of a submission whose events could not be stored."""
    return SubmissionRefusal(
        codes.JOURNAL_UNAVAILABLE, f"the journal did not take it ({error}); send it again with the same id"
    )


def conflict(own_id: str) -> SubmissionRefusal:
    """The refusal of a submission whose id was used for another one."""
    return SubmissionRefusal(codes.ID_CONFLICT, f"the id {own_id!r} was used for another submission")


def record_answer(digest: bytes, accepted: ev.Accepted) -> IdempotencyRecord:
    """What the journal stores of an accepted submission."""
    return IdempotencyRecord(accepted.submission_id, digest, codec.encode(accepted))


def repeat_answer(digest: bytes, earlier: IdempotencyRecord) -> Answer:
    """The answer to a submission whose id was used before: the first answer; a refusal if the content differs."""
    if digest != earlier.digest:
        return conflict(earlier.submission_id)
    return DuplicateSubmission(codec.decode_event(earlier.answer).seq, earlier.answer)


async def earlier_answer(
    waiting: PendingSubmission, stored: Callable[[str], Awaitable[IdempotencyRecord | None]]
) -> Answer | None:
    """The answer to a submission that is a duplicate, or of which the journal does not say it; None if it is new.

    `stored`: the first answer to the submission with an id, if there is one. Raises `Unavailable`.
    """
    try:
        earlier = await stored(submission_id(waiting.submission))
    except Unavailable as error:
        return not_stored(error)
    return None if earlier is None else repeat_answer(digest_of(waiting), earlier)


def digest_of(waiting: PendingSubmission) -> bytes:
    """The digest of what the client sent. Of a submission that was forwarded it came along."""
    return waiting.digest or digest(waiting.submission)


def digest(submission: Submission) -> bytes:
    """16 bytes (BLAKE2b) of the submission's content without its id."""
    return hashlib.blake2b(submission_body(submission), digest_size=16).digest()


def refuse(taken: Sequence[PendingSubmission | Input], refusal: SubmissionRefusal) -> None:
    """Answer with `refusal` each submission among these that has no answer yet."""
    for item in unanswered(taken):
        item.answer.set_result(refusal)


def unanswered(taken: Sequence[PendingSubmission | Input]) -> list[PendingSubmission]:
    """The submissions among these that have no answer yet."""
    return [item for item in taken if isinstance(item, PendingSubmission) and not item.answer.done()]


def refused_frame(refusal: SubmissionRefusal, submission_id: str = "") -> bytes:
    """The `refused` frame for this refusal, as JSON. Without an id it is about the session, not about one submission."""
    retryable = codes.REFUSALS[refusal.code].retryable
    return codec.encode(
        Refused(id=submission_id or msgspec.UNSET, code=refusal.code, message=refusal.message, retryable=retryable)
    )
