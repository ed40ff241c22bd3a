"""Limits: the bounds that a server tells a client in `ready`, each with its unit and default."""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

MAX_MESSAGE_MIN: Final = 16_384
"""The smallest `max_message` of a socket. Every frame fits in without its large values; the smallest bound of a library is twice that."""

MAX_SEQ: Final = 2**63 - 1
"""The largest position (`seq`) of an event: the largest integer that the journal stores."""

FRAMES_BURST = 200
"""A client that comes back sends all that was not answered at once: more than that."""

BAD_FRAMES_PER_MINUTE = 20
"""A person who types frames by hand makes mistakes; a program that goes on making them is closed."""

QUEUED_INPUTS = 32
"""More than a person writes ahead; a program that sends more waits for the answers."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What this server accepts and sends. Names carry their units."""

    inbound_message_bytes: Annotated[
        int, Meta(description="largest websocket message a client may send; more: 1009")
    ] = 1_048_576
    outbound_frame_bytes: Annotated[
        int, Meta(description="largest message the server sends on this socket; set your library's maximum to it")
    ] = 16_777_216
    frames_per_s: Annotated[int, Meta(description="frames a second a client may send in the long run; more: 4429")] = 50
    frames_burst: Annotated[int, Meta(description="frames a client may send at once")] = FRAMES_BURST
    bad_frames_per_minute: Annotated[
        int, Meta(description="frames refused as malformed before the socket is closed: 4429")
    ] = BAD_FRAMES_PER_MINUTE
    queued_inputs: Annotated[
        int, Meta(description="user inputs that may wait for their turn; more: refused `queue_full`")
    ] = QUEUED_INPUTS
    heartbeat_s: Annotated[float, Meta(description="seconds of silence after which a heartbeat is sent")] = 15.0
    sockets_per_session: Annotated[int, Meta(description="sockets bound to one session at once; more: HTTP 429")] = 32
    sockets_per_user: Annotated[int, Meta(description="sockets a user has open at once; more: HTTP 429")] = 100
    submissions_per_minute: Annotated[
        int, Meta(description="submissions a user makes, over all sockets; more: refused `too_many_submissions`")
    ] = 120
    sessions_awake: Annotated[
        int, Meta(description="sessions awake on this server at once; more: HTTP 503, refused `capacity`")
    ] = 50
    sessions_awake_per_user: Annotated[
        int, Meta(description="sessions a user has awake at once; more: HTTP 429, refused `capacity`")
    ] = 10
    stored_sessions_per_user: Annotated[int, Meta(description="sessions a user keeps; more: HTTP 429")] = 1_000
    stored_bytes_per_user: Annotated[
        int,
        Meta(
            description="bytes of all of a user's sessions, their files included; more: HTTP 429, refused `storage_full`"
        ),
    ] = 2**30
    history_chars: Annotated[
        int, Meta(description="code points of one session's history; more: refused `history_full`")
    ] = 8_000_000
    upload_bytes: Annotated[int, Meta(description="largest file a client puts into a workspace; more: HTTP 413")] = (
        33_554_432
    )
    tokens_per_day: Annotated[
        int, Meta(description="tokens a user spends in a UTC day; more: `budget_exhausted`; 0: no bound")
    ] = 0
    cost_usd_per_day: Annotated[
        float, Meta(description="US dollars a user spends in a UTC day; more: `budget_exhausted`; 0: no bound")
    ] = 0.0
    send_timeout_s: Annotated[
        float, Meta(description="seconds a client may take nothing before it is cut off: 4408")
    ] = 20.0
