"""Mode `oauth`: browsers log in at an OpenID provider. Its tokens are kept encrypted and renewed in time."""

import asyncio
import logging
import secrets
from urllib.parse import urlsplit

import msgspec

from agent.util.tasks import TaskOwner
from server.auth.backends.api_tokens import ApiTokenBackend, TokenSource
from server.auth.backends.base import LOGIN_WAIT_S, LoginRefused, ProviderError, UserNotAllowed
from server.auth.backends.openid import Identity, OpenIDProvider, ProviderTokens
from server.auth.encryption import CredentialCipher
from server.auth.logins import Login, Logins, NewLogin, new_login
from server.auth.principal import Principal, rights_of
from server.config.auth import AuthSettings

log = logging.getLogger("holdfast.auth")

CREDENTIAL = "oauth"
NEXT_MAX_CHARS = 1_024
RETRY_S = 30.0
"""How long a renewal that failed is not tried again, while the old token may still be good."""


REFRESH_BEFORE_S = 300.0
"""An access token is renewed so long before it ends: a tool call that begins with it still succeeds."""


WAIT_S, WAIT_EXPIRED_S = 5.0, 60.0
"""How long another server is awaited that renews a token, while the old one is good and when it is over."""


CLOSE_S = 5.0
"""How long a stop waits for new tokens that a provider was asked for."""


class PendingLogin(msgspec.Struct, frozen=True):
    """A login that has begun. The browser keeps it in an encrypted cookie, so that nobody can begin it for somebody else."""

    state: str
    nonce: str
    verifier: str
    redirect_uri: str
    next: str


class OauthBackend(ApiTokenBackend):
    """Logins at an OpenID provider; and API tokens, for the programs of its users."""

    def __init__(self, auth: AuthSettings, tokens: TokenSource, logins: Logins, cipher: CredentialCipher) -> None:
        super().__init__(tokens, needed=False)
        self.provider = OpenIDProvider(auth.oauth)
        self._auth = auth
        self._logins = logins
        self._cipher = cipher
        self._tasks = TaskOwner("oauth")
        self._renewing: dict[str, asyncio.Task[Login | None]] = {}
        self._failed_at: dict[str, float] = {}

    async def aclose(self) -> None:
        """End the requests to the provider. Renewals that run are awaited: most providers take a refresh token once."""
        if self._renewing:
            await asyncio.wait([*self._renewing.values()], timeout=CLOSE_S)
        await self._tasks.aclose()
        await self.provider.aclose()

    async def begin(self, redirect_uri: str, next_path: str) -> tuple[str, str]:
        """The URL where the browser logs in, and the value of its cookie until then. Raises `ProviderError`."""
        pending = PendingLogin(
            state=secrets.token_urlsafe(24),
            nonce=secrets.token_urlsafe(24),
            verifier=secrets.token_urlsafe(48),
            redirect_uri=redirect_uri,
            next=local_path(next_path),
        )
        url = await self.provider.login_url(redirect_uri, pending.state, pending.nonce, pending.verifier)
        return url, self._cipher.encrypt(msgspec.json.encode(pending)).decode()

    def pending_login(self, cookie: str, state: str) -> PendingLogin | None:
        """The login that this browser began with this state, unless that was too long ago."""
        data = self._cipher.decrypt(cookie.encode(), LOGIN_WAIT_S)
        if data is None:
            return None
        pending = msgspec.json.decode(data, type=PendingLogin)
        return pending if secrets.compare_digest(pending.state.encode(), state.encode()) else None

    async def finish(self, pending: PendingLogin, code: str, now: float, *, with_key: bool) -> NewLogin:
        """The login. `with_key`: see `Logins.add`. Raises `ProviderError`, `LoginRefused`, `UserNotAllowed`."""
        identity: Identity = await self.provider.redeem(code, pending.redirect_uri, pending.nonce, pending.verifier)
        if rights_of(identity.subject, self._auth) is None:
            raise UserNotAllowed(f"the user {identity.subject!r} is not one of auth.allowed_users")
        new = new_login(
            credential=CREDENTIAL,
            user_id=identity.subject,
            name=identity.name,
            now=now,
            lifetime_s=self._lifetime_s(identity.tokens, now),
            with_key=with_key,
            sealed=self._cipher.encrypt(msgspec.json.encode(identity.tokens)),
        )
        await self._logins.add(new.login)
        return new

    async def revalidate_login(self, login: Login, now: float) -> Principal | None:
        """The user of this login. The provider is asked for new tokens when the present ones expire soon."""
        if login.credential != CREDENTIAL:
            return await super().revalidate_login(login, now)
        rights = rights_of(login.user_id, self._auth)
        if rights is None or await self._fresh(login, now) is None:
            return None
        return Principal(user_id=login.user_id, rights=rights, credential=CREDENTIAL, name=login.name)

    async def hub_token(self, user_id: str, now: float) -> str | None:
        """The access token of the user's newest login."""
        for login in await self._logins.of_user(user_id, now):
            fresh = await self._fresh(login, now) if login.credential == CREDENTIAL else None
            tokens = None if fresh is None else self._tokens(fresh)
            if tokens is not None and (tokens.expires_at is None or tokens.expires_at > now):
                return tokens.access_token
        return None

    async def _fresh(self, login: Login, now: float) -> Login | None:
        """The login, with its tokens renewed if that is due; None if it has ended."""
        tokens = self._tokens(login)
        if tokens is None:
            return None
        due = tokens.expires_at is not None and tokens.expires_at - now <= REFRESH_BEFORE_S
        failed_at = self._failed_at.get(login.login_id)
        if not due or tokens.refresh_token is None or (failed_at is not None and now - failed_at < RETRY_S):
            return login
        renewing = self._renewing.get(login.login_id)
        if renewing is None:
            renewing = self._tasks.start(self._renew(login, tokens, now), login.login_id)
            self._renewing[login.login_id] = renewing
            renewing.add_done_callback(lambda _: self._renewing.pop(login.login_id, None))
        return await asyncio.shield(renewing)

    async def _renew(self, login: Login, tokens: ProviderTokens, now: float) -> Login | None:
        good = tokens.expires_at is None or tokens.expires_at > now
        renewal = await self._logins.take_renewal(login, WAIT_S if good else WAIT_EXPIRED_S)
        if not renewal.mine:
            return renewal.login
        try:
            fresh = await self.provider.refresh(tokens)
        except LoginRefused as refused:
            log.info("login %s has ended: %s", login.login_id, refused)
            await self._logins.drop([login.login_id])
            return None
        except ProviderError as fault:
            log.warning("login %s cannot be renewed now; this is tried again: %s", login.login_id, fault)
            self._failed_at[login.login_id] = now
            await self._logins.release_renewal(login, renewal)
            return login
        self._failed_at.pop(login.login_id, None)
        renewed = msgspec.structs.replace(login, sealed=self._cipher.encrypt(msgspec.json.encode(fresh)))
        return await self._logins.renew(renewed, renewal)

    def _tokens(self, login: Login) -> ProviderTokens | None:
        data = self._cipher.decrypt(login.sealed)
        return None if data is None else msgspec.json.decode(data, type=ProviderTokens)

    def _lifetime_s(self, tokens: ProviderTokens, now: float) -> float:
        """Without a refresh token a login lasts as long as the access token does."""
        if tokens.refresh_token is not None or tokens.expires_at is None:
            return self._auth.login_s
        return min(self._auth.login_s, tokens.expires_at - now)


def local_path(path: str) -> str:
    """`path` if it is a path of this server, so that a login cannot lead to another site; else `/`."""
    parts = urlsplit(path) if path.isprintable() and path.isascii() else None
    if parts is None or len(path) > NEXT_MAX_CHARS or parts.scheme or parts.netloc or "\\" in path:
        return "/"
    return path if path.startswith("/") and not path.startswith("//") else "/"
