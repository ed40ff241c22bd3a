"""The body's door, put together: the way in that the settings choose."""

from server.auth.local import LocalWay, OpenWay
from server.auth.login_store import SqliteLogins
from server.auth.logins import Logins
from server.auth.shares import LinksOf, Shares, load_key
from server.auth.tokens import TokensWay, tokens_path
from server.auth.way import Way
from server.auth.ways import Ways
from server.settings import Settings


async def open_ways(settings: Settings, links_of: LinksOf) -> Ways:
    """The way in, ready. The data folder must be there and ours. `links_of`: a session's links. Raises `FileFault`, `SettingsError`."""
    auth, folder = settings.auth, settings.journal.folder
    shares = Shares(load_key(folder), links_of)
    if auth.mode == "local" and not auth.local_token:
        ways = Ways(settings, OpenWay(), None, shares)
    else:
        ways = Ways(
            settings, _way(settings), Logins(SqliteLogins(folder), auth.logins_max, auth.logins_per_user_max), shares
        )
    try:
        await ways.open()
    except BaseException:
        await ways.aclose()
        raise
    return ways


def _way(settings: Settings) -> Way:
    match settings.auth.mode:
        case "local":
            return LocalWay(settings.journal.folder)
        case "tokens":
            return TokensWay(tokens_path(settings))
