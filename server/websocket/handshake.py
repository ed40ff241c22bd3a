"""Websocket handshake: what a client asks for by query and subprotocols, and the refusals of sessions. Pure."""

from typing import Literal
from urllib.parse import parse_qs

import msgspec

from protocol import SUBPROTOCOL_JSON, SUBPROTOCOL_KEY, SUBPROTOCOL_MSGPACK, SUBPROTOCOL_TICKET
from protocol.limits import MAX_MESSAGE_MIN, MAX_SEQ, Limits
from server.journal.base import Deleted, NotFound
from server.journal.errors import StorageFull
from server.sessions.errors import SessionCapacityError, SessionNotFound
from server.util.refusal import HTTPRefusal, RequestRefused

MAX_EPOCH_CHARS = 128
RETRY_S, RETRY_STORAGE_S = 5, 60


def session_refusal(error: Exception) -> HTTPRefusal:
    """The refusal for an error of the sessions or of the journal, the same before an upgrade and in a route's answer.

    Places come free by themselves, and a server that stops is started again: trying again soon helps. Storage does not.
    """
    match error:
        case StorageFull():
            return HTTPRefusal(
                "storage", str(error), retry_after_s=RETRY_STORAGE_S, error_type="per_user", what=error.what
            )
        case SessionCapacityError(error_type=error_type):
            status = 503 if error_type == "global" else 429
            return HTTPRefusal("capacity", str(error), status=status, retry_after_s=RETRY_S, error_type=error_type)
        case SessionNotFound() | NotFound() | Deleted():
            return HTTPRefusal("not_found", "there is no such session")
    return HTTPRefusal("unavailable", str(error), retry_after_s=RETRY_S)


class Position(msgspec.Struct, frozen=True):
    """The last event that a client has: `seq` of `epoch`. An empty epoch: the client did not give one."""

    epoch: str
    seq: int


class Encoding(msgspec.Struct, frozen=True):
    """How frames are encoded. `subprotocol`: the one the server chose; without one a person may type plain text."""

    kind: Literal["json", "msgpack"]
    subprotocol: str | None


class SocketOptions(msgspec.Struct, frozen=True):
    """What a client asks for in the query.

    `position`: where it resumes; None: it wants a snapshot. `max_message`: the largest message it takes, in bytes; None: as
    large as any. `final_response`: whether `turn_complete` repeats the text of the last message.
    """

    position: Position | None = None
    max_message: int | None = None
    final_response: bool = True

    def limits(self, limits: Limits) -> Limits:
        """The server's limits as they hold for this socket."""
        if self.max_message is None or self.max_message >= limits.outbound_frame_bytes:
            return limits
        return msgspec.structs.replace(limits, outbound_frame_bytes=self.max_message)


def shared_bytes(options: SocketOptions, limits: Limits) -> int:
    """Bytes of the largest snapshot for a socket, and of the parts of an event: of few different sizes, so that sockets share them whatever they ask for."""
    most = options.limits(limits).outbound_frame_bytes
    return most if most == limits.outbound_frame_bytes else 1 << (most.bit_length() - 1)


def read_options(query: bytes) -> SocketOptions:
    """What the query asks for. What is not known is ignored. Raises `RequestRefused`."""
    try:
        fields = parse_qs(query.decode("ascii"), keep_blank_values=True, max_num_fields=16)
    except ValueError as error:
        raise _bad_request(f"the query string cannot be read: {error}") from error
    for name in ("after", "epoch", "max_message", "final_response"):
        if len(fields.get(name, ())) > 1:
            raise _bad_request(f"`{name}` may be given once")
    given = {name: values[0] for name, values in fields.items()}
    return SocketOptions(_read_position(given), _read_max_message(given), _read_final_response(given))


def _read_position(given: dict[str, str]) -> Position | None:
    if "after" not in given:
        return None
    seq, epoch = _whole_number(given["after"]), given.get("epoch", "")
    if seq is None or seq > MAX_SEQ:
        raise _bad_request("`after` must be a whole number from 0: the last seq that was seen")
    if len(epoch) > MAX_EPOCH_CHARS:
        raise _bad_request("`epoch` is not one of this server's")
    return Position(epoch, seq)


def _read_max_message(given: dict[str, str]) -> int | None:
    if "max_message" not in given:
        return None
    most = _whole_number(given["max_message"])
    if most is None or most < MAX_MESSAGE_MIN:
        raise _bad_request(
            f"`max_message` must be a whole number from {MAX_MESSAGE_MIN}: the largest message, in bytes, that your "
            "websocket library takes. Raise the library's limit if it is lower"
        )
    return most


def _read_final_response(given: dict[str, str]) -> bool:
    wanted = given.get("final_response", "yes")
    if wanted not in ("yes", "no"):
        raise _bad_request("`final_response` must be `yes` or `no`: whether `turn_complete` repeats the last message")
    return wanted == "yes"


def _whole_number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 19 else None


def choose_encoding(offered: list[str]) -> Encoding:
    """The encoding for the subprotocols offered, the client's first choice that is known. Raises `RequestRefused`.

    An origin key or a ticket among them is a credential, which was read already; it is never chosen.
    """
    offered = [name for name in offered if not name.startswith((SUBPROTOCOL_KEY, SUBPROTOCOL_TICKET))]
    for name in offered:
        if name == SUBPROTOCOL_JSON:
            return Encoding("json", name)
        if name == SUBPROTOCOL_MSGPACK:
            return Encoding("msgpack", name)
    if offered:
        raise _bad_request(
            f"none of the offered subprotocols is known; use {SUBPROTOCOL_JSON} or {SUBPROTOCOL_MSGPACK}"
        )
    return Encoding("json", None)


def _bad_request(message: str) -> RequestRefused:
    return RequestRefused(HTTPRefusal("bad_request", message))
