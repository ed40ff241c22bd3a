"""The body's door, put together: the way in that the settings choose."""

import time
from collections.abc import Callable

from server.auth.authenticator import Ways
from server.auth.backends.api_tokens import TokensWay, tokens_path
from server.auth.backends.base import Way
from server.auth.backends.local import LocalWay, OpenWay
from server.auth.login_store import SqliteLogins
from server.auth.logins import Logins
from server.auth.share_links import LinksOf, Shares, load_key
from server.config.settings import Settings


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
