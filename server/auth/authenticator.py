"""The body's door: `authenticate` says who is asking, `is_valid` whether they still may. HTTP and sockets go this one way."""

import asyncio
import time
from collections.abc import Callable

import msgspec
from starlette.types import Scope

from server.auth.backends.api_tokens import ApiTokenBackend, tokens_path
from server.auth.backends.base import AuthBackend
from server.auth.backends.local import LocalBackend, NoTokenBackend
from server.auth.credentials import GUEST_COOKIE, Credentials, cookie_style, parse_credentials
from server.auth.login_store import SqliteLoginStore
from server.auth.logins import LOGINS_MAX, LOGINS_PER_USER_MAX, Login, Logins
from server.auth.principal import LOCAL, Principal
from server.auth.share_links import CREDENTIAL, LinksOfSession, ShareLinks, load_key
from server.config.settings import Settings
from server.util.rate_limit import ADDRESSES_MAX, LoginThrottle
from server.util.refusal import HTTPRefusal

LOGIN = "login:"
HINTS = {
    "local": "the token is in the file `token` of the server's data folder; the page is opened by the link that the "
    "server printed at its first start",
    "tokens": "`holdfast token add USER` on the server makes one",
    "oauth": "log in at /auth/login",
    "bearer": "it is a Hugging Face token, from https://huggingface.co/settings/tokens",
}


class Authenticator:
    """The way in that the settings choose, and the logins of browsers."""

    def __init__(
        self,
        settings: Settings,
        backend: AuthBackend,
        logins: Logins | None,
        shares: ShareLinks,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`logins`: None where no login is needed."""
        auth = settings.auth
        self.backend = backend
        self.logins = logins
        self.shares = shares
        self._settings = settings
        self._clock = clock
        self.failures = LoginThrottle(auth.failures_per_minute, ADDRESSES_MAX)

    async def open(self) -> None:
        """Make ready. Raises `PrivateFileError`, `SettingsError`."""
        await self.backend.open()
        if self.logins is not None:
            await self.logins.open(self._clock())

    async def aclose(self) -> None:
        """Let go of what is open."""
        await self.backend.aclose()
        if self.logins is not None:
            await self.logins.aclose()

    async def authenticate(self, scope: Scope) -> Principal | HTTPRefusal:
        """Who the request in `scope` comes from. Its URL is not looked at."""
        if isinstance(self.backend, NoTokenBackend):
            return LOCAL
        presented = parse_credentials(scope["headers"], cookie_style(scope, self._settings).name)
        invited = await self._invited(scope, presented)
        found = await self._known(presented)
        if found is not None:
            return found if invited is None else msgspec.structs.replace(found, grant=invited.grant)
        if invited is not None and presented.fault is None:
            return invited
        if presented == Credentials():
            return self._unauthorized("credentials are needed")
        address, now = address_of(scope), asyncio.get_running_loop().time()
        if presented.token is not None and not self.failures.is_blocked(address, now):
            asked = await self.backend.authenticate_remote(presented.token, self._clock())
            if isinstance(asked, Principal) or (asked is not None and asked.status != 401):
                return asked
        return self._wrong(presented, address, now)

    async def is_valid(self, principal: Principal) -> bool:
        """Whether the credentials that let them in still do, with no fewer rights."""
        now = self._clock()
        if principal.expires_at is not None and principal.expires_at <= now:
            return False
        if principal.credential.startswith(CREDENTIAL):
            return await self.shares.revalidate(principal) == principal
        if principal.credential.startswith(LOGIN):
            login = self.logins.get(principal.credential.removeprefix(LOGIN), now) if self.logins else None
            fresh = None if login is None else await self._of_login(login, now)
        else:
            fresh = await self.backend.revalidate(principal.credential, now)
        return fresh is not None and fresh.user_id == principal.user_id and principal.rights <= fresh.rights

    async def exchange(self, token: str, scope: Scope) -> tuple[Login, str] | HTTPRefusal:
        """A browser's login for a token: the login and its cookie."""
        if self.logins is None:
            return HTTPRefusal("not_found", "this server asks for no token (auth.local_token)")
        found = await self.authenticate({**scope, "headers": [(b"authorization", b"Bearer " + token.encode())]})
        if isinstance(found, HTTPRefusal):
            return found
        now = self._clock()
        lifetime_s = self._settings.auth.login_s
        if found.expires_at is not None:
            lifetime_s = min(lifetime_s, found.expires_at - now)
        return await self.logins.add(
            credential=found.credential,
            user_id=found.user_id,
            name=found.name,
            now=now,
            lifetime_s=lifetime_s,
            sealed=self.backend.seal_credential(found, token),
        )

    async def log_out(self, principal: Principal) -> None:
        """End a browser's login, and with it its sockets."""
        if self.logins is not None and principal.credential.startswith(LOGIN):
            await self.logins.drop([principal.credential.removeprefix(LOGIN)])

    async def hub_token(self, user_id: str) -> str | None:
        """The Hugging Face token of this user, for their tools; None where there is none."""
        return await self.backend.hub_token(user_id, self._clock())

    async def _invited(self, scope: Scope, presented: Credentials) -> Principal | None:
        """Who came by a link: its secret as the token, or in the cookie beside the login's."""
        if presented.token is not None:
            return await self.shares.authenticate(presented.token)
        cookie = parse_credentials(scope["headers"], cookie_style(scope, self._settings, GUEST_COOKIE).name).cookie
        return None if cookie is None else await self.shares.authenticate(cookie, by_cookie=True)

    async def _known(self, presented: Credentials) -> Principal | None:
        now = self._clock()
        if presented.token is not None:
            found = self.backend.authenticate_local(presented.token, now)
            return found if found is not None and not _over(found, now) else None
        login = self.logins.find(presented.cookie, now) if presented.cookie and self.logins else None
        return None if login is None else await self._of_login(login, now)

    async def _of_login(self, login: Login, now: float) -> Principal | None:
        found = await self.backend.revalidate_login(login, now)
        if found is None or _over(found, now):
            return None
        return msgspec.structs.replace(
            found, credential=LOGIN + login.login_id, expires_at=login.expires_at, by_cookie=True
        )

    def _wrong(self, presented: Credentials, address: str, now: float) -> HTTPRefusal:
        if not self.failures.record_failure(address, now):
            return HTTPRefusal(
                "too_many_attempts",
                "too many wrong credentials came from your address; try again later",
                retry_after_s=self.failures.retry_after_s,
            )
        if presented.fault:
            return self._unauthorized(presented.fault)
        return self._unauthorized(
            "the login is over; log in again" if presented.cookie else "the token is wrong, expired or revoked"
        )

    def _unauthorized(self, why: str) -> HTTPRefusal:
        return HTTPRefusal(
            "unauthorized", f"{why}; send `Authorization: Bearer TOKEN`: {HINTS[self._settings.auth.mode]}"
        )


def address_of(scope: Scope) -> str:
    """The address that the request comes from, as the guard knows it."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def _over(principal: Principal, now: float) -> bool:
    return principal.expires_at is not None and principal.expires_at <= now


async def create_authenticator(
    settings: Settings, links_of: LinksOfSession, clock: Callable[[], float] = time.time
) -> Authenticator:
    """The way in, ready. The data folder must be there and ours. `links_of`: a session's links. Raises `PrivateFileError`."""
    auth, folder = settings.auth, settings.journal.folder
    shares = ShareLinks(load_key(folder), links_of)
    if auth.mode == "local" and not auth.local_token:
        authenticator = Authenticator(settings, NoTokenBackend(auth.local_hf_token), None, shares, clock)
    else:
        logins = Logins(SqliteLoginStore(folder), LOGINS_MAX, LOGINS_PER_USER_MAX)
        try:
            authenticator = Authenticator(settings, _create_backend(settings, logins), logins, shares, clock)
        except BaseException:
            await logins.aclose()
            raise
    try:
        await authenticator.open()
    except BaseException:
        await authenticator.aclose()
        raise
    return authenticator


def _create_backend(settings: Settings, logins: Logins) -> AuthBackend:
    auth, folder = settings.auth, settings.journal.folder
    match auth.mode:
        case "local":
            return LocalBackend(folder, auth.local_hf_token)
        case "tokens":
            return ApiTokenBackend(tokens_path(settings))
        case "oauth":
            # What these two need takes a quarter of a second to import.
            from server.auth.backends.oauth import OauthBackend
            from server.auth.encryption import create_cipher

            return OauthBackend(auth, tokens_path(settings), logins, create_cipher(auth.secret, folder))
        case "bearer":
            from server.auth.backends.hf_tokens import HfTokenBackend
            from server.auth.encryption import create_cipher

            return HfTokenBackend(auth, logins, create_cipher(auth.secret, folder))
