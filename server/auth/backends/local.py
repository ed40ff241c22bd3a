"""Mode `local`: one user, whose token is created at the first start and kept in the data folder."""

import hmac
import logging
import secrets
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from server.auth.backends.base import BaseAuthBackend
from server.auth.login_codes import USED_MAX, LoginCodes, new_code, used_code
from server.auth.principal import LOCAL, LOCAL_RIGHTS, LOCAL_USER, Principal
from server.journal.credentials import Bounds, CredentialRows
from server.util.private_files import FileVersion, PrivateFileError, file_version, read_private, write_private

log = logging.getLogger("holdfast.auth")

FILE = "token"
TOKEN_BYTES = 32
MAX_FILE_BYTES = 1_024
CHARS_MIN = 32
"""A token that somebody wrote into the file by hand must not be easy to guess."""


def read_token(path: Path) -> str:
    """The token in the file. Raises `PrivateFileError`."""
    data = read_private(path, MAX_FILE_BYTES)
    token = data.decode("ascii", "replace").strip()
    if len(token) < CHARS_MIN or not token.isascii() or not token.isprintable() or " " in token:
        raise PrivateFileError(
            f"{path}: holds no token (one word of {CHARS_MIN} or more ASCII characters); delete it, and the "
            "next start creates a new one"
        )
    return token


class _OneUser(BaseAuthBackend):
    """The one user of local mode. `hf_token`: their Hugging Face token, from the settings; empty: none."""

    def __init__(self, hf_token: str) -> None:
        self._hf_token = hf_token

    async def hub_token(self, user_id: str, now: float) -> str | None:
        """The token of the settings, for the one user."""
        return self._hf_token or None if user_id == LOCAL_USER else None


class LocalBackend(_OneUser):
    """Local mode with a token. `made`: this start created the token, so the server prints a link to log in."""

    def __init__(
        self,
        folder: Path,
        hf_token: str = "",
        rows: CredentialRows | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`rows`: where several servers keep the codes that were used."""
        super().__init__(hf_token)
        self._rows = rows
        self.path = folder / FILE
        self.made = False
        self._clock = clock
        self._codes = LoginCodes(clock())
        self._token = ""
        self._credential = ""
        self._version: FileVersion | None = None

    async def open(self) -> None:
        """Read the token, or create it. Raises `PrivateFileError`."""
        if not self.path.exists():
            write_private(self.path, f"{secrets.token_urlsafe(TOKEN_BYTES)}\n".encode())
            self.made = True
        self._read()

    @property
    def token(self) -> str:
        """The token. It is printed nowhere: what is printed may be kept in the system's log."""
        return self._token

    def new_code(self) -> str:
        """A code that logs a browser in, once."""
        return new_code(self._token, self._clock())

    def authenticate_local(self, token: str, now: float) -> Principal | None:
        """The local user, if the token is right."""
        self._reload_if_changed()
        if not self._token or not hmac.compare_digest(token.encode(), self._token.encode()):
            return None
        return self._user()

    async def use_code(self, code: str, now: float) -> Principal | None:
        """The local user, if the code was made of the token and is not used, here or at another server, or too old."""
        self._reload_if_changed()
        if not self._token or not self._codes.use(code, self._token, now):
            return None
        if self._rows is not None and not await self._rows.add(used_code(code, now), Bounds(now, USED_MAX, USED_MAX)):
            return None
        return self._user()

    async def revalidate(self, credential: str, now: float) -> Principal | None:
        """The local user, unless the token in the file has changed."""
        self._reload_if_changed()
        return self._user() if self._token and credential == self._credential else None

    def _user(self) -> Principal:
        return Principal(user_id=LOCAL_USER, rights=LOCAL_RIGHTS, credential=self._credential)

    def _reload_if_changed(self) -> None:
        if file_version(self.path) == self._version:
            return
        try:
            self._read()
        except PrivateFileError as fault:
            self._token = self._credential = ""
            self._version = file_version(self.path)
            log.error("every request is refused: the token cannot be read: %s", fault)

    def _read(self) -> None:
        self._version = file_version(self.path)
        token = self._token = read_token(self.path)
        self._credential = f"local:{sha256(token.encode()).hexdigest()[:12]}"


class NoTokenBackend(_OneUser):
    """Local mode without a token: everyone who reaches the server is the local user."""

    def __init__(self, hf_token: str = "") -> None:
        super().__init__(hf_token)

    async def open(self) -> None:
        """Warn in the log."""
        log.warning(
            "no token is asked for (auth.local_token): every program and user of this machine may use the server"
        )

    def authenticate_local(self, token: str, now: float) -> Principal | None:
        """The local user, whatever the token."""
        return LOCAL

    async def revalidate(self, credential: str, now: float) -> Principal | None:
        """The local user: without a token nothing expires."""
        return LOCAL
