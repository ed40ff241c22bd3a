"""The body's key from which the secrets of sandbox Spaces come: a file in the data folder, so that none is kept by itself."""

import hmac
import secrets
import threading
from hashlib import sha256
from pathlib import Path

from server.util.private_files import read_private, write_private

FILE = "sandbox.key"
KEY_BYTES = 32
MAX_FILE_BYTES = 1_024


class KeyFile:
    """The key, made when it is first needed."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._key = b""
        self._lock = threading.Lock()

    def open(self) -> bytes:
        """The key. Blocks at first. Raises `FileFault`."""
        with self._lock:
            if not self._key:
                if not self._path.exists():
                    write_private(self._path, secrets.token_hex(KEY_BYTES).encode() + b"\n")
                self._key = read_private(self._path, MAX_FILE_BYTES).strip()
            return self._key

    def secret_for(self, claim_id: str) -> str:
        """The secret of the Space that this claim names, 64 hex digits; always the same."""
        return hmac.new(self.open(), b"holdfast sandbox\0" + claim_id.encode(), sha256).hexdigest()
