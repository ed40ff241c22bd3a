"""Hostile bytes: decodes what a client may send, and checks that it gives a valid submission or a refusal, and nothing else."""

import datetime

import msgspec

from protocol import codec, codes
from protocol.codec import FrameError
from protocol.frames import Refused
from protocol.submissions import Submission

MOMENT = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def decoded(data: bytes | str, *, binary: bool = False) -> Submission | FrameError:
    """What `data` decodes to, or its refusal, after checking that the refusal can be sent and the submission stored."""
    try:
        submission = codec.decode_submission(data, binary=binary)
    except FrameError as error:
        return sayable(error)
    assert codec.decode_submission(codec.encode(submission)) == submission
    assert codec.decode_submission(codec.encode_msgpack(submission), binary=True) == submission
    return submission


def sayable(error: FrameError) -> FrameError:
    """The error, after checking that its refusal is short and can be sent."""
    assert error.code in (codes.BAD_FRAME, codes.UNKNOWN_TYPE, codes.INVALID)
    refused = Refused(id=error.id or msgspec.UNSET, code=error.code, message=str(error), retryable=False)
    data = codec.encode(refused)
    assert codec.decode_frame(data) == refused
    assert len(data) < 2_000
    return error


def refused_as(data: bytes | str, *, binary: bool = False) -> str:
    found = decoded(data, binary=binary)
    assert isinstance(found, FrameError), found
    return found.code


def approval_of(arguments: object) -> dict[str, object]:
    return {"type": "exec_approval", "approvals": [{"tool_call_id": "c", "approved": True, "arguments": arguments}]}
