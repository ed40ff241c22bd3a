"""`holdfast migrate`: moves a stopped server's journal from its data folder into PostgreSQL, or back."""

import argparse
import sys
import time

import msgspec

from server.auth.backends.api_tokens import are_rows, tokens_path, write_tokens
from server.auth.backends.token_rows import TokenTable
from server.auth.shared_keys import is_theirs, write_keys
from server.auth.shared_logins import bring_back
from server.cli.options import FAILURE, USAGE, add_place, fail, settings_of
from server.config.loader import SettingsError
from server.config.settings import Settings
from server.journal.backend import move_journal, open_credentials
from server.journal.base import JournalError
from server.journal.data_dir import DATABASE
from server.journal.settings import JournalSettings
from server.util.private_files import PrivateFileError

EACH_S = 1.0
"""Time between two lines of progress."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `holdfast migrate`."""
    parser.description = (
        "Moves the sessions of a stopped server from its data folder into a PostgreSQL database that holds none, or back: all of it, or "
        "nothing. Positions of clients stay good. What was written is compared with what was read. The place it came from is left as it "
        "is, and marked as moved. Workspaces stay where they are. API tokens go along; so do logins, and the keys of links, from and to "
        "servers that share a database."
    )
    which = parser.add_mutually_exclusive_group(required=True)
    about = "the database, `postgresql://USER@HOST/DATABASE`; without URL it is journal.url, which keeps its password out of sight"
    which.add_argument("--to", metavar="URL", nargs="?", const="", help=f"move into {about}")
    which.add_argument("--from", metavar="URL", nargs="?", const="", dest="source", help=f"move back from {about}")
    parser.add_argument(
        "--no-logins",
        action="store_true",
        help="with --from: leave behind the logins and keys of servers that shared the database, whose auth.secret is lost",
    )
    add_place(parser)


def main(args: argparse.Namespace) -> int:
    """Run the command; the exit code: 0 done, 1 failed, 2 wrong usage or settings."""
    try:
        settings = settings_of(args)
        url = JournalSettings(url=args.source if args.to is None else args.to).url or settings.journal.direct
    except (SettingsError, ValueError) as error:
        return fail(str(error), USAGE)
    if not url:
        return fail("name the database: --to URL or --from URL, or set journal.url (HOLDFAST_JOURNAL_URL)", USAGE)
    folder = settings.journal.folder
    to, source = (url, "") if args.source is None else ("", url)
    if to and not (folder / DATABASE).exists():
        return fail(f"there is no journal in {folder}; name its folder with --data", USAGE)
    told_at = time.monotonic()

    def progress(what: str, count: int) -> None:
        nonlocal told_at
        if time.monotonic() - told_at >= EACH_S:
            told_at = time.monotonic()
            print(f"{what}: {count:,} rows", file=sys.stderr, flush=True)

    journal = msgspec.structs.replace(settings.journal, url=url)
    try:
        if source and not args.no_logins and _has_other_secret(journal, settings.auth.secret):
            return fail(
                "auth.secret (HOLDFAST_SECRET) is not that of the servers that shared the database: with theirs, logins and links to "
                "sessions go along; --no-logins leaves them behind",
                USAGE,
            )
        counts = move_journal(folder, to, source, progress)
        if source:
            _bring_credentials(msgspec.structs.replace(settings, journal=journal), logins=not args.no_logins)
    except (JournalError, PrivateFileError) as error:
        return fail(str(error), FAILURE)
    print(
        f"moved and compared: {', '.join(f'{counts[name]:,} {name}' for name in ('sessions', 'events', 'submissions'))}"
    )
    if to:
        print(f"Start the server with journal.url (HOLDFAST_JOURNAL_URL) and the same data folder, {folder}.")
    else:
        print(f"Start the server without journal.url, with the data folder {folder}.")
    return 0


def _has_other_secret(journal: JournalSettings, secret: str) -> bool:
    with open_credentials(journal) as table:
        return is_theirs(table, secret) is False


def _bring_credentials(settings: Settings, *, logins: bool) -> None:
    """Put the database's API tokens, and with `logins` those of servers that shared it, into the data folder. The other way the next start
    takes them over."""
    folder, secret = settings.journal.folder, settings.auth.secret
    with open_credentials(settings.journal) as table:
        if are_rows(settings):
            path = tokens_path(settings)
            tokens = TokenTable(table, path).all()
            if tokens:
                write_tokens(path, tokens)
        if logins and is_theirs(table, secret):
            write_keys(folder, secret)
            brought = bring_back(table, folder, secret, time.time())
            print(f"logins that go on: {brought}")
