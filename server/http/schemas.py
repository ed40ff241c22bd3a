"""What the HTTP routes take and answer, as Structs: the OpenAPI document is written from them."""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from agent.tools import Entry
from agent.tools.mcp import McpStatus
from protocol.content import Access
from protocol.events import Event
from protocol.limits import Limits
from server.auth.principal import Right
from server.http.routes.admin import SessionSeen
from server.http.routes.shares import Link
from server.sessions.manager import SessionInfo


class Fault(msgspec.Struct):
    """Why nothing was done. `code` is for programs, `message` for people."""

    code: str
    message: str


class Status(msgspec.Struct):
    """How the server is."""

    status: Literal["ok", "ready"]


class AuthInfo(msgspec.Struct):
    """The way in: its mode, and whether it asks for a token."""

    mode: str
    token: bool


class ModelOffered(msgspec.Struct):
    """A model that a client may choose."""

    model: str
    demo: bool
    context_limit: Annotated[int, Meta(ge=0, description="tokens")]


class Config(msgspec.Struct, omit_defaults=True):
    """What the server offers. Who was not let in is told the first three fields alone."""

    name: Literal["holdfast"]
    version: str
    auth: AuthInfo
    model: str = ""
    demo: bool = False
    model_reason: str = ""
    models: list[ModelOffered] = []
    allow_other_models: bool = True
    mcp: list[McpStatus] = []
    limits: Limits = Limits()
    sessions: dict[str, int] = {}


class Me(msgspec.Struct):
    """Who the caller is. `expires_at`: when the credentials end, in seconds since 1970; null: not by themselves."""

    user_id: str
    name: str
    rights: list[Right]
    expires_at: float | None


class Sessions(msgspec.Struct, omit_defaults=True):
    """The caller's sessions, the newest first. `next`: there are more; ask again with it as `before`."""

    sessions: list[SessionInfo]
    next: str | UnsetType = UNSET


class Events(msgspec.Struct):
    """A page of a session's events. Ask again with `after` = `next_after` while there is `more`."""

    epoch: str
    seq: Annotated[int, Meta(ge=0, description="the session's newest position")]
    next_after: Annotated[int, Meta(ge=0)]
    more: bool
    events: list[Event]


class Files(msgspec.Struct):
    """What is in a session's workspace, each folder before what is in it; `more`: not all of it."""

    files: list[Entry]
    more: bool


class FilePut(msgspec.Struct):
    """A file was put there; `size` in bytes."""

    path: str
    size: Annotated[int, Meta(ge=0)]
    replaced: bool


class Links(msgspec.Struct):
    """A session's links, the oldest first."""

    shares: list[Link]


class SessionsSeen(msgspec.Struct):
    """All sessions, and how many sockets are open."""

    sessions: list[SessionSeen]
    sockets: Annotated[int, Meta(ge=0)]


class Stopped(msgspec.Struct):
    """Whether something ran."""

    stopped: bool


class LoggedIn(msgspec.Struct):
    """A login was made; its cookie is in `Set-Cookie`."""

    user_id: str
    name: str
    expires_at: float


class Guest(msgspec.Struct):
    """A link's holder was let in; the cookie is in `Set-Cookie`."""

    session_id: str
    access: Access
