"""`holdfast token`: makes, lists and revokes API tokens, also while the server runs."""

import argparse
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import get_args

from server.auth.backends.api_tokens import ApiToken, TokenFile, TokenList, are_rows, new_token, tokens_path
from server.auth.backends.token_rows import TokenTable
from server.auth.principal import RIGHTS, Right
from server.cli.options import FAILURE, USAGE, add_place, fail, settings_of
from server.config.loader import SettingsError
from server.config.settings import Settings
from server.journal.backend import open_credentials
from server.journal.base import JournalError
from server.util.private_files import PrivateFileError

UNITS_S = {"m": 60, "h": 3_600, "d": 86_400}
NOTE_MAX_CHARS = 200

_TIME = re.compile(r"(?P<count>[1-9][0-9]{0,5})(?P<unit>[mhd])")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `holdfast token`."""
    parser.description = (
        "API tokens, for `auth.mode` `tokens`. A running server applies changes at once: it closes the sockets of a "
        "revoked token within seconds."
    )
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    add = verbs.add_parser("add", help="make a token; it is shown once, and only its hash is stored")
    add.add_argument("user", metavar="USER", help="the user it belongs to; sessions belong to users")
    add.add_argument(
        "--rights",
        default="sessions",
        metavar="LIST",
        help=f"what it allows, separated by commas: {', '.join(RIGHTS)} (default: %(default)s)",
    )
    add.add_argument("--expires", metavar="TIME", help="how long it is valid, such as 12h or 30d (default: for ever)")
    add.add_argument("--note", default="", metavar="TEXT", help="a note that `list` shows")
    add.set_defaults(verb=_add)
    verbs.add_parser("list", help="list the tokens, without their secrets").set_defaults(verb=_list)
    revoke = verbs.add_parser("revoke", help="revoke a token")
    revoke.add_argument("id", metavar="ID", help="its id, as `holdfast token list` shows it")
    revoke.set_defaults(verb=_revoke)
    for verb in verbs.choices.values():
        add_place(verb)


def main(args: argparse.Namespace) -> int:
    """Run the command; the exit code: 0 done, 1 failed, 2 wrong usage or settings."""
    try:
        with token_list(settings_of(args)) as tokens:
            code: int = args.verb(args, tokens)
    except (SettingsError, ValueError) as error:
        return fail(str(error), USAGE)
    except (PrivateFileError, JournalError) as fault:
        return fail(str(fault), FAILURE)
    return code


def read_rights(text: str) -> list[Right]:
    """Parse a list of rights such as `sessions,metrics`. Raises ValueError."""
    rights = [part.strip() for part in text.split(",") if part.strip()]
    wrong = [right for right in rights if right not in get_args(Right)]
    if wrong or not rights:
        raise ValueError(f"--rights {text!r}: must be of {', '.join(RIGHTS)}, separated by commas")
    return [right for right in RIGHTS if right in rights]


def read_time_s(text: str) -> float:
    """Parse a duration such as `90m`, `12h` or `30d` into seconds. Raises ValueError."""
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError(f"--expires {text!r}: write a number of minutes, hours or days: 90m, 12h, 30d")
    return int(found["count"]) * UNITS_S[found["unit"]]


def _add(args: argparse.Namespace, tokens: TokenList) -> int:
    if len(args.note) > NOTE_MAX_CHARS or not args.note.isprintable():
        raise ValueError(f"--note must be at most {NOTE_MAX_CHARS} printable characters")
    now = time.time()
    expires_at = None if args.expires is None else now + read_time_s(args.expires)
    kept, secret = new_token(args.user, read_rights(args.rights), now, expires_at, args.note)
    tokens.add(kept)
    print(secret)
    print(
        f"token {kept.id} of {kept.user} ({', '.join(kept.rights)}; {_until(kept, now)}); it is not shown again",
        file=sys.stderr,
    )
    return 0


def _list(args: argparse.Namespace, tokens: TokenList) -> int:
    now = time.time()
    rows = [("ID", "USER", "RIGHTS", "MADE", "VALID", "NOTE")]
    rows += [
        (kept.id, kept.user, ",".join(kept.rights), _day(kept.created_at), _until(kept, now), kept.note)
        for kept in tokens.all()
    ]
    if len(rows) == 1:
        print(f"there are no tokens in {tokens.where}", file=sys.stderr)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0


def _revoke(args: argparse.Namespace, tokens: TokenList) -> int:
    if not tokens.revoke(args.id):
        return fail(f"there is no token {args.id!r} in {tokens.where}; `holdfast token list` shows them", FAILURE)
    print(f"token {args.id} is revoked")
    return 0


@contextmanager
def token_list(settings: Settings) -> Iterator[TokenList]:
    """The tokens of a server with these settings. Raises `PrivateFileError`, `JournalError`."""
    if not are_rows(settings):
        yield TokenFile(tokens_path(settings))
        return
    with open_credentials(settings.journal) as table:
        yield TokenTable(table, tokens_path(settings))


def _until(kept: ApiToken, now: float) -> str:
    if kept.expires_at is None:
        return "for ever"
    return f"{'until' if kept.expires_at > now else 'expired'} {_day(kept.expires_at)}"


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%MZ")
