"""Opening: makes the authenticator that the settings choose, with its backend, its logins and its share links."""

import time
from collections.abc import Callable

from agent.util.executors import Executors
from server.auth.authenticator import Authenticator
from server.auth.backends.api_tokens import ApiTokenBackend, TokenFile, TokenSource, are_rows, tokens_path
from server.auth.backends.base import AuthBackend
from server.auth.backends.local import LocalBackend, NoTokenBackend
from server.auth.backends.token_rows import TokenRows
from server.auth.login_store import SqliteLoginStore
from server.auth.logins import LOGINS_MAX, LOGINS_PER_USER_MAX, Logins
from server.auth.own_logins import OwnLogins
from server.auth.share_links import LinksOfSession, ShareLinks, load_key
from server.auth.tickets import OwnTickets, SharedTickets
from server.config.settings import Settings
from server.journal.credentials import CredentialRows


async def create_authenticator(
    settings: Settings,
    links_of: LinksOfSession,
    executors: Executors,
    rows: CredentialRows | None = None,
    clock: Callable[[], float] = time.time,
) -> Authenticator:
    """The authenticator of the settings, opened. The data folder must exist. `rows`: credentials in the journal's database.

    Raises `PrivateFileError`, `SettingsError`, `JournalError`.
    """
    auth, folder = settings.auth, settings.journal.folder
    shares = ShareLinks(load_key(folder), links_of)
    shared = rows if settings.nodes.several else None
    tickets = OwnTickets() if shared is None else SharedTickets(shared)
    if auth.mode == "local" and not auth.local_token:
        authenticator = Authenticator(settings, NoTokenBackend(auth.local_hf_token), None, shares, tickets, clock)
    else:
        logins: Logins
        if shared is not None:
            from server.auth.shared_logins import SharedLogins  # most servers are alone, and start sooner without

            logins = SharedLogins(shared, folder, auth.secret, executors.server)
        else:
            logins = OwnLogins(SqliteLoginStore(folder), executors.server, LOGINS_MAX, LOGINS_PER_USER_MAX)
        try:
            source = _token_source(settings, rows)
            backend = _create_backend(settings, logins, executors, source, shared, clock)
            authenticator = Authenticator(settings, backend, logins, shares, tickets, clock)
        except BaseException:
            await logins.aclose()
            raise
    try:
        await authenticator.open()
    except BaseException:
        await authenticator.aclose()
        raise
    return authenticator


def _create_backend(
    settings: Settings,
    logins: Logins,
    executors: Executors,
    tokens: TokenSource,
    shared: CredentialRows | None,
    clock: Callable[[], float],
) -> AuthBackend:
    """The backend of the mode. `shared`: the credentials of several servers; None where one is alone."""
    auth, folder = settings.auth, settings.journal.folder
    match auth.mode:
        case "local":
            return LocalBackend(folder, auth.local_hf_token, shared, clock)
        case "tokens":
            return ApiTokenBackend(tokens)
        case "oauth":
            # What these two need takes a quarter of a second to import.
            from server.auth.backends.oauth import OauthBackend
            from server.auth.encryption import create_cipher

            return OauthBackend(auth, tokens, logins, create_cipher(auth.secret, folder))
        case "bearer":
            from server.auth.backends.hf_tokens import HfTokenBackend
            from server.auth.backends.kept_hub_tokens import KeptHubTokens
            from server.auth.encryption import create_cipher

            cipher = create_cipher(auth.secret, folder)
            kept = None if shared is None else KeptHubTokens(shared, cipher, auth.login_s)
            return HfTokenBackend(auth, logins, cipher, executors.identity, kept=kept)


def _token_source(settings: Settings, rows: CredentialRows | None) -> TokenSource:
    path = tokens_path(settings)
    return TokenRows(rows, path) if rows is not None and are_rows(settings) else TokenFile(path)
