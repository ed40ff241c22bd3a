"""Logins: browsers that logged in. Each has a random cookie, and some an origin key; only their hashes are kept."""

import asyncio
import secrets
from collections.abc import Iterable
from functools import partial
from hashlib import sha256
from typing import NamedTuple, Protocol

import msgspec

from agent.util.executors import WorkExecutor
from agent.util.places import SERVER
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


class LoginStore(Protocol):
    """Keeps logins on disk. It blocks, so it is called in a thread, one call at a time."""

    def load(self) -> list[Login]:
        """All logins, oldest first."""

    def put(self, login: Login) -> None:
        """Store the login, or replace its earlier state."""

    def drop(self, login_ids: list[str]) -> None:
        """Delete these logins."""

    def close(self) -> None:
        """Close the store."""


class Logins:
    """All logins, in memory and in the store: at most `most`, and `most_per_user` of one user. The oldest are ended first.

    `threads`: in which the store is used.
    """

    def __init__(self, store: LoginStore, threads: WorkExecutor, most: int, most_per_user: int) -> None:
        self._store = store
        self._threads = threads.of(SERVER)
        self._most = most
        self._most_per_user = most_per_user
        self._writing = asyncio.Lock()
        self._by_id: dict[str, Login] = {}
        self._by_hash: dict[bytes, str] = {}

    async def open(self, now: float) -> None:
        """Load the logins of the store."""
        for login in await self._threads.run(self._store.load):
            self._keep(login)
        await self.drop(self._expired(now))

    async def aclose(self) -> None:
        """Close the store."""
        async with self._writing:
            await self._threads.run(self._store.close)

    def get(self, login_id: str, now: float) -> Login | None:
        """The login with this id, unless it has expired."""
        login = self._by_id.get(login_id)
        return login if login is not None and login.expires_at > now else None

    def find(self, cookie: str, now: float) -> Login | None:
        """The login with this cookie, unless it has expired."""
        login_id = self._by_hash.get(hash_of(cookie))
        return None if login_id is None else self.get(login_id, now)

    def of_user(self, user_id: str, now: float) -> list[Login]:
        """The user's logins that have not expired, newest first."""
        logins = [login for login in self._by_id.values() if login.user_id == user_id and login.expires_at > now]
        return sorted(logins, key=lambda login: login.created_at, reverse=True)

    async def add(
        self,
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
        ended = self._expired(now)
        ended += [old.login_id for old in self.of_user(user_id, now)[self._most_per_user - 1 :]]
        await self.drop(ended)
        await self.drop(list(self._by_id)[: max(0, len(self._by_id) - self._most + 1)])
        await self.put(login)
        return NewLogin(login, cookie, key)

    async def put(self, login: Login) -> None:
        """Store a login's new state."""
        self._keep(login)
        async with self._writing:
            await self._threads.run(partial(self._store.put, login))

    async def drop(self, login_ids: Iterable[str]) -> None:
        """End these logins."""
        gone = [login for login_id in login_ids if (login := self._by_id.pop(login_id, None)) is not None]
        for login in gone:
            self._by_hash.pop(login.cookie_hash, None)
        if gone:
            async with self._writing:
                await self._threads.run(partial(self._store.drop, [login.login_id for login in gone]))

    def _keep(self, login: Login) -> None:
        self._by_id[login.login_id] = login
        self._by_hash[login.cookie_hash] = login.login_id

    def _expired(self, now: float) -> list[str]:
        return [login.login_id for login in self._by_id.values() if login.expires_at <= now]


def hash_of(secret: str) -> bytes:
    """SHA-256 of the cookie. A slow hash would protect no better: 256 random bits cannot be guessed."""
    return sha256(secret.encode()).digest()
