"""Authenticator: turns the credentials of a request into a principal, and checks later whether they are still valid."""

import asyncio
import logging
import time
from collections.abc import Callable

import msgspec
from starlette.types import Scope

from server.auth import login_codes, origin_keys
from server.auth.backends.base import AuthBackend
from server.auth.backends.local import NoTokenBackend
from server.auth.credentials import GUEST_COOKIE, Credentials, cookie_names, parse_credentials
from server.auth.logins import Login, Logins, NewLogin, new_login
from server.auth.principal import LOCAL, Grant, Principal
from server.auth.share_links import CREDENTIAL, ShareLinks
from server.auth.tickets import LASTS_S, Tickets, ticket_of
from server.config.settings import Settings
from server.journal.base import JournalError
from server.util.rate_limit import ADDRESSES_MAX, LoginThrottle
from server.util.refusal import HTTPRefusal

log = logging.getLogger("holdfast.auth")

LOGIN = "login:"
CODE_REFUSED = (
    f"this link was used already, is older than {login_codes.LASTS_S // 60} minutes, or the server was restarted since; "
    "`holdfast login-link` on the server's machine prints a new one"
)
HINTS = {
    "local": "the token is in the file `token` of the server's data folder; for a browser, `holdfast login-link` on the "
    "server's machine prints a link",
    "tokens": "`holdfast token add USER` on the server makes one",
    "oauth": "log in at /auth/login",
    "bearer": "it is a Hugging Face token, from https://huggingface.co/settings/tokens",
}


class Authenticator:
    """The backend that the settings choose, the logins of browsers and the share links."""

    def __init__(
        self,
        settings: Settings,
        backend: AuthBackend,
        logins: Logins | None,
        shares: ShareLinks,
        tickets: Tickets,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`logins`: None if the server needs no token (auth.local_token)."""
        auth = settings.auth
        self.backend = backend
        self.logins = logins
        self.shares = shares
        self.tickets = tickets
        self._settings = settings
        self._clock = clock
        self.failures = LoginThrottle(auth.failures_per_minute, ADDRESSES_MAX)

    async def open(self) -> None:
        """Open the backend and load the logins. Raises `PrivateFileError`, `SettingsError`."""
        await self.backend.open()
        if self.logins is not None:
            await self.logins.open(self._clock())

    async def aclose(self) -> None:
        """Close the backend and the logins."""
        await self.backend.aclose()
        if self.logins is not None:
            await self.logins.aclose()

    async def authenticate(self, scope: Scope) -> Principal | HTTPRefusal:
        """The principal of the request in `scope`, or the refusal. The URL is not read: see `query_tokens`."""
        ticket = ticket_of(scope)
        if ticket is not None:  # alone: its Origin was not judged as that of a cookie, or of no credentials, is
            return await self._holder(ticket, scope)
        if isinstance(self.backend, NoTokenBackend):
            return LOCAL
        credentials = parse_credentials(scope["headers"], cookie_names(scope, self._settings))
        try:
            guest = await self._guest(scope, credentials)
            principal = await self._authenticate_here(scope, credentials)
        except JournalError as error:
            return _unavailable(error)
        if credentials.fault is None and (both := combine(principal, guest)) is not None:
            return both
        if credentials == Credentials():
            return self._unauthorized("credentials are needed")
        address, now = address_of(scope), asyncio.get_running_loop().time()
        if credentials.token is not None and not self.failures.is_blocked(address, now):
            try:
                answer = await self.backend.authenticate_remote(credentials.token, self._clock())
            except JournalError as error:
                return _unavailable(error)
            if isinstance(answer, Principal) or (answer is not None and answer.status != 401):
                return answer
        return self._refuse(credentials, address, now)

    async def _holder(self, ticket: str, scope: Scope) -> Principal | HTTPRefusal:
        """Whose ticket it is, or the refusal."""
        now, address = asyncio.get_running_loop().time(), address_of(scope)
        try:
            principal = await self.tickets.use(ticket, now, ask=not self.failures.is_blocked(address, now))
            if principal is not None and await self.is_valid(principal):
                return principal
        except JournalError as error:
            return _unavailable(error)
        if not self.failures.record_failure(address, now):
            return self._too_many()
        return HTTPRefusal(
            "unauthorized",
            f"the ticket was used already, or is older than {LASTS_S:g} s; get another by POST /api/tickets",
        )

    async def is_valid(self, principal: Principal) -> bool:
        """Whether the principal's credentials are still valid, with at least the same rights."""
        now = self._clock()
        if principal.expires_at is not None and principal.expires_at <= now:
            return False
        if principal.credential.startswith(CREDENTIAL):
            return await self.shares.revalidate(principal) == principal
        if principal.credential.startswith(LOGIN):
            login = await self.logins.get(principal.credential.removeprefix(LOGIN), now) if self.logins else None
            fresh = None if login is None else await self._principal_of_login(login, now)
        else:
            fresh = await self.backend.revalidate(principal.credential, now)
        return fresh is not None and fresh.user_id == principal.user_id and principal.rights <= fresh.rights

    async def reread(self) -> bool:
        """Look again at the credentials in a database that were seen here; whether one has changed. Raises `JournalError`."""
        logins = self.logins is not None and await self.logins.reread()
        return await self.backend.reread() or logins

    async def exchange(self, token: str, scope: Scope) -> NewLogin | HTTPRefusal:
        """Exchange a token for a browser's login, or the refusal."""
        if self.logins is None:
            return HTTPRefusal("not_found", "this server asks for no token (auth.local_token)")
        principal = await self._user_of(token, scope)
        if isinstance(principal, HTTPRefusal):
            return principal
        if principal.grant is not None:
            return HTTPRefusal(
                "unauthorized", "this is the secret of a link to one session, not a token; use /auth/share"
            )
        now = self._clock()
        lifetime_s = self._settings.auth.login_s
        if principal.expires_at is not None:
            lifetime_s = min(lifetime_s, principal.expires_at - now)
        new = new_login(
            credential=principal.credential,
            user_id=principal.user_id,
            name=principal.name,
            now=now,
            lifetime_s=lifetime_s,
            with_key=origin_keys.is_needed(scope, self._settings),
            sealed=self.backend.seal_credential(principal, token),
        )
        await self.logins.add(new.login)
        return new

    async def _user_of(self, token: str, scope: Scope) -> Principal | HTTPRefusal:
        """Who logs in with this token or login code."""
        if not token.startswith(login_codes.PREFIX):
            return await self.authenticate({**scope, "headers": [(b"authorization", b"Bearer " + token.encode())]})
        principal = await self.backend.use_code(token, self._clock())
        if principal is not None:
            return principal
        if not self.failures.record_failure(address_of(scope), asyncio.get_running_loop().time()):
            return self._too_many()
        return HTTPRefusal("unauthorized", CODE_REFUSED)

    async def open_link(self, secret: str, scope: Scope) -> tuple[Grant, str, str] | HTTPRefusal:
        """Open a share link in a browser: its grant, the guest's cookie and its origin key (empty: none), or the refusal."""
        address, now = address_of(scope), asyncio.get_running_loop().time()
        guest = await self.shares.authenticate(secret, by_cookie=True)
        if guest is not None and guest.grant is not None:
            if origin_keys.is_needed(scope, self._settings):
                return guest.grant, *self.shares.browser_secrets(guest.grant)
            return guest.grant, secret, ""
        if not self.failures.record_failure(address, now):
            return self._too_many()
        return HTTPRefusal("unauthorized", "this link is not complete, or it was revoked")

    async def log_out(self, principal: Principal) -> None:
        """End a browser's login. The revocation watcher then closes its websockets."""
        if self.logins is not None and principal.credential.startswith(LOGIN):
            await self.logins.drop([principal.credential.removeprefix(LOGIN)])

    async def hub_token(self, user_id: str) -> str | None:
        """The Hugging Face token of this user, for their tools; None if none is known."""
        return await self.backend.hub_token(user_id, self._clock())

    async def _guest(self, scope: Scope, credentials: Credentials) -> Principal | None:
        """The guest of a share link, whose secret is the token or in the cookie beside the login's."""
        if credentials.token is not None:
            return await self.shares.authenticate(credentials.token)
        cookie = parse_credentials(scope["headers"], cookie_names(scope, self._settings, GUEST_COOKIE)).cookie
        if cookie is None:
            return None
        key_needed = origin_keys.is_needed(scope, self._settings)
        return await self.shares.authenticate_cookie(
            cookie, origin_keys.read_keys(scope["headers"]), key_needed=key_needed
        )

    async def _authenticate_here(self, scope: Scope, credentials: Credentials) -> Principal | None:
        now = self._clock()
        if credentials.token is not None:
            principal = self.backend.authenticate_local(credentials.token, now)
            return principal if principal is not None and not _has_expired(principal, now) else None
        if credentials.cookie is None or self.logins is None:
            return None
        blocked = self.failures.is_blocked(address_of(scope), asyncio.get_running_loop().time())
        login = await self.logins.find(credentials.cookie, now, ask=not blocked)
        principal = None if login is None else await self._principal_of_login(login, now)
        if principal is None or login is None or self._has_key(scope, login):
            return principal
        return msgspec.structs.replace(principal, without_key=True)

    def _has_key(self, scope: Scope, login: Login) -> bool:
        """Whether the request has the login's origin key. A login of an older version has none, but may need one."""
        if not login.key_hash:
            return not origin_keys.is_needed(scope, self._settings)
        return origin_keys.fits(origin_keys.read_keys(scope["headers"]), login.key_hash)

    async def _principal_of_login(self, login: Login, now: float) -> Principal | None:
        principal = await self.backend.revalidate_login(login, now)
        if principal is None or _has_expired(principal, now):
            return None
        return msgspec.structs.replace(
            principal, credential=LOGIN + login.login_id, expires_at=login.expires_at, by_cookie=True
        )

    def _refuse(self, credentials: Credentials, address: str, now: float) -> HTTPRefusal:
        if not self.failures.record_failure(address, now):
            return self._too_many()
        if credentials.fault:
            return self._unauthorized(credentials.fault)
        return self._unauthorized(
            "the login is over; log in again" if credentials.cookie else "the token is wrong, expired or revoked"
        )

    def _too_many(self) -> HTTPRefusal:
        return HTTPRefusal(
            "too_many_attempts",
            "too many wrong credentials came from your address; try again later",
            retry_after_s=self.failures.retry_after_s,
        )

    def _unauthorized(self, why: str) -> HTTPRefusal:
        return HTTPRefusal(
            "unauthorized", f"{why}; send `Authorization: Bearer TOKEN`: {HINTS[self._settings.auth.mode]}"
        )


def combine(login: Principal | None, guest: Principal | None) -> Principal | None:
    """The principal of a request that may have the cookies of a login and of a link. One without its key counts only alone."""
    found = [each for each in (login, guest) if each is not None]
    found = [each for each in found if not each.without_key] or found
    if len(found) < 2 or guest is None:
        return found[0] if found else None
    return msgspec.structs.replace(found[0], grant=guest.grant)


def address_of(scope: Scope) -> str:
    """The client's address, as the access middleware passes it on."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def _has_expired(principal: Principal, now: float) -> bool:
    return principal.expires_at is not None and principal.expires_at <= now


def _unavailable(error: JournalError) -> HTTPRefusal:
    """Who is asking cannot be looked up. The error may name the database, and who asks is not known."""
    log.warning("credentials cannot be looked up: %s", error)
    return HTTPRefusal(
        "unavailable",
        "the server cannot look up the credentials: its database does not answer; try again",
        retry_after_s=5,
    )
