"""Logins: browsers that logged in. Each has a random cookie, and some an origin key; only their hashes are kept."""

import secrets
from collections.abc import Iterable
from hashlib import sha256
from typing import NamedTuple, Protocol

import msgspec

from server.auth.origin_keys import key_hash, new_key

COOKIE_PREFIX = "hfb_"
"""Of every cookie, so that it can be recognised and redacted: at level `debug`, headers are logged."""
COOKIE_BYTES = 32
ID_BYTES = 8


LOGINS_MAX = 10_000
"""Logins that are kept; the oldest make room. A row each, so the file stays at some MiB."""

LOGINS_PER_USER_MAX = 20
"""Logins of one user; the oldest make room. More than the browsers of one person, few enough that nobody displaces others."""


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """One browser's login. `credential`: the name of what it came from. `sealed`: what must be kept of that, encrypted.

    `key_hash`: of its origin key; empty: it has none. Times in seconds since 1970.
    """

    login_id: str
    cookie_hash: bytes
    credential: str
    user_id: str
    name: str
    created_at: float
    expires_at: float
    sealed: bytes = b""
    key_hash: bytes = b""


class NewLogin(NamedTuple):
    """A login that was just made, with its cookie and its origin key (empty: it has none), which are not kept."""

    login: Login
    cookie: str
    key: str


class Renewal(NamedTuple):
    """Who asks the provider for a login's new tokens. `mine`: this server does, and then calls `renew` or `release_renewal`.

    Else another one does, or did: `login` is what it is now, None if it has ended. `version`: of what is renewed.
    """

    mine: bool
    login: Login | None
    version: int = 0


class Logins(Protocol):
    """All logins: at most `LOGINS_MAX`, and `LOGINS_PER_USER_MAX` of one user; the oldest are ended first.

    Each call may raise `JournalError` where the logins are in a database.
    """

    async def open(self, now: float) -> None:
        """Load what is needed."""

    async def aclose(self) -> None:
        """Close what `open` opened."""

    async def find(self, cookie: str, now: float, *, ask: bool = True) -> Login | None:
        """The login with this cookie, unless it has expired. `ask`: look where another server may have put it."""

    async def get(self, login_id: str, now: float) -> Login | None:
        """The login with this id, unless it has expired."""

    async def of_user(self, user_id: str, now: float) -> list[Login]:
        """The user's logins that have not expired, newest first."""

    async def add(self, login: Login) -> None:
        """Keep a new login."""

    async def drop(self, login_ids: Iterable[str]) -> None:
        """End these logins."""

    async def take_renewal(self, login: Login, wait_s: float) -> Renewal:
        """Be the one that renews the login's tokens, unless another server does: that is awaited for so long."""

    async def renew(self, login: Login, renewal: Renewal) -> Login | None:
        """Store a login with its new tokens. What it is then; None if it ended meanwhile."""

    async def release_renewal(self, login: Login, renewal: Renewal) -> None:
        """There are no new tokens: another may try."""

    async def reread(self) -> bool:
        """Look again at the logins in a database that were seen here; whether one has changed."""


def new_login(
    *,
    credential: str,
    user_id: str,
    name: str,
    now: float,
    lifetime_s: float,
    with_key: bool,
    sealed: bytes = b"",
) -> NewLogin:
    """A new login. `with_key`: its cookie is good only together with an origin key."""
    cookie, key = COOKIE_PREFIX + secrets.token_urlsafe(COOKIE_BYTES), new_key() if with_key else ""
    login = Login(
        login_id=secrets.token_hex(ID_BYTES),
        cookie_hash=hash_of(cookie),
        credential=credential,
        user_id=user_id,
        name=name,
        created_at=now,
        expires_at=now + lifetime_s,
        sealed=sealed,
        key_hash=key_hash(key) if key else b"",
    )
    return NewLogin(login, cookie, key)


def unless_expired(login: Login | None, now: float) -> Login | None:
    """The login, unless it has expired."""
    return login if login is not None and login.expires_at > now else None


def hash_of(secret: str) -> bytes:
    """SHA-256 of the cookie. A slow hash would protect no better: 256 random bits cannot be guessed."""
    return sha256(secret.encode()).digest()
