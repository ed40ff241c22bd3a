"""Socket settings: what a websocket may send, what it is sent, and how fast it has to read."""

from typing import Annotated

from msgspec import Meta

from agent.util.settings import SettingsGroup
from protocol.limits import Limits

DEFAULTS = Limits()
"""The defaults that the protocol documents."""


class SocketSettings(SettingsGroup, frozen=True, kw_only=True):
    """What a socket may send, and what it is sent. Raises ValueError if something accepted could not be replayed."""

    inbound_message_bytes: Annotated[
        int, Meta(ge=1_024, le=2**24, description="Largest websocket message a client may send; more: close 1009.")
    ] = DEFAULTS.inbound_message_bytes
    outbound_frame_bytes: Annotated[
        int, Meta(ge=4_096, le=2**30, description="Largest single frame the server sends.")
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
        bool, Meta(description="Compress messages, at 36 KiB a socket and 5 µs a message.")
    ] = False
    sockets_per_session_max: Annotated[
        int, Meta(ge=1, le=100_000, description="Sockets bound to one session at once; more: HTTP 429.")
    ] = DEFAULTS.sockets_per_session

    def __post_init__(self) -> None:
        if self.inbound_message_bytes * 2 > self.outbound_frame_bytes:
            raise ValueError("inbound_message_bytes may be half of outbound_frame_bytes at most: all is replayed")
