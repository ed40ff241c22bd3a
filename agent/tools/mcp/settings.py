"""MCP settings: the entry of each MCP server, and limits for all of them."""

import re
from collections.abc import Iterator
from typing import Annotated, Literal
from urllib.parse import parse_qsl, urlsplit

import msgspec
from msgspec import Meta

from agent.util.settings import SettingsGroup

Transport = Literal["", "stdio", "http", "streamable-http", "streamable_http", "streamableHttp", "sse"]
Seconds = Annotated[float, Meta(gt=0, le=86_400)]

LOOPBACK = ("localhost", "127.0.0.1", "::1")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class McpServer(SettingsGroup, frozen=True, kw_only=True):
    """One MCP server. Raises ValueError for an entry that cannot work, saying what to write instead."""

    command: Annotated[str, Meta(description="Program to run and speak to over its standard input and output.")] = ""
    args: Annotated[list[str], Meta(description="Its arguments.")] = msgspec.field(default_factory=list)
    env: Annotated[
        dict[str, str],
        Meta(description="Its environment, beside PATH, HOME, LANG and the like; no other is handed on."),
    ] = msgspec.field(default_factory=dict)
    cwd: Annotated[
        str,
        Meta(
            description="Its working folder; empty: the session's workspace, or for a shared server a folder of its own in the data folder. `.` is where Holdfast was started."
        ),
    ] = ""
    url: Annotated[str, Meta(description="Endpoint of a server that is reached by streamable HTTP.")] = ""
    headers: Annotated[dict[str, str], Meta(description="Sent with every request to the url.")] = msgspec.field(
        default_factory=dict
    )
    type: Annotated[Transport, Meta(description="`stdio` or `http`; empty: by `command` or `url`.")] = ""
    transport: Annotated[Transport, Meta(description="The same, as some clients call it.")] = ""
    disabled: Annotated[bool, Meta(description="Whether the entry is passed over.")] = False
    trusted: Annotated[
        bool,
        Meta(
            description="Whether its tools' annotations are believed: those it calls read-only run freely, and so does reading its "
            "resources."
        ),
    ] = False
    owner_token: Annotated[
        bool, Meta(description="Whether it is given the Hugging Face token of the session's owner.")
    ] = False
    owner_token_env: Annotated[
        str, Meta(description="Name of the variable that holds that token for a `command`; a `url` gets a header.")
    ] = "HF_TOKEN"
    shared: Annotated[
        bool | None,
        Meta(description="One connection for all sessions, or one for each; null: shared unless given a token."),
    ] = None
    call_timeout_s: Annotated[Seconds, Meta(description="How long a call may take; then it is cancelled.")] = 300.0
    start_timeout_s: Annotated[
        Seconds, Meta(description="How long it may take to start and list its tools; then it is tried again later.")
    ] = 30.0
    tools: Annotated[list[str], Meta(description="Names of the tools that are taken; empty: all.")] = msgspec.field(
        default_factory=list
    )

    @property
    def is_shared(self) -> bool:
        """Whether one connection serves all sessions."""
        return not self.owner_token if self.shared is None else self.shared

    def __post_init__(self) -> None:
        fault = _kind_fault(self) or _token_fault(self)
        if fault is not None:
            raise ValueError(fault)


class McpLimits(SettingsGroup, frozen=True, kw_only=True):
    """What models are given of MCP servers. The servers themselves are in `mcpServers`."""

    offered_max: Annotated[
        int,
        Meta(
            ge=1,
            le=1_000,
            description="Tools of all MCP servers together that a model call is given; models find the others with `find_tools`.",
        ),
    ] = 128


def _kind_fault(entry: McpServer) -> str | None:
    kinds = {kind for kind in (entry.type, entry.transport) if kind}
    if "sse" in kinds:
        return "the transport sse is not spoken; give the server's streamable HTTP url, with type http"
    if bool(entry.command) == bool(entry.url):
        return 'write either {"command": "...", "args": [...]} or {"url": "https://..."}'
    if entry.command and kinds - {"stdio"}:
        return "a command is spoken to by stdio; leave type out, or give a url in its place"
    if entry.url and "stdio" in kinds:
        return "a url is spoken to by http; leave type out, or give a command in its place"
    for name in entry.env:
        if _VARIABLE.fullmatch(name) is None:
            return f"env: {name!r} is no name of a variable"
    for name, value in entry.headers.items():
        if _HEADER.fullmatch(name) is None or not value.isascii() or not value.isprintable():
            return f"headers: {name!r} or its value is no HTTP header"
    return _url_fault(entry.url) if entry.url else None


def _url_fault(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return "url: it cannot be read; write https://HOST/PATH"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "url: it must begin with https:// or http:// and name a host"
    return None


def _token_fault(entry: McpServer) -> str | None:
    if not entry.owner_token:
        return None
    if entry.shared:
        return "owner_token and shared exclude each other: a connection that has one owner's token is that owner's"
    if entry.command and _VARIABLE.fullmatch(entry.owner_token_env) is None:
        return f"owner_token_env: {entry.owner_token_env!r} is no name of a variable"
    parts = urlsplit(entry.url)
    if entry.url and parts.scheme != "https" and parts.hostname not in LOOPBACK:
        return "owner_token: a token is not sent over plain http; use https"
    return None


_SECRET = re.compile(r"key|token|secret|passw|credential|auth|cookie", re.IGNORECASE)
_NOT_SECRET = re.compile(r"[_-](file|path|dir)$", re.IGNORECASE)


def entry_secrets(entry: McpServer) -> Iterator[tuple[str, str]]:
    """The secrets in an entry: name and value. They are found by their names, such as `Authorization`, `API_KEY` or `--token`."""
    for name, value in [*entry.env.items(), *entry.headers.items()]:
        if _is_secret_name(name):
            yield name, value
            scheme, space, credentials = value.partition(" ")
            if space and scheme.isalpha():
                yield name, credentials
    for at, argument in enumerate(entry.args):
        name, equals, value = argument.partition("=")
        if argument.startswith("-") and _is_secret_name(name):
            following = entry.args[at + 1] if at + 1 < len(entry.args) else ""
            yield name, value if equals else following
    if entry.url:
        parts = urlsplit(entry.url)
        yield "the password of its url", parts.password or ""
        yield from ((name, value) for name, value in parse_qsl(parts.query) if _is_secret_name(name))


def _is_secret_name(name: str) -> bool:
    return _SECRET.search(name) is not None and _NOT_SECRET.search(name) is None
