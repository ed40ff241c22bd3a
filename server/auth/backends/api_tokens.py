"""Mode `tokens`: API tokens, which `holdfast token` creates, kept as hashes in a file."""

import hmac
import logging
import re
import secrets
from hashlib import sha256
from pathlib import Path

import msgspec

from server.auth.backends.base import BaseAuthBackend
from server.auth.principal import Principal, Right
from server.config.settings import Settings
from server.util.private_files import FileVersion, PrivateFileError, file_version, read_private, write_private

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


class ApiTokenBackend(BaseAuthBackend):
    """API tokens. The file is read again when it changes, so a revoked token is refused at once."""

    def __init__(self, path: Path, *, needed: bool = True) -> None:
        self._path = path
        self._needed = needed
        self._version: FileVersion | None = None
        self._by_hash: dict[str, ApiToken] = {}
        self._by_id: dict[str, ApiToken] = {}

    async def open(self) -> None:
        """Read the file. Raises `PrivateFileError`."""
        self._read()
        if self._needed and not self._by_id:
            log.warning(
                "no token is in %s yet, so every request is refused; create one with `holdfast token add USER`",
                self._path,
            )

    def authenticate_local(self, token: str, now: float) -> Principal | None:
        """The user of this token, if it is known."""
        self._reload_if_changed()
        hashed = hash_of(token)
        found = self._by_hash.get(hashed)
        # The time of the lookup depends on the hash alone, from which no token follows.
        return _principal(found) if found is not None and hmac.compare_digest(found.hash, hashed) else None

    async def revalidate(self, credential: str, now: float) -> Principal | None:
        """The user of this token, unless it expired or was revoked."""
        self._reload_if_changed()
        kind, _, token_id = credential.partition(":")
        found = self._by_id.get(token_id) if kind == "token" else None
        if found is None or (found.expires_at is not None and found.expires_at <= now):
            return None
        return _principal(found)

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


def _principal(token: ApiToken) -> Principal:
    return Principal(
        user_id=token.user,
        rights=frozenset(token.rights),
        credential=f"token:{token.id}",
        name=token.user,
        expires_at=token.expires_at,
    )
