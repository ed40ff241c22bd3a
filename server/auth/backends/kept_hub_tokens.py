"""Kept Hub tokens: the Hugging Face token that each user showed last, encrypted in the database that several servers share, so that
whichever takes a session over has its owner's.
"""

import logging
import time
from collections.abc import Callable
from hashlib import sha256
from typing import Final

from agent.util.tasks import TaskOwner
from server.auth.encryption import CredentialCipher
from server.journal.base import JournalError
from server.journal.credentials import Credential, CredentialRows
from server.util.lru_map import LruMap

log = logging.getLogger("holdfast.auth")

KIND: Final = "hub_token"

AGAIN_S: Final = 3_600.0
"""How often a token that is shown again and again is stored again, which moves its end."""

USERS_MAX: Final = 10_000
"""Users of whom it is known here what is stored."""


class KeptHubTokens:
    """One token of each user, until `lasts_s` after it was shown."""

    def __init__(
        self, rows: CredentialRows, cipher: CredentialCipher, lasts_s: float, clock: Callable[[], float] = time.time
    ) -> None:
        self._rows = rows
        self._cipher = cipher
        self._lasts_s = lasts_s
        self._clock = clock
        self._stored: LruMap[str, tuple[str, float]] = LruMap(USERS_MAX)
        self._tasks = TaskOwner("hub tokens")

    async def aclose(self) -> None:
        """End what is being stored."""
        await self._tasks.aclose()

    def shown(self, user_id: str, token: str) -> None:
        """The user showed this token, and the Hub accepted it. It is stored soon."""
        credential, now = credential_of(token), self._clock()
        known, at = self._stored.get(user_id, ("", 0.0))
        if known == credential and now - at < AGAIN_S:
            return
        self._stored[user_id] = credential, now
        self._tasks.start(self._store(user_id, token, now), user_id)

    async def get(self, user_id: str) -> str | None:
        """The user's token. Raises `JournalError`."""
        return self._read(await self._rows.get(KIND, user_id))

    async def of_credential(self, credential: str) -> str | None:
        """The token with this name: see `credential_of`. Raises `JournalError`."""
        return self._read(await self._rows.find(KIND, credential.encode()))

    def rejected(self, user_id: str, token: str) -> None:
        """The Hub does not accept this token any more. It is removed soon."""
        self._stored.pop(user_id, None)
        self._tasks.start(self._remove(user_id, token), user_id)

    def _read(self, row: Credential | None) -> str | None:
        if row is None or (row.expires_at is not None and row.expires_at <= self._clock()):
            return None
        token = self._cipher.decrypt(row.data)
        return None if token is None else token.decode()

    async def _store(self, user_id: str, token: str, now: float) -> None:
        row = Credential(
            kind=KIND,
            id=user_id,
            hash=credential_of(token).encode(),
            user_id=user_id,
            created_at=now,
            expires_at=now + self._lasts_s,
            data=self._cipher.encrypt(token.encode()),
        )
        try:
            await self._rows.put(row)
        except JournalError as error:
            self._stored.pop(user_id, None)
            log.warning("a user's Hub token is not known to the other servers: %s", error)

    async def _remove(self, user_id: str, token: str) -> None:
        try:
            if await self.get(user_id) == token:
                await self._rows.remove(KIND, [user_id])
        except JournalError as error:
            log.warning("a Hub token that was rejected stays in the database until it is over: %s", error)


def credential_of(token: str) -> str:
    """A name for a token, from which the token cannot be computed."""
    return f"bearer:{sha256(token.encode()).hexdigest()[:32]}"
