"""Schemas: what the HTTP routes take and answer, as Structs. The OpenAPI document is made from them."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from agent.models import ModelInfo
from agent.sandbox.sandbox import SandboxInfo
from agent.tools import Entry
from agent.tools.mcp import McpStatus, ServerLibrary
from agent.tools.router import ToolSummary
from protocol.content import Access, Effort, SessionStatus
from protocol.events import Event
from protocol.limits import MAX_SEQ, Limits
from server.auth.credentials import MAX_TOKEN_CHARS
from server.auth.principal import Right
from server.journal.nodes.listing import NodeState
from server.sessions.rows import SessionInfo


class Fault(msgspec.Struct):
    """Why the request was refused. `code` is for programs, `message` for people."""

    code: str
    message: str


class Status(msgspec.Struct):
    """The state of the server."""

    status: Literal["ok", "ready"]


class AuthInfo(msgspec.Struct):
    """How to log in: the mode (`auth.mode`), and whether a token is needed."""

    mode: str
    token: bool


class PageInfo(msgspec.Struct):
    """What the web client needs. `image_sources`: origins whose images it may show."""

    image_sources: list[str]


class Me(msgspec.Struct):
    """The caller. `expires_at`: when the credentials expire, in seconds since 1970; null: they do not expire."""

    user_id: str
    name: str
    rights: list[Right]
    expires_at: float | None


class Config(msgspec.Struct):
    """What the server offers, and to whom. Without credentials the answer has `name`, `version` and `auth` alone."""

    name: Literal["holdfast"]
    version: str
    auth: AuthInfo
    model: str | UnsetType = UNSET
    demo: bool | UnsetType = UNSET
    model_reason: str | UnsetType = UNSET
    models: list[ModelInfo] | UnsetType = UNSET
    allow_other_models: bool | UnsetType = UNSET
    sandbox: SandboxInfo | UnsetType = UNSET
    mcp: list[McpStatus] | UnsetType = UNSET
    page: PageInfo | UnsetType = UNSET
    limits: Limits | UnsetType = UNSET
    user: Me | UnsetType = UNSET
    modes: Annotated[list[str] | UnsetType, Meta(description="what `set_mode` takes")] = UNSET


class Ticket(msgspec.Struct):
    """A credential for one websocket: offer `holdfast.ticket.` and the ticket as a subprotocol, within `expires_in_s` seconds."""

    ticket: str
    expires_in_s: float


McpGiven = Annotated[
    dict[str, dict[str, Any]],
    Meta(
        max_length=64,
        description="by name: `url` and `headers`, or `command`, `args` and `env`; a bad one is refused alone",
    ),
]


class Fork(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What a session is forked with: the position `seq`, at which it was at rest; without it, the newest one.

    `branch`: the fork keeps how the session was before an edit.
    """

    seq: Annotated[int, Meta(ge=0, le=MAX_SEQ)] | None = None
    branch: bool = False


class GivenServers(msgspec.Struct, forbid_unknown_fields=True):
    """The MCP servers that a session has from now on, besides those of the server's config; in place of those given before."""

    mcp_servers: McpGiven


class ServersTaken(msgspec.Struct):
    """Which of them are refused, and why. The session has the others before its next turn."""

    mcp_refused: dict[str, str]


class NewSession(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What a session is made with; all of it may be missing. `cwd`: the absolute path of the project folder that it works in, for good.

    `model`, `reasoning_effort`, `title` and `mode` are set as by the submissions `set_model`, `set_title` and `set_mode`. A session
    with a project folder begins in the mode `ask`.
    """

    cwd: Annotated[str, Meta(max_length=4_096, pattern="^$|^/")] = ""
    model: Annotated[str, Meta(max_length=200)] = ""
    reasoning_effort: Effort = ""
    title: Annotated[str, Meta(max_length=200)] = ""
    mode: Annotated[str, Meta(max_length=64)] = ""
    mcp_servers: McpGiven = {}


class SessionChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What of a session its owner may change without waking it."""

    listed: Annotated[Literal["", "pinned", "archived"], Meta(description="how lists show it; empty: as all others")]


class Sessions(msgspec.Struct, omit_defaults=True):
    """The caller's sessions, newest first. `next` is there if there are more; send it as `before` to get them."""

    sessions: list[SessionInfo]
    next: str | UnsetType = UNSET
    lagging: Annotated[
        int | UnsetType,
        Meta(description="of a search: how many sessions are not searched to their end yet; absent: none"),
    ] = UNSET


class Events(msgspec.Struct):
    """A page of a session's events. While `more` is true, ask again with `after` set to `next_after`."""

    epoch: str
    seq: Annotated[int, Meta(ge=0, description="the session's newest position")]
    next_after: Annotated[int, Meta(ge=0)]
    more: bool
    events: list[Event]


class Files(msgspec.Struct):
    """The content of a session's workspace; a folder comes before its files. `more`: the list is not complete."""

    files: list[Entry]
    more: bool


class FilePut(msgspec.Struct):
    """The file that was written; `size` in bytes. `replaced`: there was a file of this name before."""

    path: str
    size: Annotated[int, Meta(ge=0)]
    replaced: bool


class McpLibrary(msgspec.Struct):
    """What the session's MCP servers offer to its users: first the shared servers, then the session's own."""

    servers: list[ServerLibrary]


class SessionTools(msgspec.Struct):
    """The tools that the session's model can call now, its MCP servers' among them."""

    tools: list[ToolSummary]


class PromptRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A prompt of an MCP server, by the names under which it is listed."""

    server: str
    prompt: str
    arguments: Annotated[dict[str, str], Meta(max_length=32)] = {}


class ResourceRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A resource of an MCP server, by the name and the URI under which it is listed, or by a template's text and its values."""

    server: str
    resource: str
    arguments: Annotated[dict[str, str], Meta(max_length=32)] = {}


class McpText(msgspec.Struct):
    """The text of a prompt or a resource. Files of it are in the workspace, and are named in the text."""

    text: str


class Instructions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a user wants models to be told in their sessions."""

    instructions: Annotated[str, Meta(max_length=2_000, description="empty: nothing")]


class ShareRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The link to create."""

    access: Annotated[Access, Meta(description="what the holder of the link may do")]
    may_set_model: Annotated[bool, Meta(description="whether guests with `drive` may set the model")] = False


class Link(msgspec.Struct, frozen=True):
    """A link to a session. The secret is behind the `#` of the URL, which browsers do not send to servers."""

    share_id: str
    access: Access
    secret: str
    link: str
    may_set_model: bool


class Links(msgspec.Struct):
    """A session's links, oldest first."""

    shares: list[Link]


class SessionSeen(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A session as an admin sees it: without its title and its content. `node`: the name of the server that runs it, if there are several."""

    session_id: str
    user_id: str
    state: SessionStatus
    is_active: bool
    is_processing: bool
    created_at: str
    last_active_at: str
    message_count: int
    seq: int
    node: str | UnsetType = UNSET


class SessionsSeen(msgspec.Struct, omit_defaults=True):
    """All sessions, newest first, and the number of open websockets, at all servers. `next`: as in the list of the caller's sessions."""

    sessions: list[SessionSeen]
    sockets: Annotated[int, Meta(ge=0)]
    next: str | UnsetType = UNSET


class NodeInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A server. `node`: its id, which is new at each start. `here`: it is the one that answers.

    `state`: `late` is one whose lease is over and that nobody has declared dead yet; `dead` one that stopped or was declared dead
    within the last hour. `sessions` (awake) and `sockets` are as of its last beat. `duties`: it does what one alone is to do: export,
    deletion by age, looking for what is left over.
    """

    node: str
    name: str
    version: str
    state: NodeState
    here: bool
    started_at: str
    last_beat_at: str
    sessions: Annotated[int, Meta(ge=0)]
    sockets: Annotated[int, Meta(ge=0)]
    duties: bool = False


class NodesSeen(msgspec.Struct):
    """All servers, the living first, each in the order of their starts."""

    nodes: list[NodeInfo]


class Stopped(msgspec.Struct):
    """Whether there was work to stop."""

    stopped: bool


class TokenGiven(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A token: of the local user, of the API, of Hugging Face; a login code of the local user; or a link's secret."""

    token: Annotated[str, Meta(min_length=1, max_length=MAX_TOKEN_CHARS)]


class LoggedIn(msgspec.Struct, omit_defaults=True):
    """The new login. Its cookie is in `Set-Cookie`. `expires_at` in seconds since 1970.

    `key`: if it is there, send it with the cookie: in the header `Holdfast-Key`, or offered as the subprotocol
    `holdfast.key.` and the key.
    """

    user_id: str
    name: str
    expires_at: float
    key: str | UnsetType = UNSET


class Guest(msgspec.Struct, omit_defaults=True):
    """The session that the link opens. The cookie is in `Set-Cookie`. `key`: as in the answer of a login."""

    session_id: str
    access: Access
    key: str | UnsetType = UNSET
