"""Requests: what the handlers read from one. Everything here raises `RequestRefused` for what it cannot accept."""

from typing import Final, TypeVar

import msgspec
from starlette.requests import Request

from protocol.content import AccessLevel
from server.auth.principal import Principal
from server.http.bodies import read_small
from server.journal.base import SessionRow
from server.sessions.access import authorize_session
from server.sessions.manager import SessionManager
from server.util.refusal import HTTPRefusal, RequestRefused

Shape = TypeVar("Shape")

ACCESS_LEVELS: Final[tuple[AccessLevel, ...]] = ("read", "drive", "owner")
"""From the least to the most."""
INTEGER_DIGITS_MAX: Final = 19


def caller(request: Request) -> Principal:
    """Who the access middleware authenticated."""
    principal: Principal = request.scope["state"]["principal"]
    return principal


async def authorized_session(manager: SessionManager, request: Request, least: AccessLevel) -> str:
    """The id of the session in the path, if the caller's access to it is `least` or more.

    Raises `SessionNotFound`, `RequestRefused`.
    """
    return (await authorized_row(manager, request, least)).session_id


async def authorized_row(manager: SessionManager, request: Request, least: AccessLevel) -> SessionRow:
    """As `authorized_session`: the session's row."""
    session_id = str(request.path_params["session_id"])
    access = await authorize_session(manager.registry, caller(request), session_id)
    if ACCESS_LEVELS.index(access.level) < ACCESS_LEVELS.index(least):
        raise RequestRefused(
            HTTPRefusal("forbidden", "your link does not allow this; only the session's owner may do it")
        )
    return access.row


def integer_parameter(request: Request, name: str, default: int, least: int, most: int) -> int:
    """A whole number of the query string. Raises `RequestRefused`."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit()) or len(text) > INTEGER_DIGITS_MAX or not least <= int(text) <= most:
        raise bad_request(f"`{name}` must be a whole number from {least} to {most}")
    return int(text)


def position_in_path(request: Request) -> int:
    """The `seq` in the path. Raises `RequestRefused`."""
    text = str(request.path_params["seq"])
    if not (text.isascii() and text.isdigit()) or len(text) > INTEGER_DIGITS_MAX:
        raise bad_request("the last part of the path must be the seq of an event, a whole number from 1")
    return int(text)


def bad_request(message: str) -> RequestRefused:
    """The refusal of a request that cannot be understood."""
    return RequestRefused(HTTPRefusal("bad_request", message))


async def read_struct(request: Request, shape: type[Shape], most: int, form: str, empty: Shape | None = None) -> Shape:
    """The JSON body, of `most` bytes. `form`: what it must be, for people. `empty`: what no body stands for. Raises `RequestRefused`."""
    body = await read_small(request, most)
    if body is None:
        raise bad_request(f"the body is larger than {most} bytes")
    if empty is not None and not body.strip():
        return empty
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise bad_request(f"the body must be {form}: {error}") from error
