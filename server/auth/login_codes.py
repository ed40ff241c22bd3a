"""Login codes: what the printed link of local mode holds instead of the token. Each works once, and for ten minutes.

A code is made of the token, so that `holdfast login-link` makes one without asking the server. The server keeps the codes
that were used until they are too old. It forgets them when it stops, so it takes none that is older than its start.
"""

import hmac
import re
import secrets
from hashlib import sha256
from typing import Final

from server.journal.credentials import Credential

PREFIX: Final = "hfc_"
"""Of every code, so that it can be recognised and redacted."""
LASTS_S: Final = 600
"""How long a code works: time to read the link in a terminal, or to send it through to another machine's browser."""
NONCE_BYTES: Final = 16
USED_MAX: Final = 1_000
"""Used codes that are kept, of 100 bytes each. If one is forgotten, no code that is as old works any more."""

_CODE: Final = re.compile(rf"{PREFIX}(?P<made_at>[0-9]{{1,16}})_(?P<nonce>[0-9a-f]{{32}})_(?P<proof>[0-9a-f]{{64}})")


def new_code(token: str, now: float) -> str:
    """A code for the user who has this token. `now` in seconds since 1970."""
    made_at, nonce = milliseconds(now), secrets.token_hex(NONCE_BYTES)
    return f"{PREFIX}{made_at}_{nonce}_{_proof(token, made_at, nonce)}"


def login_link(origin: str, code: str) -> str:
    """The link that logs a browser in at a server. Browsers do not send what stands behind `#`."""
    return f"{origin}/#token={code}"


def used_code(code: str, now: float) -> Credential:
    """The row of a used code, for the other servers on a database. It outlasts the code, though their clocks differ."""
    digest = sha256(code.encode())
    return Credential(
        kind="code",
        id=digest.hexdigest(),
        hash=digest.digest(),
        user_id="",
        created_at=now,
        expires_at=now + 2 * LASTS_S,
        data=b"",
    )


def milliseconds(seconds: float) -> int:
    """Whole milliseconds since 1970."""
    return int(seconds * 1_000)


class LoginCodes:
    """The codes that were used since the server's start at `started_at`, in seconds since 1970."""

    def __init__(self, started_at: float) -> None:
        self._oldest = milliseconds(started_at)
        self._used: dict[str, int] = {}

    def use(self, code: str, token: str, now: float) -> bool:
        """Whether the code is good; it is then used. `now` in seconds since 1970."""
        found = _CODE.fullmatch(code)
        if found is None:
            return False
        made_at, nonce = int(found["made_at"]), found["nonce"]
        if not hmac.compare_digest(found["proof"], _proof(token, made_at, nonce)):
            return False
        now_ms = milliseconds(now)
        if not max(self._oldest, now_ms - LASTS_S * 1_000) <= made_at <= now_ms or nonce in self._used:
            return False
        if len(self._used) >= USED_MAX:
            # Not by time: a clock that steps back would make forgotten codes good again.
            forgotten = min(self._used, key=self._used.__getitem__)
            self._oldest = max(self._oldest, self._used.pop(forgotten) + 1)
        self._used[nonce] = made_at
        return True


def _proof(token: str, made_at: int, nonce: str) -> str:
    return hmac.digest(token.encode(), f"login code {made_at} {nonce}".encode(), sha256).hex()
