"""Steps: what a case does, as plain data: a trace is repeated, and made shorter, by its steps.

Clients come back by themselves with their position when a connection ends, and send again what has no answer, as real clients do.
"""

from typing import Literal

import msgspec

from clients.prove.links import Way

What = Literal["rest", "approval", "text", "events"]
"""What one may wait for: the session is at rest (an approval that waits is rest, too); a call waits for its approval; a text is being streamed; more events.
All but the first end when the session rests, too."""


class Open(msgspec.Struct, frozen=True, tag="open", omit_defaults=True):
    """A client comes: with the whole journal (`start`), a snapshot, or at a `position` that `like` has been at.

    `position` is a part, from 0 to 1, of the session as it is then. `stays`: its connection is never cut. `msgpack`: it offers MessagePack.
    """

    client: str
    at: Literal["start", "snapshot", "position"] = "snapshot"
    position: float = 0.0
    like: str = ""
    stays: bool = False
    msgpack: bool = False


class Leave(msgspec.Struct, frozen=True, tag="leave"):
    """A client goes, without coming back."""

    client: str


class Say(msgspec.Struct, frozen=True, tag="say", omit_defaults=True):
    """A client submits a user input under this id. Said again, it is the same submission; `text` may differ."""

    client: str
    id: str
    text: str


class Answer(msgspec.Struct, frozen=True, tag="answer", omit_defaults=True):
    """A client answers the calls that wait for an approval, as it sees them."""

    client: str
    id: str
    approved: bool = True


class Interrupt(msgspec.Struct, frozen=True, tag="interrupt"):
    """A client stops the turn."""

    client: str
    id: str


class Raw(msgspec.Struct, frozen=True, tag="raw", omit_defaults=True):
    """A client sends a message that is no submission, as text, or as binary if `hex`."""

    client: str
    data: str
    hex: bool = False


class Until(msgspec.Struct, frozen=True, tag="until", omit_defaults=True):
    """Wait until a client sees something. `events`: how many more."""

    client: str
    what: What
    events: int = 1


class Cut(msgspec.Struct, frozen=True, tag="cut", omit_defaults=True):
    """Cut the connections of all clients that do not stay: at once, after so many bytes toward them, or at a piece of data, as `Kill`:
    then every connection is reset."""

    way: Way
    after_bytes: int = 0
    piece: int = 0


class Slow(msgspec.Struct, frozen=True, tag="slow"):
    """Let only so many bytes a second pass toward the clients."""

    bytes_per_s: int


class Stall(msgspec.Struct, frozen=True, tag="stall"):
    """A client stops reading for so long, and goes on."""

    client: str
    seconds: float


class Free(msgspec.Struct, frozen=True, tag="free"):
    """End what is held back; everything passes again."""


class Kill(msgspec.Struct, frozen=True, tag="kill", omit_defaults=True):
    """Kill the server (SIGKILL) and start it again: at once, or when it sends this piece of data to a client, counted from now.

    The client does not get that piece: what it says may be stored, and nobody saw it. If less is sent, nothing is done.
    """

    piece: int = 0


class Pause(msgspec.Struct, frozen=True, tag="pause", omit_defaults=True):
    """Stop the server (SIGSTOP) for so long, and let it go on: at once, or at a piece of data, as `Kill`. Then connections are reset meanwhile."""

    seconds: float
    piece: int = 0


class Restart(msgspec.Struct, frozen=True, tag="restart", omit_defaults=True):
    """Stop the server (SIGTERM) and start it again: at once, or at a piece of data, as `Kill`."""

    piece: int = 0


class Save(msgspec.Struct, frozen=True, tag="save"):
    """Copy the server's data, while it is stopped."""


class PutBack(msgspec.Struct, frozen=True, tag="put_back"):
    """Put the saved copy in place of the server's data, and start it on that."""


Step = (
    Open
    | Leave
    | Say
    | Answer
    | Interrupt
    | Raw
    | Until
    | Cut
    | Slow
    | Stall
    | Free
    | Kill
    | Pause
    | Restart
    | Save
    | PutBack
)
NEEDS_COMMAND = (Kill, Pause, Restart, Save, PutBack)
"""Steps that only the one who started the server can take."""
