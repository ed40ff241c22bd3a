"""The command line `holdfast sessions`: what is stored is listed, shown, exported and deleted on the server's own machine."""

import argparse
import asyncio
import os
import sys
from pathlib import Path

import msgspec

from protocol.content import PendingTool
from server.config.loader import SettingsError, load_settings, shipped_config
from server.journal.base import Deleted, JournalError, NotFound, SessionRow
from server.journal.errors import FolderInUse
from server.journal.offline import OfflineJournal, open_offline
from server.journal.sqlite import open_journal
from server.sessions.export import event_lines, file_name, header_line
from server.sessions.workspaces import remove_workspace, workspace_folder

FAILURE, USAGE = 1, 2
TITLE_CHARS = 50


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `holdfast sessions`."""
    parser.description = "The stored sessions. All but `delete` may be used while the server runs."
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    listing = verbs.add_parser("list", help="list the sessions, the newest first")
    listing.add_argument("--user", metavar="USER", help="of this user alone")
    listing.add_argument("--json", action="store_true", help="one JSON object a line")
    listing.set_defaults(verb=_list)
    show = verbs.add_parser("show", help="show what is known of a session, as JSON")
    show.set_defaults(verb=_show)
    export = verbs.add_parser("export", help="write a session as JSON Lines: what is known of it, then its events")
    export.add_argument("-o", "--output", metavar="FILE", help="where to; `-`: standard output (default: a file here)")
    export.set_defaults(verb=_export)
    delete = verbs.add_parser("delete", help="delete a session for good, while no server runs")
    delete.add_argument("--yes", action="store_true", help="do not ask")
    delete.set_defaults(verb=_delete)
    for verb in (show, export, delete):
        verb.add_argument("id", metavar="ID", help="the session's id")
    for verb in verbs.choices.values():
        verb.add_argument("--config", type=Path, metavar="FILE", help="config file (default: the shipped one)")
        verb.add_argument("--data", metavar="FOLDER", help="data folder (default: $HOLDFAST_DATA, else ./data)")


def main(args: argparse.Namespace) -> int:
    """Run it; the exit code: 0 well, 1 failed, 2 wrong usage or settings."""
    given = {"journal.data": args.data} if args.data is not None else {}
    try:
        folder = load_settings(args.config or shipped_config(), os.environ, given).journal.folder
        code: int = args.verb(args, folder)
    except SettingsError as error:
        return _fail(str(error), USAGE)
    except (NotFound, Deleted):
        return _fail(f"there is no session {args.id!r}; `holdfast sessions list` shows them", FAILURE)
    except FolderInUse as error:
        message = f"{error.path} is in use: while the server runs, delete with `DELETE /api/sessions/{args.id}`"
        return _fail(message, FAILURE)
    except (JournalError, OSError) as error:
        return _fail(str(error), FAILURE)
    return code


def _list(args: argparse.Namespace, folder: Path) -> int:
    with open_offline(folder) as look:
        rows = look.rows(args.user)
    if args.json:
        for row in rows:
            print(msgspec.json.encode(_told(row)).decode())
        return 0
    table = [("ID", "USER", "STATE", "MESSAGES", "LAST ACTIVE", "TITLE")]
    table += [
        (r.session_id, r.user_id, r.state, str(r.message_count), r.last_active_at[:16] + "Z", _plain(r.title))
        for r in rows
    ]
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    for line in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    return 0


def _show(args: argparse.Namespace, folder: Path) -> int:
    with open_offline(folder) as look:
        head, row = look.stat(args.id)
        told = {**_told(row), "seq": head, "epoch": look.epoch}
    told["pending_approval"] = msgspec.json.decode(row.pending_approval, type=list[PendingTool])
    print(msgspec.json.format(msgspec.json.encode(told)).decode())
    return 0


def _export(args: argparse.Namespace, folder: Path) -> int:
    with open_offline(folder) as look:
        head, row = look.stat(args.id)
        if args.output == "-":
            _write(look, row, head, sys.stdout.fileno())
            return 0
        path = Path(args.output or file_name(args.id))
        # Whoever may read the folder may not read this for that.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            _write(look, row, head, descriptor)
        finally:
            os.close(descriptor)
    print(f"{path}: {head} events")
    return 0


def _write(look: OfflineJournal, row: SessionRow, head: int, descriptor: int) -> None:
    with os.fdopen(descriptor, "wb", closefd=False) as file:
        file.write(header_line(row, look.epoch, head))
        for after, records in look.pages(row.session_id, head):
            file.writelines(event_lines(records, after))


def _delete(args: argparse.Namespace, folder: Path) -> int:
    with open_offline(folder) as look:
        _, row = look.stat(args.id)
    if not args.yes:
        print(f"{args.id} of {row.user_id}, {row.message_count} messages: {_plain(row.title)!r}", file=sys.stderr)
        print("Delete it and its workspace for good? [y/N] ", end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            return _fail("nothing was deleted", FAILURE)

    async def delete() -> bool:
        journal = await open_journal(folder)
        try:
            removed = await asyncio.to_thread(remove_workspace, folder, args.id)
            if removed:
                await journal.delete(args.id)
        finally:
            await journal.aclose()
        return removed

    if not asyncio.run(delete()):
        message = f"{workspace_folder(folder, args.id)} could not be removed, so the session is kept: "
        return _fail(message + "remove that folder as its owner or as root, then delete the session again", FAILURE)
    print(f"{args.id} is deleted")
    return 0


def _told(row: SessionRow) -> dict[str, object]:
    names = ("session_id", "user_id", "title", "model", "state", "message_count", "created_at", "last_active_at")
    return {name: getattr(row, name) for name in names}


def _plain(text: str) -> str:
    """A title as it may be written to a terminal."""
    shown = "".join(c if c.isprintable() else "?" for c in text)
    return shown if len(shown) <= TITLE_CHARS else shown[: TITLE_CHARS - 3] + "..."


def _fail(message: str, code: int) -> int:
    print(f"holdfast: error: {message}", file=sys.stderr)
    return code
