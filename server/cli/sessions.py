"""`holdfast sessions`: lists, shows, exports and deletes stored sessions on the server's own machine."""

import argparse
import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import msgspec

from protocol.content import PendingTool
from server.cli.options import FAILURE, USAGE, add_place, fail, print_table, refuse_database, settings_of, told
from server.config.loader import SettingsError
from server.config.settings import Settings
from server.journal.backend import open_stored
from server.journal.base import Deleted, JournalError, NotFound, SessionRow
from server.journal.errors import FolderInUse
from server.journal.offline import OfflineReader
from server.journal.sqlite import open_journal
from server.sessions.export import event_lines, file_name, header_line
from server.sessions.workspaces import remove_workspace, stored_folders

TITLE_CHARS = 50


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `holdfast sessions`."""
    parser.description = "Works on the stored sessions. All commands but `delete` may be used while the server runs."
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    listing = verbs.add_parser("list", help="list the sessions, the newest first")
    listing.add_argument("--user", metavar="USER", help="only the sessions of this user")
    listing.add_argument("--limit", type=int, metavar="N", help="only the N newest (default: all)")
    listing.add_argument("--json", action="store_true", help="one JSON object a line")
    listing.set_defaults(verb=_list)
    show = verbs.add_parser("show", help="show a session's properties as JSON")
    show.set_defaults(verb=_show)
    export = verbs.add_parser("export", help="write a session as JSON Lines: its properties, then its events")
    export.add_argument(
        "-o", "--output", metavar="FILE", help="output file; `-`: standard output (default: a file in this folder)"
    )
    export.set_defaults(verb=_export)
    delete = verbs.add_parser("delete", help="delete a session for good, while no server runs")
    delete.add_argument("--yes", action="store_true", help="do not ask")
    delete.set_defaults(verb=_delete)
    for verb in (show, export, delete):
        verb.add_argument("id", metavar="ID", help="the session's id")
    for verb in verbs.choices.values():
        add_place(verb)


def main(args: argparse.Namespace) -> int:
    """Run the command; the exit code: 0 done, 1 failed, 2 wrong usage or settings."""
    try:
        settings = settings_of(args)
        code: int = args.verb(args, settings)
    except SettingsError as error:
        return fail(str(error), USAGE)
    except (NotFound, Deleted):
        return fail(f"there is no session {args.id!r}; `holdfast sessions list` shows them", FAILURE)
    except FolderInUse as error:
        message = f"{error.path} is in use: while the server runs, delete with `DELETE /api/sessions/{args.id}`"
        return fail(message, FAILURE)
    except (JournalError, OSError) as error:
        return fail(told(error), FAILURE)
    return code


def _list(args: argparse.Namespace, settings: Settings) -> int:
    if args.limit is not None and args.limit < 1:
        return fail(f"--limit {args.limit}: must be 1 or more", USAGE)
    with open_stored(settings.journal) as journal:
        rows = journal.rows(args.user, args.limit)
    if args.json:
        for row in rows:
            print(msgspec.json.encode(_as_json(row)).decode())
        return 0
    table = [("ID", "USER", "STATE", "MESSAGES", "LAST ACTIVE", "TITLE")]
    table += [
        (r.session_id, r.user_id, r.state, str(r.message_count), r.last_active_at[:16] + "Z", _plain(r.title))
        for r in rows
    ]
    print_table(table)
    return 0


def _show(args: argparse.Namespace, settings: Settings) -> int:
    with open_stored(settings.journal) as journal:
        head, row = journal.stat(args.id)
        shown = {**_as_json(row), "seq": head, "epoch": journal.epoch}
    shown["pending_approval"] = msgspec.json.decode(row.pending_approval, type=list[PendingTool])
    print(msgspec.json.format(msgspec.json.encode(shown)).decode())
    return 0


def _export(args: argparse.Namespace, settings: Settings) -> int:
    with open_stored(settings.journal) as journal:
        head, row = journal.stat(args.id)
        if args.output == "-":
            _write(journal, row, head, sys.stdout.fileno())
            return 0
        path = Path(args.output or file_name(args.id))
        try:
            # Private: the folder may be readable for others.
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            return fail(f"{path}: {error.strerror}; name another file with --output, it is never overwritten", FAILURE)
        try:
            _write(journal, row, head, descriptor)
        except (JournalError, OSError) as error:
            path.unlink()  # a part of a session would look like all of it
            return fail(f"{path}: nothing was exported: {told(error)}", FAILURE)
        finally:
            os.close(descriptor)
    print(f"{path}: {head} events")
    return 0


def _write(journal: OfflineReader[Any], row: SessionRow, head: int, descriptor: int) -> None:
    with os.fdopen(descriptor, "wb", closefd=False) as file:
        file.write(header_line(row, journal.epoch, head))
        for after, records in journal.pages(row.session_id, head):
            file.writelines(event_lines(records, after))


def _delete(args: argparse.Namespace, settings: Settings) -> int:
    folder = settings.journal.folder
    if refused := refuse_database(settings, f"delete at a running server, `DELETE /api/sessions/{args.id}`"):
        return refused
    with open_stored(settings.journal) as journal:
        _, row = journal.stat(args.id)
    if not args.yes:
        print(f"{args.id} of {row.user_id}, {row.message_count} messages: {_plain(row.title)!r}", file=sys.stderr)
        print("Delete it and its workspace for good? [y/N] ", end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            return fail("nothing was deleted", FAILURE)

    async def delete() -> bool:
        journal = await open_journal(folder)
        try:
            removed = remove_workspace(folder, args.id)
            if removed:
                await journal.delete(args.id)
        finally:
            await journal.aclose()
        return removed

    if not asyncio.run(delete()):
        left = " and ".join(str(one) for one in stored_folders(folder, args.id) if one.exists())
        message = f"{left} could not be removed, so the session is kept: "
        return fail(message + "remove that folder as its owner or as root, then delete the session again", FAILURE)
    print(f"{args.id} is deleted")
    return 0


def _as_json(row: SessionRow) -> dict[str, object]:
    names = ("session_id", "user_id", "title", "model", "state", "message_count", "created_at", "last_active_at")
    return {name: getattr(row, name) for name in names}


def _plain(text: str) -> str:
    """A title that is safe to print in a terminal."""
    shown = "".join(c if c.isprintable() else "?" for c in text)
    return shown if len(shown) <= TITLE_CHARS else shown[: TITLE_CHARS - 3] + "..."
