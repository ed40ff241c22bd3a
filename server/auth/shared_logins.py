"""Shared logins: rows of the journal's database, where several servers share it. Each keeps those that it was shown.

A server that had its logins in its data folder takes them along, and back.
"""

import asyncio
import logging
from collections.abc import Iterable
from contextlib import closing
from functools import partial
from pathlib import Path

import msgspec

from agent.util.executors import WorkExecutor
from agent.util.places import SERVER
from server.auth import login_store
from server.auth.logins import (
    LOGINS_MAX,
    LOGINS_PER_USER_MAX,
    Login,
    Renewal,
    hash_of,
    unless_expired,
)
from server.auth.seen import SeenCredentials
from server.journal.base import JournalError, Unavailable
from server.journal.credentials import Bounds, Credential, CredentialRows, CredentialTable

log = logging.getLogger("holdfast.auth")

RENEWING_S = 45.0
"""How long others wait for a server that renews tokens: the provider has 10 s to name its addresses, as many to answer, and then
they are stored. One that was lost is followed by another, whose refresh token may be over."""

LOOK_S = 0.2
"""Pause between two looks for what another server renews."""

STORE_S = 15.0
"""How long it is tried to store new tokens. Without them the login ends: most providers take a refresh token once."""

STORE_AGAIN_S = 0.5

AT_ONCE = 500
"""Logins that are taken along in one transaction. One by one, each is a transaction of four statements, and a folder may hold 10,000."""


class StoredLogin(msgspec.Struct, frozen=True):
    """What a row keeps of a `Login` beside its other columns. A later version may keep more."""

    credential: str
    name: str
    sealed: bytes
    key_hash: bytes
    expires_at: float


def row_of(login: Login, version: int = 0) -> Credential:
    """The row of a login."""
    stored = StoredLogin(login.credential, login.name, login.sealed, login.key_hash, login.expires_at)
    return Credential(
        kind="login",
        id=login.login_id,
        hash=login.cookie_hash,
        user_id=login.user_id,
        created_at=login.created_at,
        expires_at=login.expires_at,
        data=msgspec.json.encode(stored),
        version=version,
    )


def login_of(row: Credential) -> Login:
    """The login of a row."""
    stored = msgspec.json.decode(row.data, type=StoredLogin)
    return Login(
        login_id=row.id,
        cookie_hash=row.hash,
        credential=stored.credential,
        user_id=row.user_id,
        name=stored.name,
        created_at=row.created_at,
        expires_at=stored.expires_at,
        sealed=stored.sealed,
        key_hash=stored.key_hash,
    )


def resealed(login: Login, folder: Path, secret: str) -> Login | None:
    """A login of this folder with what it keeps encrypted by the secret; None if it cannot be read. Raises `PrivateFileError`."""
    if not login.sealed:
        return login
    from server.auth.encryption import FILE, create_cipher  # what it needs takes a quarter of a second to import

    cipher = create_cipher(secret, folder)
    if cipher.decrypt(login.sealed) is not None:
        return login
    data = create_cipher("", folder).decrypt(login.sealed) if (folder / FILE).exists() else None
    return None if data is None else msgspec.structs.replace(login, sealed=cipher.encrypt(data))


def bring_back(table: CredentialTable, folder: Path, secret: str, now: float) -> int:
    """Put the logins of the database into the folder, those alone whose provider's tokens can be read. How many. Blocking.

    Raises `JournalError`, `PrivateFileError`.
    """
    logins = [login for row in table.all("login") if (login := login_of(row)).expires_at > now]
    kept = [moved for login in logins if (moved := resealed(login, folder, secret)) is not None]
    if kept:
        with closing(login_store.SqliteLoginStore(folder)) as store:
            for login in kept:
                store.put(login)
    return len(kept)


class SharedLogins:
    """See `Logins`."""

    def __init__(self, rows: CredentialRows, folder: Path, secret: str, threads: WorkExecutor) -> None:
        """`folder`: of logins from when this server was alone, which are taken along. `secret`: encrypts what logins keep. `threads`: in which
        the folder's are read."""
        self._rows = rows
        self._folder = folder
        self._secret = secret
        self._threads = threads.of(SERVER)
        self._seen = SeenCredentials(rows, "login", login_of)

    async def open(self, now: float) -> None:
        """Take the folder's logins along, once. Each is looked up when it is shown. Raises `PrivateFileError`, `JournalError`."""
        if not (self._folder / login_store.FILE).exists():
            return
        store = login_store.SqliteLoginStore(self._folder)
        try:
            logins = await self._threads.run(store.load)
            for at in range(0, len(logins), AT_ONCE):
                part = logins[at : at + AT_ONCE]
                rows = await self._threads.run(partial(self._rows_of, part, now))
                await self._rows.add_all(rows, Bounds(now, LOGINS_MAX, LOGINS_PER_USER_MAX))
                await self._threads.run(partial(store.drop, [login.login_id for login in part]))
                log.info("%d of %d logins of the data folder were taken along", at + len(part), len(logins))
        finally:
            await self._threads.run(store.close)

    def _rows_of(self, logins: list[Login], now: float) -> list[Credential]:
        """The rows of those that have not expired and can be read. Blocking. Raises `PrivateFileError`."""
        kept = (resealed(login, self._folder, self._secret) for login in logins if login.expires_at > now)
        return [row_of(login) for login in kept if login is not None]

    async def aclose(self) -> None:
        """Nothing: the journal closes its connections."""

    async def find(self, cookie: str, now: float, *, ask: bool = True) -> Login | None:
        """The login with this cookie, unless it has expired."""
        digest = hash_of(cookie)
        return unless_expired(await self._seen.find(digest) if ask else self._seen.find_here(digest), now)

    async def get(self, login_id: str, now: float) -> Login | None:
        """The login with this id, unless it has expired."""
        return unless_expired(await self._seen.get(login_id), now)

    async def of_user(self, user_id: str, now: float) -> list[Login]:
        """The user's logins that have not expired, newest first."""
        return [login for row in await self._rows.all("login", user_id) if (login := self._keep(row)).expires_at > now]

    async def add(self, login: Login) -> None:
        """Keep a new login."""
        try:
            await self._rows.add(row_of(login), Bounds(login.created_at, LOGINS_MAX, LOGINS_PER_USER_MAX))
        except JournalError as error:
            log.error("logins cannot be stored: %s", error)  # who logs in is not known yet: they are told no address
            raise Unavailable(
                "the server could not store the login: its database does not answer; try again later"
            ) from error

    async def drop(self, login_ids: Iterable[str]) -> None:
        """End these logins."""
        gone = [*login_ids]
        await self._rows.remove("login", gone)
        for login_id in gone:
            self._seen.forget(login_id)

    async def take_renewal(self, login: Login, wait_s: float) -> Renewal:
        """Be the one that renews the login's tokens, or wait for the one that does."""
        until = asyncio.get_running_loop().time() + wait_s
        while True:
            present = await self._seen.get(login.login_id)
            row = self._seen.row(login.login_id)
            if present is None or row is None or present.sealed != login.sealed:
                return Renewal(False, present)
            if await self._rows.take_renewal(row, RENEWING_S):
                return Renewal(True, present, row.version)
            if asyncio.get_running_loop().time() >= until:
                return Renewal(False, present)
            await asyncio.sleep(LOOK_S)
            await self._look(login.login_id)

    async def renew(self, login: Login, renewal: Renewal) -> Login | None:
        """Store a login with its new tokens; what it is then."""
        until = asyncio.get_running_loop().time() + STORE_S
        while True:
            try:
                await self._rows.replace(row_of(login, renewal.version))
                return await self._look(login.login_id)
            except JournalError as error:
                if asyncio.get_running_loop().time() >= until:
                    raise
                log.warning("login %s: its new tokens are stored again: %s", login.login_id, error)
                await asyncio.sleep(STORE_AGAIN_S)

    async def release_renewal(self, login: Login, renewal: Renewal) -> None:
        """There are no new tokens: another may try."""
        await self._rows.release_renewal(row_of(login, renewal.version))

    async def reread(self) -> bool:
        """Look again at all that were seen here; whether one has changed."""
        return await self._seen.reread()

    async def _look(self, login_id: str) -> Login | None:
        """Look again at one."""
        row = await self._rows.get("login", login_id)
        if row is None:
            self._seen.forget(login_id)
            return None
        return self._keep(row)

    def _keep(self, row: Credential) -> Login:
        return self._seen.keep(row)
