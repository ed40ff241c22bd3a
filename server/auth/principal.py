"""Principal: an authenticated user, with their rights. Plain data."""

from typing import Final, Literal, get_args

import msgspec

from protocol.content import Access, AccessLevel
from server.config.auth import AuthSettings

Right = Literal["sessions", "metrics", "admin"]

RIGHTS: Final[tuple[Right, ...]] = get_args(Right)
LOCAL_USER: Final = "local"
LOCAL_RIGHTS: Final[frozenset[Right]] = frozenset({"sessions", "metrics", "admin"})
NO_CREDENTIAL: Final = "none"


class Grant(msgspec.Struct, frozen=True):
    """What a share link gives: access to one session."""

    session_id: str
    share_id: str
    access: Access


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """An authenticated user.

    `rights`: `sessions` to have sessions of their own, `metrics` to read the metrics, `admin` to list and stop the
    sessions of others. `credential`: a stable name, which is no secret, of what authenticated them: `local:ID`,
    `token:ID`, `login:ID`, `bearer:ID`, `share:SESSION:SHARE` or `none`. `expires_at`: when it expires, in seconds since
    1970; None: never. `by_cookie`: it came in a cookie, which a browser also sends for pages of other sites.
    `without_key`: the cookie came without its origin key, so that another program of this machine may have sent it.
    `grant`: the session of somebody else that a share link opens.
    """

    user_id: str
    rights: frozenset[Right]
    credential: str
    name: str = ""
    expires_at: float | None = None
    by_cookie: bool = False
    without_key: bool = False
    grant: Grant | None = None


LOCAL: Final = Principal(user_id=LOCAL_USER, rights=LOCAL_RIGHTS, credential=NO_CREDENTIAL)
"""Everyone who reaches a server in local mode without a token."""


def guest(grant: Grant, *, by_cookie: bool) -> Principal:
    """The holder of a share link, who has no rights besides its grant."""
    return Principal(
        user_id=f"guest:{grant.share_id}",
        rights=frozenset(),
        credential=f"share:{grant.session_id}:{grant.share_id}",
        by_cookie=by_cookie,
        grant=grant,
    )


def access_level(principal: Principal, session_id: str, owner: str) -> AccessLevel | None:
    """What this principal may do with that session; None if they have no access."""
    if principal.user_id == owner and "sessions" in principal.rights:
        return "owner"
    grant = principal.grant
    return grant.access if grant is not None and grant.session_id == session_id else None


USER_RIGHTS: frozenset[Right] = frozenset({"sessions"})
ADMIN_RIGHTS: frozenset[Right] = frozenset({"sessions", "metrics", "admin"})


def rights_of(user_id: str, auth: AuthSettings) -> frozenset[Right] | None:
    """The rights of this user in the modes `oauth` and `bearer`; None if they may not use the server."""
    if user_id in auth.admins:
        return ADMIN_RIGHTS
    return USER_RIGHTS if not auth.allowed_users or user_id in auth.allowed_users else None
