"""Websocket handshake: what a client asks for by query and subprotocols, and the refusals of sessions. Pure."""

from typing import Literal
from urllib.parse import parse_qs

import msgspec

from protocol import SUBPROTOCOL_JSON, SUBPROTOCOL_KEY, SUBPROTOCOL_MSGPACK
from protocol.limits import MAX_SEQ
from server.journal.base import Deleted, NotFound, StorageFull
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


def read_position(query: bytes) -> Position | None:
    """The position a client resumes from, or None if it wants a snapshot. Raises `RequestRefused`."""
    try:
        fields = parse_qs(query.decode("ascii"), keep_blank_values=True, max_num_fields=16)
    except ValueError as error:
        raise _bad_request(f"the query string cannot be read: {error}") from error
    after, epoch = fields.get("after"), fields.get("epoch", [""])
    if after is None:
        return None
    if len(after) > 1 or len(epoch) > 1:
        raise _bad_request("`after` and `epoch` may be given once each")
    if not (after[0].isascii() and after[0].isdigit()) or len(after[0]) > 19 or int(after[0]) > MAX_SEQ:
        raise _bad_request("`after` must be a whole number from 0: the last seq that was seen")
    if len(epoch[0]) > MAX_EPOCH_CHARS:
        raise _bad_request("`epoch` is not one of this server's")
    return Position(epoch[0], int(after[0]))


def choose_encoding(offered: list[str]) -> Encoding:
    """The encoding for the subprotocols offered, the client's first choice that is known. Raises `RequestRefused`.

    An origin key among them is a credential, which was read already; it is never chosen.
    """
    offered = [name for name in offered if not name.startswith(SUBPROTOCOL_KEY)]
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
