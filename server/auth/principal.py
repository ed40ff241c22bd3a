"""The body's door: who was let in and what they may, and what is said to who was not. Plain data."""

from typing import Final, Literal, get_args

import msgspec

from protocol.content import Access
from server.config.auth import AuthSettings

Right = Literal["sessions", "metrics", "admin"]

RIGHTS: Final[tuple[Right, ...]] = get_args(Right)
LOCAL_USER: Final = "local"
LOCAL_RIGHTS: Final[frozenset[Right]] = frozenset({"sessions", "metrics", "admin"})
NO_CREDENTIAL: Final = "none"


class Grant(msgspec.Struct, frozen=True):
    """What a link gives: access to one session."""

    session_id: str
    share_id: str
    access: Access


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who was let in. `sessions`: may make and drive sessions of their own; `metrics`: may read the server's counts;
    `admin`: may list and stop other users' sessions.

    `credential` is a name for what let them in, no secret: `local:ID`, `token:ID`, `login:ID`, `bearer:ID` or `none`;
    it is the same each time; a link's is `share:SESSION:SHARE`. `expires_at` is in seconds since 1970. `by_cookie`: a browser sends it along unasked. `grant`: a link lets them
    into somebody else's session.
    """

    user_id: str
    rights: frozenset[Right]
    credential: str
    name: str = ""
    expires_at: float | None = None
    by_cookie: bool = False
    grant: Grant | None = None


LOCAL: Final = Principal(user_id=LOCAL_USER, rights=LOCAL_RIGHTS, credential=NO_CREDENTIAL)
"""Everybody who reaches a server that asks for no token."""


def guest(grant: Grant, *, by_cookie: bool) -> Principal:
    """Who came by a link, and may nothing else."""
    return Principal(
        user_id=f"guest:{grant.share_id}",
        rights=frozenset(),
        credential=f"share:{grant.session_id}:{grant.share_id}",
        by_cookie=by_cookie,
        grant=grant,
    )


USER_RIGHTS: frozenset[Right] = frozenset({"sessions"})
ADMIN_RIGHTS: frozenset[Right] = frozenset({"sessions", "metrics", "admin"})


def rights_of(user_id: str, auth: AuthSettings) -> frozenset[Right] | None:
    """The rights of this user of `oauth` and `bearer`; None: does not come in."""
    if user_id in auth.admins:
        return ADMIN_RIGHTS
    return USER_RIGHTS if not auth.allowed_users or user_id in auth.allowed_users else None
