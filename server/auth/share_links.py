"""Share links: links to one session. A link's secret, and a guest's cookie, are computed from the server's key, not stored."""

import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from protocol.content import ShareLink
from server.auth.origin_keys import PREFIX as KEY_PREFIX
from server.auth.origin_keys import fits, key_hash
from server.auth.principal import Grant, Principal, guest
from server.util.private_files import PrivateFileError, load_or_create_key

FILE: Final = "shares.key"
KEY_BYTES: Final = 32
PREFIX: Final = "hfl_"
"""Of every link's secret, so that it can be recognised and redacted."""
COOKIE_PREFIX: Final = "hfg_"
"""Of a guest's cookie that needs an origin key. It is not the link's secret, which works without a cookie."""
NONCE_BYTES: Final = 16
PROOF_CHARS: Final = 43
"""Of an HMAC-SHA256 in base64url."""
CREDENTIAL: Final = "share:"
MAX_SECRET_CHARS: Final = 256

LinksOfSession = Callable[[str], Awaitable[Sequence[ShareLink]]]
"""The valid links of a session, by its id; none if there is no such session."""


class ShareLinks:
    """Makes the secrets of links, and authenticates their holders."""

    def __init__(self, key: bytes, links_of: LinksOfSession) -> None:
        self._key = key
        self._links_of = links_of

    def secret(self, session_id: str, share_id: str) -> str:
        """The secret of a link: its session and share id, and an HMAC-SHA256 of both."""
        return f"{PREFIX}{session_id}_{share_id}_{self._proof(session_id, share_id)}"

    async def authenticate(self, token: str, *, by_cookie: bool = False) -> Principal | None:
        """The guest with this secret, if it is valid and its link was not revoked."""
        parts = token.removeprefix(PREFIX).split("_", 2)
        if not token.startswith(PREFIX) or len(token) > MAX_SECRET_CHARS or len(parts) != 3:
            return None
        session_id, share_id, proof = parts
        if not hmac.compare_digest(proof.encode(), self._proof(session_id, share_id).encode()):
            return None
        return await self._guest(session_id, share_id, by_cookie=by_cookie)

    def browser_secrets(self, grant: Grant) -> tuple[str, str]:
        """A cookie for a guest, and the origin key without which it opens files alone."""
        name = f"{grant.session_id}_{grant.share_id}_{secrets.token_hex(NONCE_BYTES)}"
        return f"{COOKIE_PREFIX}{name}_{self._derive('cookie', name)}", self._key_of(name)

    async def authenticate_cookie(self, cookie: str, keys: Sequence[str], *, key_needed: bool) -> Principal | None:
        """The guest with this cookie: one of `browser_secrets`, or where no key is needed the link's secret."""
        if cookie.startswith(PREFIX):
            return None if key_needed else await self.authenticate(cookie, by_cookie=True)
        name, proof = cookie[len(COOKIE_PREFIX) : -PROOF_CHARS - 1], cookie[-PROOF_CHARS:]
        parts = name.split("_")
        if not cookie.startswith(COOKIE_PREFIX) or len(parts) != 3:
            return None
        if not hmac.compare_digest(proof.encode(), self._derive("cookie", name).encode()):
            return None
        guest = await self._guest(parts[0], parts[1], by_cookie=True)
        if guest is None or fits(keys, key_hash(self._key_of(name))):
            return guest
        return msgspec.structs.replace(guest, without_key=True)

    async def revalidate(self, principal: Principal) -> Principal | None:
        """The guest as the link is now; None if it was revoked."""
        grant = principal.grant
        if grant is None:
            return None
        return await self._guest(grant.session_id, grant.share_id, by_cookie=principal.by_cookie)

    async def _guest(self, session_id: str, share_id: str, *, by_cookie: bool) -> Principal | None:
        for link in await self._links_of(session_id):
            if link.share_id == share_id:
                return guest(Grant(session_id, share_id, link.access), by_cookie=by_cookie)
        return None

    def _key_of(self, name: str) -> str:
        return KEY_PREFIX + self._derive("origin key", name)

    def _derive(self, purpose: str, name: str) -> str:
        """A secret for a purpose of its own: it is worth nothing as a link's secret."""
        key = hmac.digest(self._key, purpose.encode(), sha256)
        return urlsafe_b64encode(hmac.digest(key, name.encode(), sha256)).decode().rstrip("=")

    def _proof(self, session_id: str, share_id: str) -> str:
        made = hmac.digest(self._key, f"{session_id}.{share_id}".encode(), sha256)
        return urlsafe_b64encode(made).decode().rstrip("=")


def load_key(folder: Path) -> bytes:
    """The key in the data folder, created if there is none. Deleting it revokes all links. Raises `PrivateFileError`."""
    path = folder / FILE
    key = load_or_create_key(path, lambda: secrets.token_bytes(KEY_BYTES), KEY_BYTES)
    if len(key) != KEY_BYTES:
        raise PrivateFileError(f"{path}: holds no key of {KEY_BYTES} bytes; delete it, which revokes all links")
    return key
