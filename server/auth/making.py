"""The body's door, put together: the way in that the settings choose."""

from server.auth.local import LocalWay, OpenWay
from server.auth.login_store import SqliteLogins
from server.auth.logins import Logins
from server.auth.tokens import TokensWay, tokens_path
from server.auth.way import Way
from server.auth.ways import Ways
from server.settings import Settings


async def open_ways(settings: Settings) -> Ways:
    """The way in, ready. The data folder must be there and ours. Raises `FileFault`, `SettingsError`."""
    auth, folder = settings.auth, settings.journal.folder
    if auth.mode == "local" and not auth.local_token:
        ways = Ways(settings, OpenWay(), None)
    else:
        ways = Ways(settings, _way(settings), Logins(SqliteLogins(folder), auth.logins_max, auth.logins_per_user_max))
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
