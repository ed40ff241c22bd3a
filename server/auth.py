"""The body's door, first half: who is asking. `authenticate` is the one way in, for HTTP and for sockets alike."""

from typing import Final, Literal

import msgspec
from starlette.types import Scope

from protocol.codes import DENIALS
from server.authority import is_loopback
from server.settings import AuthSettings

Right = Literal["sessions", "metrics"]

LOCAL_USER: Final = "local"


class Principal(msgspec.Struct, frozen=True):
    """Who was let in. `sessions`: may make and drive sessions of their own; `metrics`: may read the server's counts.

    Nobody's rights reach into another user's sessions.
    """

    user_id: str
    rights: frozenset[Right]


class Refusal(msgspec.Struct, frozen=True):
    """Nobody was let in: an HTTP status and what its JSON body says."""

    status: int
    code: str
    message: str


LOCAL: Final = Principal(LOCAL_USER, frozenset({"sessions", "metrics"}))


def refuse(code: str, message: str) -> Refusal:
    """A refusal with the status that belongs to its code."""
    return Refusal(DENIALS[code].status, code, message)


def authenticate(scope: Scope, auth: AuthSettings) -> Principal | Refusal:
    """Who the request in `scope` comes from.

    In local mode that is always the one local user: only this machine can reach the server, and credentials that a
    request may carry are not looked at.
    """
    match auth.mode:
        case "local":
            return LOCAL


def refuse_binding(host: str, addresses: list[str], auth: AuthSettings) -> str | None:
    """Why the server must not listen on `host` (which means `addresses`), or None if it may."""
    outside = [address for address in addresses if not is_loopback(address)]
    if auth.mode != "local" or not outside:
        return None
    means = "" if outside == [host] else f" (that is {', '.join(outside)})"
    return (
        f"refusing to listen on {host}{means}: in local mode there is no login, so who reaches the server may use it. "
        "Listen on 127.0.0.1 (--host, server.host) and come from elsewhere through `ssh -L 7860:localhost:7860 HOST`; "
        "listening on other addresses needs a login mode, and this version has none yet"
    )
