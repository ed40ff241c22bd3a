"""Answers to submissions: what was accepted is remembered by id, what is sent again gets the first answer."""

import hashlib

import msgspec

from agent.session.messages import Refusal
from protocol import codec, codes
from protocol import events as ev
from protocol.frames import Refused
from protocol.submissions import Submission, submission_body
from server.journal.base import Settled
from server.sessions.inbox import Answer, Repeated, Waiting


def settle(submission: Submission, accepted: ev.Accepted) -> Settled:
    """What the journal keeps of an accepted submission."""
    return Settled(accepted.submission_id, digest(submission), codec.encode(accepted))


def again(submission: Submission, earlier: Settled) -> Answer:
    """The answer to a submission whose id was used before: the first one, or a refusal if it asks for something else."""
    if digest(submission) != earlier.digest:
        return Refusal(codes.ID_CONFLICT, f"the id {earlier.submission_id!r} was used for another submission")
    return Repeated(codec.decode_event(earlier.answer).seq, earlier.answer)


def digest(submission: Submission) -> bytes:
    """What makes two submissions the same but for their ids."""
    return hashlib.blake2b(submission_body(submission), digest_size=16).digest()


def refuse(waiting: list[Waiting], refusal: Refusal) -> None:
    """Give everyone who still waits this refusal."""
    for item in waiting:
        if not item.answer.done():
            item.answer.set_result(refusal)


def refused_frame(refusal: Refusal, id: str = "") -> bytes:
    """A refusal as the socket gets it."""
    retryable = codes.REFUSALS[refusal.code].retryable
    return codec.encode(
        Refused(id=id or msgspec.UNSET, code=refusal.code, message=refusal.message, retryable=retryable)
    )
