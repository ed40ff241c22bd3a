"""Session rows: the forms in which a session is described without its events."""

import msgspec

from protocol.content import ShareLink
from server.journal.base import SessionRow


class StoredSession(msgspec.Struct, frozen=True):
    """A session's row, and the seq of its last stored event."""

    row: SessionRow
    head: int


class Options(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the row's column `options` holds as JSON: `shares`, the links that are valid now."""

    shares: list[ShareLink] = []


_decoder = msgspec.json.Decoder(Options)


def dump_options(options: Options) -> bytes:
    """The options as JSON for the row."""
    return msgspec.json.encode(options)


def load_options(data: bytes) -> Options:
    """The options from the JSON of a row. Raises `msgspec.MsgspecError`."""
    return _decoder.decode(data)
