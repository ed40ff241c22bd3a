"""The words, their bounds: the limits a client is told in `ready`, each with its unit and default."""

from typing import Annotated

import msgspec
from msgspec import Meta


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What this server accepts and sends. Names carry their units."""

    inbound_message_bytes: Annotated[
        int, Meta(description="largest websocket message a client may send; more: 1009")
    ] = 1_048_576
    outbound_frame_bytes: Annotated[
        int, Meta(description="largest frame the server sends; set a client's maximum to it")
    ] = 16_777_216
    frames_per_s: Annotated[int, Meta(description="frames a second a client may send in the long run; more: 4429")] = 50
    frames_burst: Annotated[int, Meta(description="frames a client may send at once")] = 200
    bad_frames_per_minute: Annotated[
        int, Meta(description="frames refused as malformed before the socket is closed: 4429")
    ] = 20
    queued_inputs: Annotated[
        int, Meta(description="user inputs that may wait for their turn; more: refused `queue_full`")
    ] = 32
    heartbeat_s: Annotated[float, Meta(description="seconds of silence after which a heartbeat is sent")] = 15.0
    send_timeout_s: Annotated[
        float, Meta(description="seconds a client may take nothing before it is cut off: 4408")
    ] = 20.0
