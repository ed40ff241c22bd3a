"""Before the upgrade: what a client asks for by path, query and subprotocols, and the refusals in HTTP. Pure but for `deny`."""

from typing import Any, Literal
from urllib.parse import parse_qs

import msgspec
from starlette.types import Send

from protocol import SUBPROTOCOL_JSON, SUBPROTOCOL_MSGPACK
from protocol.codes import DENIALS

MAX_SEQ = 2**63 - 1
MAX_EPOCH_CHARS = 128
RETRY_S, RETRY_STORAGE_S = 5, 60


class Denied(Exception):
    """The upgrade, or a route's request, is refused: `status` and a JSON body with `code` and `message`."""

    def __init__(self, code: str, message: str, *, status: int | None = None, **more: str) -> None:
        super().__init__(message)
        self.status = status if status is not None else DENIALS[code].status
        self.body = {"code": code, "message": message, **more}

    @property
    def retry_after_s(self) -> int | None:
        """What `Retry-After` says: places come free by themselves, storage does not. None: trying again is no remedy."""
        if self.status not in (429, 503):
            return None
        return RETRY_STORAGE_S if self.body["code"] == "storage" else RETRY_S


class Position(msgspec.Struct, frozen=True):
    """Where a client's view stands: it has everything up to `seq` of `epoch` (empty: it did not say)."""

    epoch: str
    seq: int


class Encoding(msgspec.Struct, frozen=True):
    """How frames travel. `subprotocol` is what the server answers; without one a person may type plain text."""

    kind: Literal["json", "msgpack"]
    subprotocol: str | None


def read_position(query: bytes) -> Position | None:
    """The position a client resumes from, or None if it wants a snapshot. Raises `Denied`."""
    try:
        fields = parse_qs(query.decode("ascii"), keep_blank_values=True, max_num_fields=16)
    except ValueError as error:
        raise Denied("bad_request", f"the query string cannot be read: {error}") from error
    after, epoch = fields.get("after"), fields.get("epoch", [""])
    if after is None:
        return None
    if len(after) > 1 or len(epoch) > 1:
        raise Denied("bad_request", "`after` and `epoch` may be given once each")
    if not (after[0].isascii() and after[0].isdigit()) or len(after[0]) > 19 or int(after[0]) > MAX_SEQ:
        raise Denied("bad_request", "`after` must be a whole number from 0: the last seq that was seen")
    if len(epoch[0]) > MAX_EPOCH_CHARS:
        raise Denied("bad_request", "`epoch` is not one of this server's")
    return Position(epoch[0], int(after[0]))


def choose_encoding(offered: list[str]) -> Encoding:
    """The encoding for the subprotocols offered, the client's first choice that is known. Raises `Denied`."""
    for name in offered:
        if name == SUBPROTOCOL_JSON:
            return Encoding("json", name)
        if name == SUBPROTOCOL_MSGPACK:
            return Encoding("msgpack", name)
    if offered:
        raise Denied(
            "bad_request", f"none of the offered subprotocols is known; use {SUBPROTOCOL_JSON} or {SUBPROTOCOL_MSGPACK}"
        )
    return Encoding("json", None)


async def deny(send: Send, denied: Denied) -> None:
    """Refuse the upgrade as an HTTP answer (ASGI "WebSocket Denial Response")."""
    body = msgspec.json.encode(denied.body)
    headers: list[tuple[bytes, bytes]] = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    if denied.retry_after_s is not None:
        headers.append((b"retry-after", str(denied.retry_after_s).encode()))
    start: dict[str, Any] = {"type": "websocket.http.response.start", "status": denied.status, "headers": headers}
    await send(start)
    await send({"type": "websocket.http.response.body", "body": body})
