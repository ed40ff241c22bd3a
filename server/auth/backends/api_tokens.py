"""Mode `tokens`: API tokens, which `holdfast token` creates, kept as hashes in a file or in the journal's database."""

import hmac
import logging
import re
import secrets
from hashlib import sha256
from pathlib import Path
from typing import Protocol

import msgspec

from server.auth.backends.base import BaseAuthBackend
from server.auth.principal import Principal, Right
from server.config.settings import Settings
from server.util.private_files import FileVersion, PrivateFileError, file_version, locked, read_private, write_private
from server.util.refusal import HTTPRefusal

log = logging.getLogger("holdfast.auth")

FILE = "tokens.json"
PREFIX = "hft_"
SECRET_BYTES = 32
ID_BYTES = 6
MAX_FILE_BYTES = 4_194_304
USER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}")
"""The form of a user's name."""


class ApiToken(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One token, without its secret. Times in seconds since 1970.

    `hash` is the SHA-256 of the token in hex. A slow hash would protect no better, because 256 random bits cannot be
    guessed, and every request would pay for it.
    """

    id: str
    user: str
    rights: list[Right]
    hash: str
    created_at: float
    expires_at: float | None = None
    note: str = ""


class ApiTokenFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of the file."""

    tokens: list[ApiToken] = []


def tokens_path(settings: Settings) -> Path:
    """The path of the file."""
    chosen = settings.auth.tokens_file
    return Path(chosen).expanduser() if chosen else settings.journal.folder / FILE


def are_rows(settings: Settings) -> bool:
    """Whether the tokens are in the journal's database: it has one, and no file is named."""
    return bool(settings.journal.url) and not settings.auth.tokens_file


def read_tokens(path: Path) -> list[ApiToken]:
    """The tokens in the file; none if there is no file. Raises `PrivateFileError`."""
    if not path.exists():
        return []
    try:
        return msgspec.json.decode(read_private(path, MAX_FILE_BYTES), type=ApiTokenFile).tokens
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise PrivateFileError(f"{path}: is not a file of tokens: {error}") from error


def write_tokens(path: Path, tokens: list[ApiToken]) -> None:
    """Replace the tokens in the file. Raises `PrivateFileError`."""
    data = msgspec.json.format(msgspec.json.encode(ApiTokenFile(tokens)), indent=1) + b"\n"
    if len(data) > MAX_FILE_BYTES:
        raise PrivateFileError(f"{path}: has no room for more tokens; revoke some")
    write_private(path, data)


def new_token(
    user: str, rights: list[Right], now: float, expires_at: float | None = None, note: str = ""
) -> tuple[ApiToken, str]:
    """A new token, and its secret, which is not kept. Raises ValueError for a name that no user may have."""
    if not USER.fullmatch(user):
        raise ValueError(f"{user!r} is no user: letters, digits and . _ @ + -, at most 128, a letter or digit first")
    secret = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    kept = ApiToken(
        id=secrets.token_hex(ID_BYTES),
        user=user,
        rights=sorted(set(rights)),
        hash=hash_of(secret),
        created_at=now,
        expires_at=expires_at,
        note=note,
    )
    return kept, secret


def hash_of(token: str) -> str:
    """The SHA-256 of a token, in hex."""
    return sha256(token.encode()).hexdigest()


class TokenSource(Protocol):
    """Where a server has its tokens from."""

    where: str

    async def open(self) -> bool:
        """Read what is needed; whether there is any token. Raises `PrivateFileError`, `JournalError`."""

    def find_here(self, secret_hash: str) -> ApiToken | None:
        """The token with this hash, as far as the server itself knows."""

    async def find(self, secret_hash: str) -> ApiToken | None:
        """The token with this hash, where another service must be asked; None if it has none. Raises `JournalError`."""

    async def get(self, token_id: str) -> ApiToken | None:
        """The token with this id. Raises `JournalError`."""

    async def reread(self) -> bool:
        """Look again at the tokens that another service has; whether one has changed. Raises `JournalError`."""


class TokenList(Protocol):
    """The tokens, for `holdfast token`. All raise `PrivateFileError`, `JournalError`."""

    where: str

    def all(self) -> list[ApiToken]:
        """The tokens, the oldest first."""

    def add(self, token: ApiToken) -> None:
        """Keep a new token."""

    def revoke(self, token_id: str) -> bool:
        """Remove a token; False if there is none with this id."""


class TokenFile:
    """A file of tokens, as a `TokenSource` and as a `TokenList`. It is read again when it changes."""

    def __init__(self, path: Path) -> None:
        self.where = str(path)
        self._path = path
        self._version: FileVersion | None = None
        self._by_hash: dict[str, ApiToken] = {}
        self._by_id: dict[str, ApiToken] = {}

    async def open(self) -> bool:
        """Read the file. Raises `PrivateFileError`."""
        self._read()
        return bool(self._by_id)

    def find_here(self, secret_hash: str) -> ApiToken | None:
        """The token with this hash."""
        self._reload_if_changed()
        return self._by_hash.get(secret_hash)

    async def find(self, secret_hash: str) -> ApiToken | None:
        """None: all that the file has is known here."""
        return None

    async def get(self, token_id: str) -> ApiToken | None:
        """The token with this id."""
        self._reload_if_changed()
        return self._by_id.get(token_id)

    async def reread(self) -> bool:
        """Nothing: the file is looked at whenever a token is."""
        return False

    def all(self) -> list[ApiToken]:
        """The tokens, the oldest first."""
        return read_tokens(self._path)

    def add(self, token: ApiToken) -> None:
        """Keep a new token."""
        with locked(self._path):
            write_tokens(self._path, [*read_tokens(self._path), token])

    def revoke(self, token_id: str) -> bool:
        """Remove a token; False if there is none with this id."""
        with locked(self._path):
            tokens = read_tokens(self._path)
            left = [kept for kept in tokens if kept.id != token_id]
            if len(left) < len(tokens):
                write_tokens(self._path, left)
        return len(left) < len(tokens)

    def _reload_if_changed(self) -> None:
        """Read the file if it changed. One that is not valid changes nothing: the tokens before stay valid."""
        if file_version(self._path) == self._version:
            return
        try:
            self._read()
        except PrivateFileError as fault:
            self._version = file_version(self._path)
            log.error("the tokens stay as they were, because their file is not valid: %s", fault)

    def _read(self) -> None:
        self._version = file_version(self._path)
        tokens = read_tokens(self._path)
        self._by_hash = {token.hash: token for token in tokens}
        self._by_id = {token.id: token for token in tokens}


class ApiTokenBackend(BaseAuthBackend):
    """API tokens. A revoked one is refused at once, or where they are in a database within seconds."""

    def __init__(self, source: TokenSource, *, needed: bool = True) -> None:
        self._source = source
        self._needed = needed

    async def open(self) -> None:
        """Open the tokens. Raises `PrivateFileError`, `JournalError`."""
        if not await self._source.open() and self._needed:
            log.warning(
                "no token is in %s yet, so every request is refused; create one with `holdfast token add USER`",
                self._source.where,
            )

    def authenticate_local(self, token: str, now: float) -> Principal | None:
        """The user of this token, if it is known."""
        return _holder(token, self._source.find_here(hash_of(token)), now)

    async def authenticate_remote(self, token: str, now: float) -> Principal | HTTPRefusal | None:
        """The user of this token, where another service must be asked. No text of another form is asked about."""
        return _holder(token, await self._source.find(hash_of(token)), now) if token.startswith(PREFIX) else None

    async def revalidate(self, credential: str, now: float) -> Principal | None:
        """The user of this token, unless it expired or was revoked."""
        kind, _, token_id = credential.partition(":")
        found = await self._source.get(token_id) if kind == "token" else None
        return None if found is None or _has_expired(found, now) else _principal(found)

    async def reread(self) -> bool:
        """Look again at the tokens in a database; whether one has changed. Raises `JournalError`."""
        return await self._source.reread()


def _holder(token: str, found: ApiToken | None, now: float) -> Principal | None:
    """The user of a token that was found by its hash. The time of that depends on the hash alone, from which no token follows."""
    if found is None or not hmac.compare_digest(found.hash, hash_of(token)) or _has_expired(found, now):
        return None
    return _principal(found)


def _has_expired(token: ApiToken, now: float) -> bool:
    return token.expires_at is not None and token.expires_at <= now


def _principal(token: ApiToken) -> Principal:
    return Principal(
        user_id=token.user,
        rights=frozenset(token.rights),
        credential=f"token:{token.id}",
        name=token.user,
        expires_at=token.expires_at,
    )
