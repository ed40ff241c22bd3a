"""Own logins: those of a server that shares them with no other, in memory and in a file."""

import asyncio
from collections.abc import Iterable
from functools import partial
from typing import Protocol

from agent.util.executors import WorkExecutor
from agent.util.places import SERVER
from server.auth.logins import Login, Renewal, hash_of, unless_expired


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


class OwnLogins:
    """See `Logins`: at most `most`, and `most_per_user` of one user. `threads`: in which the store is used."""

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

    async def find(self, cookie: str, now: float, *, ask: bool = True) -> Login | None:
        """The login with this cookie, unless it has expired."""
        return unless_expired(self._by_id.get(self._by_hash.get(hash_of(cookie), "")), now)

    async def get(self, login_id: str, now: float) -> Login | None:
        """The login with this id, unless it has expired."""
        return unless_expired(self._by_id.get(login_id), now)

    async def of_user(self, user_id: str, now: float) -> list[Login]:
        """The user's logins that have not expired, newest first."""
        logins = [login for login in self._by_id.values() if login.user_id == user_id and login.expires_at > now]
        return sorted(logins, key=lambda login: login.created_at, reverse=True)

    async def add(self, login: Login) -> None:
        """Keep a new login."""
        ended = self._expired(login.created_at)
        older = await self.of_user(login.user_id, login.created_at)
        ended += [old.login_id for old in older[self._most_per_user - 1 :]]
        await self.drop(ended)
        await self.drop(list(self._by_id)[: max(0, len(self._by_id) - self._most + 1)])
        await self._put(login)

    async def drop(self, login_ids: Iterable[str]) -> None:
        """End these logins."""
        gone = [login for login_id in login_ids if (login := self._by_id.pop(login_id, None)) is not None]
        for login in gone:
            self._by_hash.pop(login.cookie_hash, None)
        if gone:
            async with self._writing:
                await self._threads.run(partial(self._store.drop, [login.login_id for login in gone]))

    async def take_renewal(self, login: Login, wait_s: float) -> Renewal:
        """This server renews all its logins."""
        return Renewal(True, login)

    async def renew(self, login: Login, renewal: Renewal) -> Login | None:
        """Store a login's new state, unless it ended."""
        if login.login_id not in self._by_id:
            return None
        await self._put(login)
        return login

    async def release_renewal(self, login: Login, renewal: Renewal) -> None:
        """Nothing: nobody waits."""

    async def reread(self) -> bool:
        """Nothing: no other server changes them."""
        return False

    async def _put(self, login: Login) -> None:
        self._keep(login)
        async with self._writing:
            await self._threads.run(partial(self._store.put, login))

    def _keep(self, login: Login) -> None:
        self._by_id[login.login_id] = login
        self._by_hash[login.cookie_hash] = login.login_id

    def _expired(self, now: float) -> list[str]:
        return [login.login_id for login in self._by_id.values() if login.expires_at <= now]
