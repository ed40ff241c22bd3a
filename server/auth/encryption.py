"""Encryption: of what logins keep, on disk and in a browser's cookie."""

import base64
from hashlib import sha256
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from server.util.private_files import PrivateFileError, load_or_create_key

FILE = "secret.key"
MAX_FILE_BYTES = 1_024


class CredentialCipher:
    """Encrypts and authenticates (Fernet: AES-128-CBC with HMAC-SHA256), and knows when data was encrypted."""

    def __init__(self, key: bytes) -> None:
        self._fernet = Fernet(key)

    def encrypt(self, data: bytes) -> bytes:
        """The data, encrypted; URL-safe Base64."""
        return self._fernet.encrypt(data)

    def decrypt(self, sealed: bytes, lasts_s: int | None = None) -> bytes | None:
        """The data; None if the key was another one, the data was changed, or it is older than `lasts_s` seconds."""
        try:
            return self._fernet.decrypt(sealed, ttl=lasts_s)
        except InvalidToken:
            return None


def create_cipher(secret: str, folder: Path) -> CredentialCipher:
    """A cipher with the secret of the settings; without one, with a key file in the data folder. Raises `PrivateFileError`."""
    if secret:
        return CredentialCipher(base64.urlsafe_b64encode(sha256(b"holdfast logins\0" + secret.encode()).digest()))
    path = folder / FILE
    key = load_or_create_key(path, lambda: Fernet.generate_key() + b"\n", MAX_FILE_BYTES).strip()
    try:
        return CredentialCipher(key)
    except ValueError as error:
        raise PrivateFileError(f"{path}: holds no valid key; delete it, then everyone has to log in again") from error
