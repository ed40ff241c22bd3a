"""Session rows: the forms in which a session is described without its events. All are made from the journal's `SessionRow`."""

from typing import Any

import msgspec

from protocol.content import PendingTool, ShareLink
from server.journal.base import SessionRow, Stat

EXPORT_FORMAT = 1
"""Version of the export file; raised when something changes that a reader may rely on."""


class Options(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the row's column `options` holds as JSON: `shares`, the links that are valid now."""

    shares: list[ShareLink] = []


class SessionInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A session without its events.

    `is_active`: it is awake, that is in the server's memory. `is_processing`: a turn runs and does not wait for an
    approval. `seq`: of its last event.
    """

    session_id: str
    user_id: str
    title: str
    model: str
    created_at: str
    last_active_at: str
    is_active: bool
    is_processing: bool
    message_count: int
    pending_approval: list[PendingTool]
    state: str
    epoch: str
    seq: int


class ExportHeader(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="session"):
    """The first line of an export file. `seq`: of the last event in the file."""

    format: int
    session_id: str
    user_id: str
    title: str
    model: str
    created_at: str
    last_active_at: str
    message_count: int
    state: str
    epoch: str
    seq: int


_decoder = msgspec.json.Decoder(Options)


def dump_options(options: Options) -> bytes:
    """The options as JSON for the row."""
    return msgspec.json.encode(options)


def load_options(data: bytes) -> Options:
    """The options from the JSON of a row. Raises `msgspec.MsgspecError`."""
    return _decoder.decode(data)


def session_info(stat: Stat, *, is_active: bool) -> SessionInfo:
    """The information about a session for its clients."""
    return SessionInfo(
        **_columns(stat.row, SessionInfo, "pending_approval"),
        is_active=is_active,
        is_processing=is_active and stat.row.state == "running",
        pending_approval=msgspec.json.decode(stat.row.pending_approval, type=list[PendingTool]),
        epoch=stat.epoch,
        seq=stat.head,
    )


def export_header(row: SessionRow, epoch: str, seq: int) -> ExportHeader:
    """The header of an export of this session up to the event `seq`."""
    return ExportHeader(**_columns(row, ExportHeader), format=EXPORT_FORMAT, epoch=epoch, seq=seq)


def _columns(row: SessionRow, kind: type[msgspec.Struct], *excluded: str) -> dict[str, Any]:
    """The columns of the row that are fields of `kind` too, by name."""
    names = set(kind.__struct_fields__) & set(SessionRow.__struct_fields__)
    return {name: getattr(row, name) for name in names.difference(excluded)}
