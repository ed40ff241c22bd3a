"""OpenAI requests: what is taken of a chat completion or a response, and of the client's history. Pure."""

import re
from typing import Annotated, Any, Final, NamedTuple

import msgspec
from msgspec import Meta

from server.http.compatible.messages import Content, NotText, Said, text_of

OWN_MODEL: Final = "holdfast"
"""The name of the model that a session has, whichever that is."""
RESPONSE_ID: Final = re.compile(r"resp_([0-9a-f]{32})_[0-9a-f]+")
Name = Annotated[str, Meta(max_length=256)]
Model = Annotated[str, Meta(max_length=200)]


class ChatMessage(msgspec.Struct):
    """A message of the client's history."""

    role: str
    content: Content = None


class Metadata(msgspec.Struct):
    """`session_id`: the id of a session of the caller's, or a name that they give one."""

    session_id: Name = ""


class StreamOptions(msgspec.Struct):
    """`include_usage`: the tokens come before the end."""

    include_usage: bool = False


class ChatRequest(msgspec.Struct):
    """A chat completion. What else a client sends, such as `temperature`, is not taken."""

    messages: Annotated[list[ChatMessage], Meta(min_length=1)]
    model: Model = OWN_MODEL
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    metadata: Metadata | None = None
    n: int | None = 1
    tools: list[Any] | None = None
    tool_choice: Any = None
    response_format: dict[str, Any] | None = None


class ResponseRequest(msgspec.Struct):
    """A response. What else a client sends, such as `temperature`, is not taken."""

    input: str | list[ChatMessage]
    model: Model = OWN_MODEL
    instructions: str | None = None
    previous_response_id: Name | None = None
    stream: bool | None = False
    metadata: Metadata | None = None
    background: bool | None = False
    tools: list[Any] | None = None
    tool_choice: Any = None


class BadRequest(Exception):
    """The request asks for what there is not; the text says what."""


class Asked(NamedTuple):
    """What a request says: `earlier` messages, then `text`. `name`: of the session; empty: not said."""

    earlier: list[Said]
    text: str
    name: str


def chat(request: ChatRequest, chat_id: str = "") -> Asked:
    """What a chat completion says. `chat_id`: of Open WebUI. Raises `BadRequest`."""
    if (request.n or 1) != 1:
        raise BadRequest("`n` must be 1: a session goes on with one answer")
    _check_tools(request)
    if request.response_format is not None and request.response_format.get("type") != "text":
        raise BadRequest("`response_format` may be text alone")
    name = request.metadata.session_id if request.metadata is not None else ""
    return _asked(request.messages, name or (f"open-webui {chat_id}" if chat_id else ""))


def response(request: ResponseRequest) -> Asked:
    """What a response says. Raises `BadRequest`."""
    if request.background:
        raise BadRequest("`background` is not offered: follow the session at its websocket")
    _check_tools(request)
    name = request.metadata.session_id if request.metadata is not None else ""
    if request.previous_response_id:
        previous = RESPONSE_ID.fullmatch(request.previous_response_id)
        if previous is None:
            raise BadRequest("`previous_response_id` is none of this server's")
        name = previous[1]
    given = request.input
    messages = [ChatMessage("user", given)] if isinstance(given, str) else given
    instructions = [ChatMessage("system", request.instructions)] if request.instructions else []
    return _asked([*instructions, *messages], name)


OWN_TOOLS: Final = (
    "`tools` of the client are not called, and `tool_choice` asks for one: the agent runs the server's tools itself"
)


def _check_tools(request: ChatRequest | ResponseRequest) -> None:
    """Raises `BadRequest` where the client's tools must be called. Else they may be there: Open WebUI sends its own with each message."""
    if request.tools and request.tool_choice not in (None, "auto", "none"):
        raise BadRequest(OWN_TOOLS)


def _asked(messages: list[ChatMessage], name: str) -> Asked:
    try:
        said = [Said(one.role, text_of(one.content)) for one in messages]
    except NotText as error:
        raise BadRequest(str(error)) from error
    if not said or said[-1].role != "user" or not said[-1].text:
        raise BadRequest("the last message must be the user's, with a text")
    return Asked(said[:-1], said[-1].text, name)
