"""Frames: those about one socket, which have no `seq`. `Frame` is everything that the server can send."""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from protocol.content import (
    AccessLevel,
    Effort,
    Message,
    OpenCall,
    OpenMessage,
    PendingTool,
    PlanItem,
    Question,
    QueuedInput,
    SessionStatus,
    ShareLink,
    Usage,
    WorkspaceSnapshot,
)
from protocol.event_base import OMITTED
from protocol.events import Event
from protocol.limits import Limits

Head = Annotated[int, Meta(ge=0, description="a position; 0 is before the first event")]


class Ready(msgspec.Struct, kw_only=True, tag_field="type", tag="ready"):
    """The first frame. `recovered`: every event after the requested position follows; otherwise a `snapshot` follows. `seq` is the session's head."""

    session_id: str
    epoch: str
    seq: Head
    recovered: bool
    state: SessionStatus
    model: str
    demo: Annotated[bool, Meta(description="true: the built-in demo model answers, no real one")]
    limits: Limits
    server: str
    access: Annotated[AccessLevel, Meta(description="what this socket may do; not `owner`: it came by a link")] = (
        "owner"
    )
    may_set_model: (
        Annotated[bool, Meta(description="false: this socket may not set the model; absent: it may")] | UnsetType
    ) = UNSET
    cwd: Annotated[
        str | UnsetType,
        Meta(description="the project folder that the session works in; absent: it has a workspace of its own"),
    ] = UNSET


class Snapshot(msgspec.Struct, kw_only=True, tag_field="type", tag="snapshot"):
    """The whole view at `seq`; it replaces what the client had."""

    seq: Head
    messages: list[Message]
    pending_approval: list[PendingTool]
    open_message: OpenMessage | None
    plan: list[PlanItem]
    usage: Usage
    state: SessionStatus
    model: str
    title: str
    turn_id: str | None
    open_calls: list[OpenCall]
    queued: list[QueuedInput]
    shares: list[ShareLink] = []
    reasoning_effort: Effort = ""
    grants: Annotated[
        list[str] | UnsetType, Meta(description="what runs without asking in this session; absent if nothing does")
    ] = UNSET
    guest_grants: Annotated[
        dict[str, str] | UnsetType,
        Meta(description="those of `grants` that guests gave, each with the id of the guest's link; absent if none"),
    ] = UNSET
    notes_digest: Annotated[
        str | UnsetType, Meta(description="of the AGENTS.md that the owner uploaded last; absent if none")
    ] = UNSET
    snapshots: Annotated[
        list[WorkspaceSnapshot] | UnsetType,
        Meta(description="what `restore` can make the session's files again, oldest first; absent if there is none"),
    ] = UNSET
    questions: Annotated[
        list[Question] | UnsetType, Meta(description="what running calls ask of the user; absent if nothing")
    ] = UNSET
    denials: Annotated[
        list[str] | UnsetType, Meta(description="what is refused in this session; absent if nothing is")
    ] = UNSET
    mode: Annotated[
        str | UnsetType,
        Meta(description="which calls ask or are refused; absent: `default`, as the server's policy says"),
    ] = UNSET
    omitted_messages: Annotated[
        int, Meta(description="oldest messages left out because the frame would pass its bound")
    ] = 0
    omitted: Annotated[list[str] | UnsetType, Meta(description=OMITTED)] = UNSET


class Synced(msgspec.Struct, kw_only=True, tag_field="type", tag="synced"):
    """Replay or snapshot is complete: commit position (epoch, seq) now. What follows is live."""

    seq: Head


class Refused(msgspec.Struct, kw_only=True, tag_field="type", tag="refused"):
    """This submission or frame did nothing. `id` is the submission's, where it could be read."""

    id: str | UnsetType = UNSET
    code: str
    message: str
    retryable: bool


class Heartbeat(msgspec.Struct, kw_only=True, tag_field="type", tag="heartbeat"):
    """Sent when nothing else was sent for a while; `seq` is the socket's position."""

    seq: Head


SocketFrame = Ready | Snapshot | Synced | Refused | Heartbeat
Frame = SocketFrame | Event
