"""Outcomes: what a client is given besides the session's events: states of its connection, and answers to its submissions."""

import msgspec

from clients.session.reconnect import Action
from protocol.content import SessionStatus
from protocol.events import Accepted, Event
from protocol.view import View


class Connected(msgspec.Struct, frozen=True, kw_only=True):
    """`ready` came. `recovered`: what was missed follows; else a `ViewReset` does. `again`: it is not the first connection."""

    session_id: str
    recovered: bool
    again: bool
    state: SessionStatus
    model: str
    demo: bool
    server: str


class ViewReset(msgspec.Struct, frozen=True):
    """A snapshot replaced the view. `view` is how it stood then; `omitted_messages` of the oldest did not fit into it."""

    view: View
    omitted_messages: int


class CaughtUp(msgspec.Struct, frozen=True, kw_only=True):
    """The replay or snapshot is complete and the position committed; what follows is live. `replayed` counts the frames."""

    epoch: str
    seq: int
    replayed: int


class Acked(msgspec.Struct, frozen=True):
    """A submission of this client was accepted; the event may have come before."""

    submission_id: str
    accepted: Accepted


class Rejected(msgspec.Struct, frozen=True):
    """A submission, or a frame without an id, did nothing and is not sent again."""

    submission_id: str
    code: str
    message: str
    retryable: bool


class Postponed(msgspec.Struct, frozen=True):
    """A submission was refused for now and is sent again after `delay_s` seconds."""

    submission_id: str
    code: str
    message: str
    delay_s: float


class Skipped(msgspec.Struct, frozen=True):
    """A frame of a type this version does not know. Its position, if it has one, counts."""

    type: str
    seq: int


class Fault(msgspec.Struct, frozen=True):
    """The server broke the protocol. Nothing after it is read; the socket must be closed."""

    message: str


class Reconnecting(msgspec.Struct, frozen=True):
    """The socket is gone. The client comes back after `delay_s` seconds."""

    delay_s: float
    why: str


class Ended(msgspec.Struct, frozen=True):
    """The client does not come back by itself; the last item of the feed."""

    action: Action
    why: str
    close_code: int | None = None


Outcome = Event | Connected | ViewReset | CaughtUp | Acked | Rejected | Postponed | Skipped | Fault
"""What `SessionCore.receive` gives."""

FeedItem = Event | Connected | ViewReset | CaughtUp | Rejected | Postponed | Skipped | Fault | Reconnecting | Ended
"""What `async for` over a `SessionClient` gives."""
