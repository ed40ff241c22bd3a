"""The way in `tokens`: API tokens that `holdfast token` makes, kept as hashes in a file."""

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
from server.util.private_files import FileVersion, PrivateFileError, read_private, stamp, write_private

log = logging.getLogger("holdfast.auth")

FILE = "tokens.json"
PREFIX = "hft_"
SECRET_BYTES = 32
ID_BYTES = 6
MAX_FILE_BYTES = 4_194_304
USER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}")
"""What a user may be called."""


class ApiToken(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One token, without its secret. Times in seconds since 1970.

    `hash` is the SHA-256 of the token in hex. A slow hash protects what people choose; of 256 random bits there is
    nothing to guess, and every request pays for the hash.
    """

    id: str
    user: str
    rights: list[Right]
    hash: str
    created_at: float
    expires_at: float | None = None
    note: str = ""


class ApiTokenFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the file holds."""

    tokens: list[ApiToken] = []


def tokens_path(settings: Settings) -> Path:
    """Where the tokens are."""
    chosen = settings.auth.tokens_file
    return Path(chosen).expanduser() if chosen else settings.journal.folder / FILE


def read_tokens(path: Path) -> list[ApiToken]:
    """The tokens in the file; none if it is not there. Raises `PrivateFileError`."""
    if not path.exists():
        return []
    try:
        return msgspec.json.decode(read_private(path, MAX_FILE_BYTES), type=ApiTokenFile).tokens
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise PrivateFileError(f"{path}: is no file of tokens: {error}") from error


def write_tokens(path: Path, tokens: list[ApiToken]) -> None:
    """Put these in the place of what the file holds. Raises `PrivateFileError`."""
    data = msgspec.json.format(msgspec.json.encode(ApiTokenFile(tokens)), indent=1) + b"\n"
    if len(data) > MAX_FILE_BYTES:
        raise PrivateFileError(f"{path}: has no room for more tokens; revoke some")
    write_private(path, data)


def new_token(
    user: str, rights: list[Right], now: float, expires_at: float | None = None, note: str = ""
) -> tuple[ApiToken, str]:
    """A token, and its secret, which is not kept. Raises ValueError for a user who cannot be called so."""
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
    """How a token is kept."""
    return sha256(token.encode()).hexdigest()


class ApiTokenBackend(BaseAuthBackend):
    """The way in of the mode `tokens`. The file is read again when it changed: a revoked token is known at once."""

    def __init__(self, path: Path, *, needed: bool = True) -> None:
        self._path = path
        self._needed = needed
        self._stamp: FileVersion | None = None
        self._by_hash: dict[str, ApiToken] = {}
        self._by_id: dict[str, ApiToken] = {}

    async def open(self) -> None:
        """Read the file. Raises `PrivateFileError`."""
        self._read()
        if self._needed and not self._by_id:
            log.warning("no token is in %s yet, so nobody gets in; make one with `holdfast token add USER`", self._path)

    def authenticate_local(self, token: str, now: float) -> Principal | None:
        """Whose token this is."""
        self._look_again()
        hashed = hash_of(token)
        found = self._by_hash.get(hashed)
        # The lookup's time tells of a hash, from which no token follows; the comparison tells nothing at all.
        return _principal(found) if found is not None and hmac.compare_digest(found.hash, hashed) else None

    async def revalidate(self, credential: str, now: float) -> Principal | None:
        """Whose token it was, if it was not revoked."""
        self._look_again()
        kind, _, token_id = credential.partition(":")
        found = self._by_id.get(token_id) if kind == "token" else None
        if found is None or (found.expires_at is not None and found.expires_at <= now):
            return None
        return _principal(found)

    def _look_again(self) -> None:
        """A file that cannot be understood changes nothing: it was torn by hand, and those inside are still good."""
        if stamp(self._path) == self._stamp:
            return
        try:
            self._read()
        except PrivateFileError as fault:
            self._stamp = stamp(self._path)
            log.error("the tokens stay as they were: %s", fault)

    def _read(self) -> None:
        self._stamp = stamp(self._path)
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
