"""The body's door: what logins keep is encrypted, on disk and in a browser's cookie."""

import base64
from hashlib import sha256
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from server.util.private_files import FileFault, read_private, write_private

FILE = "secret.key"
MAX_FILE_BYTES = 1_024


class Seal:
    """Encrypts and authenticates (Fernet: AES-128-CBC with HMAC-SHA256), and knows when something was sealed."""

    def __init__(self, key: bytes) -> None:
        self._fernet = Fernet(key)

    def close(self, data: bytes) -> bytes:
        """The data, encrypted; URL-safe Base64."""
        return self._fernet.encrypt(data)

    def open(self, sealed: bytes, lasts_s: int | None = None) -> bytes | None:
        """The data; None if it was sealed by another key, changed on the way, or is older than `lasts_s`."""
        try:
            return self._fernet.decrypt(sealed, ttl=lasts_s)
        except InvalidToken:
            return None


def make_seal(secret: str, folder: Path) -> Seal:
    """By the secret of the settings, or without one by a key that is made in the data folder. Raises `FileFault`."""
    if secret:
        return Seal(base64.urlsafe_b64encode(sha256(b"holdfast logins\0" + secret.encode()).digest()))
    path = folder / FILE
    if not path.exists():
        write_private(path, Fernet.generate_key() + b"\n")
    key = read_private(path, MAX_FILE_BYTES).strip()
    try:
        return Seal(key)
    except ValueError as error:
        raise FileFault(f"{path}: holds no key; delete it, and everyone logs in anew") from error
