"""The way in `local`: the token of the one user of this machine, made at first start and kept in the data folder."""

import hmac
import logging
import secrets
from hashlib import sha256
from pathlib import Path

from server.auth.backends.base import BaseAuthBackend
from server.auth.principal import LOCAL, LOCAL_RIGHTS, LOCAL_USER, Principal
from server.util.private_files import FileVersion, PrivateFileError, read_private, stamp, write_private

log = logging.getLogger("holdfast.auth")

FILE = "token"
TOKEN_BYTES = 32
MAX_FILE_BYTES = 1_024
LEAST_CHARS = 32
"""A token that somebody wrote into the file must not be one that can be guessed."""


class _OneUser(BaseAuthBackend):
    """The user of this machine. `hf_token`: theirs, if they wrote it into the settings."""

    def __init__(self, hf_token: str) -> None:
        self._hf_token = hf_token

    async def hub_token(self, user_id: str, now: float) -> str | None:
        """Of the one user; nobody else owns sessions here."""
        return self._hf_token or None if user_id == LOCAL_USER else None


class LocalBackend(_OneUser):
    """The way in of local mode. `made`: this start made the token, so it is to be shown."""

    def __init__(self, folder: Path, hf_token: str = "") -> None:
        super().__init__(hf_token)
        self.path = folder / FILE
        self.made = False
        self._token = ""
        self._credential = ""
        self._stamp: FileVersion | None = None

    async def open(self) -> None:
        """Find the token, or make it. Raises `PrivateFileError`."""
        if not self.path.exists():
            write_private(self.path, f"{secrets.token_urlsafe(TOKEN_BYTES)}\n".encode())
            self.made = True
        self._read()

    @property
    def token(self) -> str:
        """The token itself, to be shown to who started the server, and to nobody else."""
        return self._token

    def authenticate_local(self, token: str, now: float) -> Principal | None:
        """The local user, if this is the token."""
        self._look_again()
        if not self._token or not hmac.compare_digest(token.encode(), self._token.encode()):
            return None
        return self._user()

    async def revalidate(self, credential: str, now: float) -> Principal | None:
        """The local user, as long as the token is the one that let them in: a changed file changes it."""
        self._look_again()
        return self._user() if self._token and credential == self._credential else None

    def _user(self) -> Principal:
        return Principal(user_id=LOCAL_USER, rights=LOCAL_RIGHTS, credential=self._credential)

    def _look_again(self) -> None:
        if stamp(self.path) == self._stamp:
            return
        try:
            self._read()
        except PrivateFileError as fault:
            self._token = self._credential = ""
            self._stamp = stamp(self.path)
            log.error("nobody gets in any more: %s", fault)

    def _read(self) -> None:
        self._stamp = stamp(self.path)
        data = read_private(self.path, MAX_FILE_BYTES)
        token = data.decode("ascii", "replace").strip()
        if len(token) < LEAST_CHARS or not token.isascii() or not token.isprintable() or " " in token:
            raise PrivateFileError(
                f"{self.path}: holds no token (one word of {LEAST_CHARS} or more ASCII characters); delete it, and the "
                "next start makes a new one"
            )
        self._token = token
        self._credential = f"local:{sha256(token.encode()).hexdigest()[:12]}"


class NoTokenBackend(_OneUser):
    """Local mode without a token: everybody who reaches the server is the local user."""

    def __init__(self, hf_token: str = "") -> None:
        super().__init__(hf_token)

    async def open(self) -> None:
        """Say it."""
        log.warning(
            "no token is asked for (auth.local_token): every program and user of this machine may use the server"
        )

    def authenticate_local(self, token: str, now: float) -> Principal | None:
        """Anybody."""
        return LOCAL

    async def revalidate(self, credential: str, now: float) -> Principal | None:
        """It does not end."""
        return LOCAL
