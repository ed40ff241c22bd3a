"""Origin keys: secrets that a browser must send beside its cookies. They stay in the storage of the server's origin.

Browsers send the cookies of `localhost` to every port of it (RFC 6265, 8.5), so any program that listens on one gets them.
Storage of the origin is kept apart by port. A key comes in the JSON of the answer that sets its cookie; the page sends it in
the header `Holdfast-Key`, and for a websocket as a subprotocol.
"""

import hmac
import secrets
from collections.abc import Collection, Iterable
from hashlib import sha256
from typing import Final

from starlette.types import Scope

from protocol import SUBPROTOCOL_KEY
from server.auth.credentials import host_of
from server.config.settings import Settings

HEADER: Final = b"holdfast-key"
PREFIX: Final = "hfk_"
"""Of every key, so that it can be recognised and redacted."""
KEY_BYTES: Final = 32
KEYS_MAX: Final = 4
"""Keys of one request that are looked at. A browser has two: of its login, and of a link."""


def new_key() -> str:
    """A new key of 256 random bits."""
    return PREFIX + secrets.token_urlsafe(KEY_BYTES)


def key_hash(key: str) -> bytes:
    """SHA-256 of the key, which is what is kept of it."""
    return sha256(key.encode()).digest()


def is_needed(scope: Scope, settings: Settings) -> bool:
    """Whether the cookies of this request are sent to other ports that nobody vouches for: those of this machine."""
    host = host_of(scope)
    return settings.auth.mode == "local" or host is None or host.loopback


def read_keys(headers: Iterable[tuple[bytes, bytes]]) -> list[str]:
    """The keys in the headers of a request."""
    found: list[str] = []
    for name, value in headers:
        if name == HEADER:
            found += _split(value)
        elif name == b"sec-websocket-protocol":
            found += [
                offered.removeprefix(SUBPROTOCOL_KEY)
                for offered in _split(value)
                if offered.startswith(SUBPROTOCOL_KEY)
            ]
    return [key for key in found if key.startswith(PREFIX)][:KEYS_MAX]


def fits(keys: Collection[str], wanted: bytes) -> bool:
    """Whether one of the keys has this hash."""
    return any(hmac.compare_digest(key_hash(key), wanted) for key in keys)


def _split(value: bytes) -> list[str]:
    return [part.strip() for part in value.decode("latin-1").split(",")]
