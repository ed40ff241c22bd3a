"""The body's door for guests: links to one session. A link's secret follows from the server's key and is stored nowhere."""

import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

from protocol.content import ShareLink
from server.auth.principal import Grant, Principal, guest
from server.util.private_files import PrivateFileError, load_or_create_key

FILE: Final = "shares.key"
KEY_BYTES: Final = 32
PREFIX: Final = "hfl_"
"""Of a link's secret, so that it is known where it turns up."""
CREDENTIAL: Final = "share:"
MAX_SECRET_CHARS: Final = 256

LinksOfSession = Callable[[str], Awaitable[Sequence[ShareLink]]]
"""The links of a session that are good now; none if there is no such session."""


class ShareLinks:
    """Makes the secrets of links, and says whom they let in."""

    def __init__(self, key: bytes, links_of: LinksOfSession) -> None:
        self._key = key
        self._links_of = links_of

    def secret(self, session_id: str, share_id: str) -> str:
        """What a link's holder presents. It says which link it is; the rest proves it (HMAC-SHA256)."""
        return f"{PREFIX}{session_id}_{share_id}_{self._proof(session_id, share_id)}"

    async def authenticate(self, token: str, *, by_cookie: bool = False) -> Principal | None:
        """Who presents this secret, if it is one, and its link was not taken back."""
        parts = token.removeprefix(PREFIX).split("_", 2)
        if not token.startswith(PREFIX) or len(token) > MAX_SECRET_CHARS or len(parts) != 3:
            return None
        session_id, share_id, proof = parts
        if not hmac.compare_digest(proof.encode(), self._proof(session_id, share_id).encode()):
            return None
        return await self._good(session_id, share_id, by_cookie=by_cookie)

    async def revalidate(self, principal: Principal) -> Principal | None:
        """The same guest, if the link is still good."""
        grant = principal.grant
        if grant is None:
            return None
        return await self._good(grant.session_id, grant.share_id, by_cookie=principal.by_cookie)

    async def _good(self, session_id: str, share_id: str, *, by_cookie: bool) -> Principal | None:
        for link in await self._links_of(session_id):
            if link.share_id == share_id:
                return guest(Grant(session_id, share_id, link.access), by_cookie=by_cookie)
        return None

    def _proof(self, session_id: str, share_id: str) -> str:
        made = hmac.digest(self._key, f"{session_id}.{share_id}".encode(), sha256)
        return urlsafe_b64encode(made).decode().rstrip("=")


def load_key(folder: Path) -> bytes:
    """The key in the data folder, made if there is none. Whoever deletes the file takes all links back. Raises `PrivateFileError`."""
    path = folder / FILE
    key = load_or_create_key(path, lambda: secrets.token_bytes(KEY_BYTES), KEY_BYTES)
    if len(key) != KEY_BYTES:
        raise PrivateFileError(f"{path}: holds no key of {KEY_BYTES} bytes; delete it, which takes all links back")
    return key
