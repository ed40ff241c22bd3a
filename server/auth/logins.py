"""The body's door: browsers that logged in. Each holds a random cookie of which only the hash is kept."""

import asyncio
import secrets
from collections.abc import Iterable
from hashlib import sha256
from typing import Protocol

import msgspec

COOKIE_BYTES = 32
ID_BYTES = 8


LOGINS_MAX = 10_000
"""Logins that are kept; the oldest make room. A row each, so the file stays at some MiB."""

LOGINS_PER_USER_MAX = 20
"""Logins of one user; the oldest make room. More than the browsers of one person, few enough that nobody displaces others."""


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """One browser's login. `credential` names what it came from, `sealed` is what must be kept of that, encrypted.

    Times in seconds since 1970.
    """

    login_id: str
    cookie_hash: bytes
    credential: str
    user_id: str
    name: str
    created_at: float
    expires_at: float
    sealed: bytes = b""


class LoginStore(Protocol):
    """Where logins outlive the process; it blocks, so it is called in a thread, one call at a time."""

    def load(self) -> list[Login]:
        """All of them, the oldest first."""

    def put(self, login: Login) -> None:
        """Keep this one, in the place of its earlier state."""

    def drop(self, login_ids: list[str]) -> None:
        """Forget these."""

    def close(self) -> None:
        """Close it."""


class Logins:
    """All logins, in memory and in the store. At most `most`, and `most_per_user` for one user: the oldest make room."""

    def __init__(self, store: LoginStore, most: int, most_per_user: int) -> None:
        self._store = store
        self._most = most
        self._most_per_user = most_per_user
        self._writing = asyncio.Lock()
        self._by_id: dict[str, Login] = {}
        self._by_hash: dict[bytes, str] = {}

    async def open(self, now: float) -> None:
        """Take up what the store holds."""
        for login in await asyncio.to_thread(self._store.load):
            self._keep(login)
        await self.drop(self._past(now))

    async def aclose(self) -> None:
        """Close the store."""
        async with self._writing:
            await asyncio.to_thread(self._store.close)

    def get(self, login_id: str, now: float) -> Login | None:
        """The login of this id, if it is not over."""
        login = self._by_id.get(login_id)
        return login if login is not None and login.expires_at > now else None

    def find(self, cookie: str, now: float) -> Login | None:
        """The login of this cookie, if it is not over."""
        login_id = self._by_hash.get(hash_of(cookie))
        return None if login_id is None else self.get(login_id, now)

    def of_user(self, user_id: str, now: float) -> list[Login]:
        """The user's logins, the newest first."""
        mine = [login for login in self._by_id.values() if login.user_id == user_id and login.expires_at > now]
        return sorted(mine, key=lambda login: login.created_at, reverse=True)

    async def add(
        self, *, credential: str, user_id: str, name: str, now: float, lifetime_s: float, sealed: bytes = b""
    ) -> tuple[Login, str]:
        """A new login, and the cookie that proves it."""
        cookie = secrets.token_urlsafe(COOKIE_BYTES)
        login = Login(
            login_id=secrets.token_hex(ID_BYTES),
            cookie_hash=hash_of(cookie),
            credential=credential,
            user_id=user_id,
            name=name,
            created_at=now,
            expires_at=now + lifetime_s,
            sealed=sealed,
        )
        room = self._past(now)
        room += [old.login_id for old in self.of_user(user_id, now)[self._most_per_user - 1 :]]
        await self.drop(room)
        await self.drop(list(self._by_id)[: max(0, len(self._by_id) - self._most + 1)])
        await self.put(login)
        return login, cookie

    async def put(self, login: Login) -> None:
        """Keep a login's new state."""
        self._keep(login)
        async with self._writing:
            await asyncio.to_thread(self._store.put, login)

    async def drop(self, login_ids: Iterable[str]) -> None:
        """End these logins."""
        gone = [login for login_id in login_ids if (login := self._by_id.pop(login_id, None)) is not None]
        for login in gone:
            self._by_hash.pop(login.cookie_hash, None)
        if gone:
            async with self._writing:
                await asyncio.to_thread(self._store.drop, [login.login_id for login in gone])

    def _keep(self, login: Login) -> None:
        self._by_id[login.login_id] = login
        self._by_hash[login.cookie_hash] = login.login_id

    def _past(self, now: float) -> list[str]:
        return [login.login_id for login in self._by_id.values() if login.expires_at <= now]


def hash_of(secret: str) -> bytes:
    """SHA-256: of 256 random bits there is nothing to guess, so a slow hash would protect nothing and cost much."""
    return sha256(secret.encode()).digest()
