"""Event base: what every event has."""

from typing import Annotated, ClassVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from protocol.content import Seq

OMITTED = "JSON pointers (RFC 6901) of values that are too large for this socket and cut here; absent if none"


class EventBase(msgspec.Struct, kw_only=True):
    """`seq` orders the session's events; `first_seq` is there on a merged event, which stands for first_seq..seq.

    `since`: the version of events in which a kind came. A new kind has one more than the newest: servers that share a database
    write it only when all of them know it.
    """

    since: ClassVar[int] = 1
    seq: Seq
    first_seq: Annotated[Seq | UnsetType, Meta(description="only on a merged event: it stands for first_seq..seq")] = (
        UNSET
    )
    at: Annotated[str, Meta(description="when it happened, UTC, RFC 3339")]
    omitted: Annotated[list[str] | UnsetType, Meta(description=OMITTED)] = UNSET
