"""Trace: what was done to a server and what its clients received, in the order in which it happened. Plain data."""

import msgspec

from protocol.submissions import Submission


class Opened(msgspec.Struct, frozen=True, tag="opened"):
    """A client's socket is open. `after`: the position it asked for; None where it asked for a snapshot.

    `like`: it never had a socket before; it begins with the view that this other client had at that position.
    """

    client: str
    after: int | None = None
    like: str = ""


class Received(msgspec.Struct, frozen=True, tag="received"):
    """A client received one frame, as JSON."""

    client: str
    data: str


class Closed(msgspec.Struct, frozen=True, tag="closed"):
    """A client's socket ended. `code` is None where the connection was cut."""

    client: str
    code: int | None = None


class Denied(msgspec.Struct, frozen=True, tag="denied"):
    """The server refused a client's connection for good."""

    client: str
    message: str


class Sent(msgspec.Struct, frozen=True, tag="sent"):
    """A client sent a submission; sent again after a cut, it is there again."""

    client: str
    submission: Submission


class Done(msgspec.Struct, frozen=True, tag="done"):
    """A fault was made: a cut, a kill, a restart. `restored`: the server's data was put back to what it was before."""

    what: str
    restored: bool = False


class Waited(msgspec.Struct, frozen=True, tag="waited"):
    """A client waited for something in vain. `what` continues the sentence "it waited N s for"."""

    client: str
    what: str
    seconds: float


Entry = Opened | Received | Closed | Denied | Sent | Done | Waited

WITNESS = "witness"
"""The client that reads the whole journal at the end."""

NEWCOMER = "newcomer"
"""The client that takes a snapshot at the end."""


class Violation(msgspec.Struct, frozen=True):
    """A promise that did not hold. `kind`: one of `KINDS`. `entry`: the number of the trace's entry that shows it."""

    kind: str
    client: str
    entry: int
    message: str


KINDS = {
    "lost": "an event, or a text, that a client should have is missing",
    "doubled": "a client received an event a second time",
    "out_of_order": "frames came in an order that the protocol rules out",
    "torn": "a frame is not whole, or an event is not the one that is stored under its number",
    "false_recovery": "`recovered` was not true to what followed, or nothing was lost and it was not recovered",
    "different_view": "two clients of one session do not see the same",
    "stuck": "something never came to its end",
    "said_twice": "a submission was taken twice, or its second answer differs from the first",
    "approval": "a call ran without its approval, or had two answers",
    "ran_twice": "a call began twice, has no single end, or an end that is not what happened",
}
"""The kinds of violations."""
