"""Node inbox: submissions that wait for a session's owner, where they came in at another node."""

from typing import Literal

import msgspec

WAITING_MAX = 256
"""Submissions that may wait for one session, as in its actor's own inbox."""

READ_MAX = 100
"""Submissions that are read at once."""

RENEW = b"renew"
"""In place of a submission's digest: it is none, but the word that the session's client gave it something else. A node of an older version
does not know it, and refuses it as it does any submission that it cannot read.
"""

Put = Literal["waits", "full", "conflict"]
"""What became of a submission: it waits; too many do; its id waits with another content."""


class Forwarded(msgspec.Struct, frozen=True):
    """A submission on its way to the session's owner. It holds no secret that is known at its node."""

    submission: bytes
    """As JSON, with its id."""
    digest: bytes
    """Of what its client sent; see `IdempotencyRecord`."""
    share_id: str
    sender: str
    """The same for all that came by one socket, and for nothing else."""


class Waiting(msgspec.Struct, frozen=True):
    """A forwarded submission that waits. `number`: its place, and its name; `from_node`: who wants to hear what became of it."""

    number: int
    session_id: str
    submission_id: str
    from_node: int
    forwarded: Forwarded


class Settled(msgspec.Struct, frozen=True, array_like=True):
    """What became of a forwarded submission: with an empty `code` the journal has its answer, else it was refused."""

    session_id: str
    submission_id: str
    code: str = ""
    message: str = ""
