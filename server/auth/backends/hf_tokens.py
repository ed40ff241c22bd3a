"""Mode `bearer`: Hugging Face tokens. The Hub says whose they are; its answers are cached for minutes."""

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial

import msgspec

from agent.hub.identity import HubIdentity, HubUnreachable, TokenRejected, whoami
from agent.util.executors import WorkExecutor
from agent.util.places import SERVER, PlacesTaken
from agent.util.tasks import TaskOwner
from server.auth.backends.base import BaseAuthBackend
from server.auth.backends.kept_hub_tokens import KeptHubTokens, credential_of
from server.auth.encryption import CredentialCipher
from server.auth.logins import Login, Logins
from server.auth.principal import Principal, rights_of
from server.config.auth import AuthSettings
from server.util.lru_map import LruMap
from server.util.refusal import HTTPRefusal

log = logging.getLogger("holdfast.auth")

PREFIX = "hf_"
"""How the Hub's tokens begin. No other text is sent to the Hub."""


TIMEOUT_S = 10.0
"""How long the Hub may take to answer: a request waits for it."""

CACHED_S = 180.0
"""How long the Hub's yes holds: a token that is revoked there works here for three minutes at most, and no request waits for the Hub meanwhile."""

REFUSED_S = 30.0
"""How long the Hub's refusal of a token holds, so that a client that tries again and again causes few requests."""

UNREACHABLE_S = 1_800.0
"""How long an accepted token stays accepted while the Hub cannot be reached: an outage of half an hour stops nobody."""

CACHED_MAX = 10_000
"""Tokens whose answer is kept, the oldest forgotten first: some MiB."""


class CachedIdentity(msgspec.Struct, frozen=True):
    """A token that the Hub accepted, last at `asked_at` of the backend's clock."""

    principal: Principal
    token: str
    asked_at: float


class HfTokenBackend(BaseAuthBackend):
    """Hugging Face tokens. They are kept in memory; on disk only as part of a login, encrypted.

    `clock`: of the ages of the Hub's answers, in seconds. A clock that is set back would lengthen them.
    """

    def __init__(
        self,
        auth: AuthSettings,
        logins: Logins,
        cipher: CredentialCipher,
        threads: WorkExecutor,
        clock: Callable[[], float] = time.monotonic,
        kept: KeptHubTokens | None = None,
    ) -> None:
        """`kept`: where several servers keep them."""
        self._kept = kept
        self._clock = clock
        self._auth = auth
        self._logins = logins
        self._cipher = cipher
        self._threads = threads.of(SERVER)
        self._tasks = TaskOwner("whoami")
        self._known: LruMap[str, CachedIdentity] = LruMap(CACHED_MAX)
        self._refused: LruMap[str, float] = LruMap(CACHED_MAX)
        self._asking: dict[str, asyncio.Task[Principal | HTTPRefusal]] = {}

    async def aclose(self) -> None:
        """End the requests to the Hub."""
        await self._tasks.aclose()
        if self._kept is not None:
            await self._kept.aclose()

    def authenticate_local(self, token: str, now: float) -> Principal | None:
        """The user of this token, if the Hub's answer is still cached."""
        known = self._known.get(credential_of(token))
        return known.principal if known is not None and self._clock() - known.asked_at < CACHED_S else None

    async def authenticate_remote(self, token: str, now: float) -> Principal | HTTPRefusal | None:
        """Ask the Hub. Calls for the same token at the same time share one request."""
        credential = credential_of(token)
        refused_at = self._refused.get(credential)
        if not token.startswith(PREFIX) or (refused_at is not None and self._clock() - refused_at < REFUSED_S):
            return None
        asking = self._asking.get(credential)
        if asking is None:
            asking = self._asking[credential] = self._tasks.start(self._ask(credential, token), credential)
            asking.add_done_callback(lambda _: self._asking.pop(credential, None))
        return await asyncio.shield(asking)

    async def revalidate(self, credential: str, now: float) -> Principal | None:
        """The user of this token; the Hub is asked again when its answer is old."""
        known = self._known.get(credential)
        if known is None:
            return await self._elsewhere(credential, now)
        self._known.move_to_end(credential)
        if self._clock() - known.asked_at < CACHED_S:
            return known.principal
        answer = await self.authenticate_remote(known.token, now)
        return answer if isinstance(answer, Principal) else None

    async def _elsewhere(self, credential: str, now: float) -> Principal | None:
        """The user of a token that was shown at another server, such as for a ticket."""
        token = None if self._kept is None else await self._kept.of_credential(credential)
        answer = None if token is None else await self.authenticate_remote(token, now)
        return answer if isinstance(answer, Principal) else None

    async def revalidate_login(self, login: Login, now: float) -> Principal | None:
        """The user of the token that the login keeps."""
        if login.credential not in self._known:
            token = self._cipher.decrypt(login.sealed)
            answer = None if token is None else await self.authenticate_remote(token.decode(), now)
            return answer if isinstance(answer, Principal) else None
        return await self.revalidate(login.credential, now)

    def seal_credential(self, principal: Principal, token: str) -> bytes:
        """The token, encrypted."""
        return self._cipher.encrypt(token.encode())

    async def hub_token(self, user_id: str, now: float) -> str | None:
        """A token of this user: one of a request since the start, here or at another server, else one of a login."""
        for known in reversed(self._known.values()):
            if known.principal.user_id == user_id:
                return known.token
        kept = None if self._kept is None else await self._kept.get(user_id)
        if kept is not None:
            return kept
        for login in await self._logins.of_user(user_id, now):
            token = self._cipher.decrypt(login.sealed)
            if token is not None:
                return token.decode()
        return None

    async def _ask(self, credential: str, token: str) -> Principal | HTTPRefusal:
        asked_at = self._clock()
        try:
            identity = await self._threads.run(partial(whoami, token, self._auth.bearer.endpoint, TIMEOUT_S))
        except PlacesTaken:
            return HTTPRefusal("unavailable", "too many tokens wait for the Hub's answer; try again", retry_after_s=5)
        except TokenRejected as refused:
            known = self._known.pop(credential, None)
            if known is not None and self._kept is not None:
                self._kept.rejected(known.principal.user_id, token)
            self._refused[credential] = self._clock()
            return HTTPRefusal("unauthorized", str(refused))
        except HubUnreachable as error:
            return self._without_hub(credential, error)
        self._refused.pop(credential, None)
        principal = self._principal(credential, identity)
        if principal is None:
            self._refused[credential] = self._clock()
            return HTTPRefusal("unauthorized", "this user is not one of auth.allowed_users")
        self._known[credential] = CachedIdentity(principal, token, asked_at)
        if self._kept is not None:
            self._kept.shown(principal.user_id, token)
        return principal

    def _without_hub(self, credential: str, error: HubUnreachable) -> Principal | HTTPRefusal:
        """A token that the Hub accepted stays valid for a while when the Hub cannot be reached."""
        known = self._known.get(credential)
        log.warning("%s: %s", credential, error)
        if known is not None and self._clock() - known.asked_at < UNREACHABLE_S:
            return known.principal
        return HTTPRefusal("unavailable", "the Hub cannot be reached to check this token; try again", retry_after_s=5)

    def _principal(self, credential: str, identity: HubIdentity) -> Principal | None:
        rights = rights_of(identity.user_id, self._auth)
        if rights is None:
            return None
        return Principal(user_id=identity.user_id, rights=rights, credential=credential, name=identity.name)
