"""The body's door: `authenticate` says who is asking, `still_good` whether they still may. HTTP and sockets go this one way."""

import asyncio
import time
from collections.abc import Callable

import msgspec
from starlette.types import Scope

from server.auth import credentials
from server.auth.backends.api_tokens import TokensWay, tokens_path
from server.auth.backends.base import Way
from server.auth.backends.local import LocalWay, OpenWay
from server.auth.credentials import Presented, read_credentials
from server.auth.login_store import SqliteLogins
from server.auth.logins import Login, Logins
from server.auth.principal import LOCAL, Principal
from server.auth.share_links import CREDENTIAL, LinksOf, Shares, load_key
from server.config.settings import Settings
from server.util.rate_limit import Failures
from server.util.refusal import HTTPRefusal

LOGIN = "login:"
HINTS = {
    "local": "the token is in the file `token` of the server's data folder; the page is opened by the link that the "
    "server printed at its first start",
    "tokens": "`holdfast token add USER` on the server makes one",
    "oauth": "log in at /auth/login",
    "bearer": "it is a Hugging Face token, from https://huggingface.co/settings/tokens",
}


class Ways:
    """The way in that the settings choose, and the logins of browsers."""

    def __init__(
        self,
        settings: Settings,
        way: Way,
        logins: Logins | None,
        shares: Shares,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`logins`: None where no login is needed."""
        auth = settings.auth
        self.way = way
        self.logins = logins
        self.shares = shares
        self._settings = settings
        self._clock = clock
        self.failures = Failures(auth.failures_per_minute, auth.failures_watched_max)

    async def open(self) -> None:
        """Make ready. Raises `FileFault`, `SettingsError`."""
        await self.way.open()
        if self.logins is not None:
            await self.logins.open(self._clock())

    async def aclose(self) -> None:
        """Let go of what is open."""
        await self.way.aclose()
        if self.logins is not None:
            await self.logins.aclose()

    async def authenticate(self, scope: Scope) -> Principal | HTTPRefusal:
        """Who the request in `scope` comes from. Its URL is not looked at."""
        if isinstance(self.way, OpenWay):
            return LOCAL
        presented = read_credentials(scope["headers"], credentials.style(scope, self._settings).name)
        invited = await self._invited(scope, presented)
        found = await self._known(presented)
        if found is not None:
            return found if invited is None else msgspec.structs.replace(found, grant=invited.grant)
        if invited is not None and presented.fault is None:
            return invited
        if presented == Presented():
            return self._unauthorized("credentials are needed")
        address, now = address_of(scope), asyncio.get_running_loop().time()
        if presented.token is not None and not self.failures.tired(address, now):
            asked = await self.way.ask(presented.token, self._clock())
            if isinstance(asked, Principal) or (asked is not None and asked.status != 401):
                return asked
        return self._wrong(presented, address, now)

    async def still_good(self, principal: Principal) -> bool:
        """Whether the credentials that let them in still do, with no fewer rights."""
        now = self._clock()
        if principal.expires_at is not None and principal.expires_at <= now:
            return False
        if principal.credential.startswith(CREDENTIAL):
            return await self.shares.recall(principal) == principal
        if principal.credential.startswith(LOGIN):
            login = self.logins.get(principal.credential.removeprefix(LOGIN), now) if self.logins else None
            fresh = None if login is None else await self._of_login(login, now)
        else:
            fresh = await self.way.recall(principal.credential, now)
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
            sealed=self.way.keep(found, token),
        )

    async def log_out(self, principal: Principal) -> None:
        """End a browser's login, and with it its sockets."""
        if self.logins is not None and principal.credential.startswith(LOGIN):
            await self.logins.drop([principal.credential.removeprefix(LOGIN)])

    async def hub_token(self, user_id: str) -> str | None:
        """The Hugging Face token of this user, for their tools; None where there is none."""
        return await self.way.hub_token(user_id, self._clock())

    async def _invited(self, scope: Scope, presented: Presented) -> Principal | None:
        """Who came by a link: its secret as the token, or in the cookie beside the login's."""
        if presented.token is not None:
            return await self.shares.know(presented.token)
        cookie = read_credentials(
            scope["headers"], credentials.style(scope, self._settings, credentials.GUEST).name
        ).cookie
        return None if cookie is None else await self.shares.know(cookie, by_cookie=True)

    async def _known(self, presented: Presented) -> Principal | None:
        now = self._clock()
        if presented.token is not None:
            found = self.way.know(presented.token, now)
            return found if found is not None and not _over(found, now) else None
        login = self.logins.find(presented.cookie, now) if presented.cookie and self.logins else None
        return None if login is None else await self._of_login(login, now)

    async def _of_login(self, login: Login, now: float) -> Principal | None:
        found = await self.way.recall_login(login, now)
        if found is None or _over(found, now):
            return None
        return msgspec.structs.replace(
            found, credential=LOGIN + login.login_id, expires_at=login.expires_at, by_cookie=True
        )

    def _wrong(self, presented: Presented, address: str, now: float) -> HTTPRefusal:
        if not self.failures.note(address, now):
            return HTTPRefusal(
                "too_many_attempts",
                "too many wrong credentials came from your address; try again later",
                retry_after_s=self.failures.pause_s,
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


async def open_ways(settings: Settings, links_of: LinksOf, clock: Callable[[], float] = time.time) -> Ways:
    """The way in, ready. The data folder must be there and ours. `links_of`: a session's links. Raises `FileFault`."""
    auth, folder = settings.auth, settings.journal.folder
    shares = Shares(load_key(folder), links_of)
    if auth.mode == "local" and not auth.local_token:
        ways = Ways(settings, OpenWay(auth.local_hf_token), None, shares, clock)
    else:
        logins = Logins(SqliteLogins(folder), auth.logins_max, auth.logins_per_user_max)
        try:
            ways = Ways(settings, _way(settings, logins), logins, shares, clock)
        except BaseException:
            await logins.aclose()
            raise
    try:
        await ways.open()
    except BaseException:
        await ways.aclose()
        raise
    return ways


def _way(settings: Settings, logins: Logins) -> Way:
    auth, folder = settings.auth, settings.journal.folder
    match auth.mode:
        case "local":
            return LocalWay(folder, auth.local_hf_token)
        case "tokens":
            return TokensWay(tokens_path(settings))
        case "oauth":
            # What these two need takes a quarter of a second to import.
            from server.auth.backends.oauth import OauthWay
            from server.auth.encryption import make_seal

            return OauthWay(auth, tokens_path(settings), logins, make_seal(auth.secret, folder))
        case "bearer":
            from server.auth.backends.hf_tokens import BearerWay
            from server.auth.encryption import make_seal

            return BearerWay(auth, logins, make_seal(auth.secret, folder))
