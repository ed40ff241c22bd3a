"""Token rows: API tokens in the journal's database, where all servers on it have them, and `holdfast token` puts them."""

import logging
from pathlib import Path

import msgspec

from server.auth.backends.api_tokens import ApiToken, read_tokens
from server.auth.principal import RIGHTS
from server.auth.seen import SeenCredentials
from server.journal.credentials import Credential, CredentialRows, CredentialTable
from server.util.private_files import PrivateFileError

log = logging.getLogger("holdfast.auth")

MOVED = ".moved"


class StoredToken(msgspec.Struct, frozen=True):
    """What a row keeps of an `ApiToken` beside its other columns. A later version may keep more."""

    rights: list[str]
    note: str = ""


def row_of(token: ApiToken) -> Credential:
    """The row of a token."""
    return Credential(
        kind="token",
        id=token.id,
        hash=bytes.fromhex(token.hash),
        user_id=token.user,
        created_at=token.created_at,
        expires_at=token.expires_at,
        data=msgspec.json.encode(StoredToken([*token.rights], token.note)),
    )


def token_of(row: Credential) -> ApiToken:
    """The token of a row. A right that this version does not know is left out."""
    stored = msgspec.json.decode(row.data, type=StoredToken)
    return ApiToken(
        id=row.id,
        user=row.user_id,
        rights=[right for right in RIGHTS if right in stored.rights],
        hash=row.hash.hex(),
        created_at=row.created_at,
        expires_at=row.expires_at,
        note=stored.note,
    )


class TokenRows:
    """See `TokenSource`."""

    def __init__(self, rows: CredentialRows, file: Path) -> None:
        """`file`: where tokens were kept before they were rows."""
        self.where = "the database"
        self._rows = rows
        self._file = file
        self._seen = SeenCredentials(rows, "token", token_of)

    async def open(self) -> bool:
        """Take over what is in the file; whether there is any token. Raises `PrivateFileError`, `JournalError`."""
        for token in read_tokens(self._file):
            await self._rows.add(row_of(token))
        set_aside(self._file)
        return bool(await self._rows.all("token"))

    def find_here(self, secret_hash: str) -> ApiToken | None:
        """The token with this hash, if it was shown here already."""
        return self._seen.find_here(bytes.fromhex(secret_hash))

    async def find(self, secret_hash: str) -> ApiToken | None:
        """The token with this hash. Raises `JournalError`."""
        return await self._seen.find(bytes.fromhex(secret_hash))

    async def get(self, token_id: str) -> ApiToken | None:
        """The token with this id. Raises `JournalError`."""
        return await self._seen.get(token_id)

    async def reread(self) -> bool:
        """Ask the database for all that were seen; whether one has changed. Raises `JournalError`."""
        return await self._seen.reread()


class TokenTable:
    """The tokens in the database, for `holdfast token`: see `TokenList`."""

    def __init__(self, table: CredentialTable, file: Path) -> None:
        """`file`: as for `TokenRows`; what is in it is taken over. Raises `PrivateFileError`, `JournalError`."""
        self.where = table.where
        self._table = table
        for token in read_tokens(file):
            table.add(row_of(token))
        set_aside(file)

    def all(self) -> list[ApiToken]:
        """The tokens, the oldest first."""
        return [token_of(row) for row in reversed(self._table.all("token"))]

    def add(self, token: ApiToken) -> None:
        """Keep a new token."""
        self._table.add(row_of(token))

    def revoke(self, token_id: str) -> bool:
        """Remove a token; False if there is none with this id."""
        return self._table.remove("token", token_id)


def set_aside(file: Path) -> None:
    """Rename the file whose tokens are rows now. Raises `PrivateFileError`."""
    moved = file.with_name(file.name + MOVED)
    try:
        file.replace(moved)
    except FileNotFoundError:
        return
    except OSError as error:
        raise PrivateFileError(f"{file}: cannot be renamed: {error.strerror}") from error
    log.info("the tokens of %s are in the database now; the file is %s", file, moved)
