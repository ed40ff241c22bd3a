"""Socket settings: what a websocket may send, what it is sent, and how fast it has to read."""

from typing import Annotated

from msgspec import Meta

from agent.models.streams.assembler import OUTPUT_CHARS_MAX
from agent.util.settings import SettingsGroup
from protocol.limits import Limits

JSON_BYTES_A_BYTE = 6
"""A control character, one byte of a client's MessagePack and one character of a model, is six in JSON (RFC 8259, section 7)."""

EVENT_BYTES = 65_536
"""More than what an event has besides the largest text in it."""

DEFAULTS = Limits()
"""The defaults that the protocol documents."""


class SocketSettings(SettingsGroup, frozen=True, kw_only=True):
    """What a socket may send, and what it is sent. Raises ValueError if what was stored might not fit into a message."""

    inbound_message_bytes: Annotated[
        int, Meta(ge=1_024, le=2**24, description="Largest websocket message a client may send; more: close 1009.")
    ] = DEFAULTS.inbound_message_bytes
    outbound_frame_bytes: Annotated[
        int,
        Meta(
            ge=4_096, le=2**30, description="Largest message the server sends; every event fits in, so 6.4 MB at least."
        ),
    ] = DEFAULTS.outbound_frame_bytes
    heartbeat_s: Annotated[float, Meta(gt=0, le=20, description="Silence after which a `heartbeat` is sent.")] = (
        DEFAULTS.heartbeat_s
    )
    ping_interval_s: Annotated[
        float, Meta(ge=1, le=3_600, description="Time between two websocket pings to a client.")
    ] = 20.0
    send_timeout_s: Annotated[
        float, Meta(gt=0, le=3_600, description="How long a client may take nothing it is sent; then close 4408.")
    ] = DEFAULTS.send_timeout_s
    frames_per_s: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Frames a client may send in the long run; more: close 4429.")
    ] = DEFAULTS.frames_per_s
    permessage_deflate: Annotated[
        bool, Meta(description="Compress messages, at 41 KiB a socket, 7 µs a token and 36 ms a megabyte of text.")
    ] = False
    sockets_per_session_max: Annotated[
        int, Meta(ge=1, le=100_000, description="Sockets bound to one session at once; more: HTTP 429.")
    ] = DEFAULTS.sockets_per_session
    sockets_max: Annotated[
        int,
        Meta(ge=1, le=1_000_000, description="Sockets open at once, in all; more: HTTP 503. One takes 40 to 60 KiB."),
    ] = 10_000

    def __post_init__(self) -> None:
        needed = JSON_BYTES_A_BYTE * max(self.inbound_message_bytes, OUTPUT_CHARS_MAX) + EVENT_BYTES
        if self.outbound_frame_bytes < needed:
            raise ValueError(
                f"outbound_frame_bytes must be {needed} or more, so that every event fits: {JSON_BYTES_A_BYTE} times "
                f"inbound_message_bytes, and {JSON_BYTES_A_BYTE} times the {OUTPUT_CHARS_MAX} characters of a model's "
                "longest answer, and some more. A client that takes smaller messages only says so: `max_message`"
            )
