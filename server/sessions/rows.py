"""Session rows: the forms in which a session is described without its events. All are made from the journal's `SessionRow`."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Literal, cast

import msgspec
from msgspec import UNSET, Meta, UnsetType

from protocol.content import Question, ShareLink
from server.journal.base import ListPosition, SessionRow, Stat
from server.search.texts import Hit

EXPORT_FORMAT = 1
"""Version of the export file; raised when something changes that a reader may rely on."""
LIST_POSITION = r"[0-9TZ:.-]{20,30}~[0-9A-Za-z_-]{1,64}"
"""What `list_position_text` gives, as a regular expression."""


class ForkedFrom(msgspec.Struct, frozen=True):
    """Of which session a fork is, and up to which of its events. `branch`: it was made to keep how that session was before an edit."""

    session_id: str
    seq: int
    branch: bool


class OpenQuestion(msgspec.Struct, frozen=True):
    """A question that waits for the user's answer, without its form, which is in the session's view: `message` is its beginning."""

    question_id: str
    tool_call_id: str
    asker: Annotated[str, Meta(description="who asks: the name of the MCP server, or `the agent`")]
    message: Annotated[str, Meta(description="its first 200 characters")]


class Options(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the row's column `options` holds as JSON: `shares`, the links that are valid now.

    `model_chosen`: whether the row's model was chosen for the session; otherwise it is the server's of that day. None: not known,
    in rows of a new session and of older versions. `cwd`: the project folder that the session was made with, for good; empty: none. `forked_from`: None: it is no fork.
    `instructions`: those that its owner had when it was made; the model is told them. `questions`: those that are open. Nothing reads the columns by them, so they have none.
    """

    shares: list[ShareLink] = []
    model_chosen: bool | None = None
    cwd: str = ""
    forked_from: ForkedFrom | None = None
    instructions: str = ""
    questions: list[OpenQuestion] = []


QUESTION_CHARS_MAX = 200
"""Of a question's message, in lists: enough to know what it is about."""
PAGE_BYTES_MAX = 1_048_576
"""Of the calls that wait for approval, in one page of a listing: those of one message of a model may have as much."""

Listed = Literal["pinned", "archived"]
"""How a list of sessions may show one: before all others, or apart from them."""

PendingTools = Annotated[
    msgspec.Raw, Meta(extra_json_schema={"type": "array", "items": {"$ref": "#/components/schemas/PendingTool"}})
]
"""A list of `PendingTool` as the JSON that the journal stores: to decode and encode a megabyte would take 20 ms."""


class SessionInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A session without its events.

    `is_active`: it is awake, that is in the server's memory. `is_processing`: a turn runs and does not wait for an
    approval. `seq`: of its last event. `cwd`: the project folder that it works in; absent: it has a workspace of its own.
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
    pending_approval: PendingTools
    state: str
    epoch: str
    seq: int
    cwd: str | UnsetType = UNSET
    forked_from: ForkedFrom | UnsetType = UNSET
    listed: Annotated[Listed | UnsetType, Meta(description="as its owner wants it in lists; absent: as all others")] = (
        UNSET
    )
    questions: Annotated[
        list[OpenQuestion] | UnsetType,
        Meta(description="of running calls, to the user: `state` is `running` then; absent: none is open"),
    ] = UNSET
    found: Annotated[Hit | UnsetType, Meta(description="where the searched words were said; of a search alone")] = UNSET
    mcp_refused: Annotated[
        dict[str, str] | UnsetType, Meta(description="of the MCP servers just given: those that are refused, and why")
    ] = UNSET


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
_fields_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])


def dump_options(options: Options, others: Mapping[str, msgspec.Raw] | None = None) -> bytes:
    """The options as JSON for the row. `others`: fields of a newer version that the row had; they stay in it."""
    data = msgspec.json.encode(options)
    return msgspec.json.encode({**_fields_decoder.decode(data), **others}) if others else data


def other_options(data: bytes) -> dict[str, msgspec.Raw]:
    """What a newer version has put into the JSON of a row. Raises `msgspec.MsgspecError`."""
    known = Options.__struct_fields__
    return {name: value.copy() for name, value in _fields_decoder.decode(data).items() if name not in known}


def load_options(data: bytes) -> Options:
    """The options from the JSON of a row. Raises `msgspec.MsgspecError`."""
    return _decoder.decode(data)


def in_lists(questions: Sequence[Question]) -> list[OpenQuestion]:
    """What lists tell of these questions."""
    return [
        OpenQuestion(one.question_id, one.tool_call_id, one.asker, one.message[:QUESTION_CHARS_MAX])
        for one in questions
    ]


def holding_cwd(cwd: str) -> bytes:
    """The bytes that the column `options` of a session with this project folder has in it, and no other has."""
    return b'"cwd":' + msgspec.json.encode(cwd)


def session_info(stat: Stat, *, is_active: bool) -> SessionInfo:
    """The information about a session for its clients."""
    options = load_options(stat.row.options)
    return SessionInfo(
        **_columns(stat.row, SessionInfo, "pending_approval", "listed"),
        is_active=is_active,
        is_processing=is_active and stat.row.state == "running",
        pending_approval=msgspec.Raw(stat.row.pending_approval),
        epoch=stat.epoch,
        seq=stat.head,
        cwd=options.cwd or UNSET,
        forked_from=options.forked_from or UNSET,
        listed=cast(Listed, stat.row.listed) if stat.row.listed else UNSET,
        # After a kill the row has those of calls that are over, until the session is awake again.
        questions=(is_active and options.questions) or UNSET,
    )


def export_header(row: SessionRow, epoch: str, seq: int) -> ExportHeader:
    """The header of an export of this session up to the event `seq`."""
    return ExportHeader(**_columns(row, ExportHeader), format=EXPORT_FORMAT, epoch=epoch, seq=seq)


def _columns(row: SessionRow, kind: type[msgspec.Struct], *excluded: str) -> dict[str, Any]:
    """The columns of the row that are fields of `kind` too, by name."""
    return {name: getattr(row, name) for name in _common_fields(kind, excluded)}


@cache
def _common_fields(kind: type[msgspec.Struct], excluded: tuple[str, ...]) -> tuple[str, ...]:
    names = set(kind.__struct_fields__) & set(SessionRow.__struct_fields__)
    return tuple(names.difference(excluded))


def cut_page(stats: Sequence[Stat], most: int) -> tuple[Sequence[Stat], bool]:
    """What of a listing is one page: `most` sessions, with `PAGE_BYTES_MAX` of calls that wait, but at least one; and whether
    there are more."""
    size = count = 0
    for stat in stats[:most]:
        size += len(stat.row.pending_approval)
        if count and size > PAGE_BYTES_MAX:
            break
        count += 1
    return stats[:count], count < len(stats)


def list_position_text(position: ListPosition) -> str:
    """A position in the list of sessions, as clients get it and bring it back."""
    return f"{position.last_active_at}~{position.session_id}"


def read_list_position(text: str) -> ListPosition | None:
    """The position in a text of `list_position_text`; None: it is none."""
    if re.fullmatch(LIST_POSITION, text) is None:
        return None
    return ListPosition(*text.split("~"))
