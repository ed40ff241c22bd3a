"""Messages: what is appended to a stream, and the frames that the checker sees of it. Pure."""

import msgspec

from protocol import codec
from protocol import events as ev
from protocol.frames import Frame, Ready, Synced
from protocol.limits import Limits
from protocol.submissions import SetModel

AT = "1970-01-01T00:00:00Z"
"""Streams have no times of their own."""


class Message(msgspec.Struct, frozen=True):
    """`number`: from 1, in the order in which they are appended."""

    number: int
    id: str
    text: str


def submission_of(message: Message) -> SetModel:
    """The submission whose only effect is to be accepted."""
    return SetModel(id=message.id, model=message.text)


def event_of(message: Message) -> ev.Accepted:
    """The message as an event."""
    accepted = submission_of(message)
    return ev.Accepted(seq=message.number, at=AT, submission_id=message.id, submission=accepted)


def opening(seq: int) -> Frame:
    """What a server would say that has all after this position."""
    return Ready(
        session_id="stream",
        epoch="stream",
        seq=seq,
        recovered=True,
        state="idle",
        model="none",
        demo=False,
        limits=Limits(),
        server="a server of Durable Streams",
    )


def synced(seq: int) -> Frame:
    """The replay is complete."""
    return Synced(seq=seq)


def data_of(frame: Frame) -> str:
    """A frame as a trace has it."""
    return codec.encode(frame).decode()


def read_messages(body: str) -> list[Message]:
    """The messages of a body or of a `data` field. Raises `ValueError` for anything else."""
    try:
        return msgspec.json.decode(body, type=list[Message])
    except msgspec.MsgspecError as error:
        raise ValueError(f"no messages: {body[:200]}") from error
