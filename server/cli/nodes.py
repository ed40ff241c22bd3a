"""`holdfast nodes`: lists the servers that share a database."""

import argparse

import msgspec

from server.cli.options import FAILURE, USAGE, add_place, fail, print_table, settings_of
from server.config.loader import SettingsError
from server.journal.backend import begin_epoch, list_nodes
from server.journal.base import JournalError
from server.journal.nodes.listing import NodeSeen


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `holdfast nodes`."""
    parser.description = (
        "Lists the servers that share the database of journal.url, with what each has to do, as of its last beat; those too that "
        "ended last, within the last hour. It asks the database alone."
    )
    add_place(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument(
        "--new-epoch",
        action="store_true",
        help="begin a new epoch, so that clients get snapshots: after an older copy of the database's files was put back while all "
        "servers were stopped, which they cannot notice; start them afterwards",
    )


def main(args: argparse.Namespace) -> int:
    """Run the command; the exit code: 0 done, 1 failed, 2 wrong usage or settings."""
    try:
        settings = settings_of(args)
        if not settings.journal.url:
            return fail("there is one server, as journal.url (HOLDFAST_JOURNAL_URL) names no database to share", USAGE)
        if args.new_epoch:
            print(f"epoch {begin_epoch(settings.journal)} begins: clients get snapshots once the servers run")
            return 0
        nodes = list_nodes(settings.journal)
    except SettingsError as error:
        return fail(str(error), USAGE)
    except JournalError as error:
        return fail(str(error), FAILURE)
    if args.json:
        for node in nodes:
            print(msgspec.json.encode({**msgspec.structs.asdict(node), "number": f"{node.number:x}"}).decode())
        return 0
    print_table(
        [
            ("NODE", "NAME", "STATE", "VERSION", "SINCE", "SESSIONS", "SOCKETS", "DUTIES", "LAST BEAT"),
            *map(_line, nodes),
        ]
    )
    return 0


def _line(node: NodeSeen) -> tuple[str, ...]:
    name = "".join(c if c.isprintable() else "?" for c in node.name)
    counts = ("", "") if node.state == "dead" else (str(node.sessions), str(node.sockets))
    since = f"{node.started_at[:19]}Z"
    return (
        f"{node.number:x}",
        name,
        node.state,
        node.version,
        since,
        *counts,
        "yes" if node.duties else "",
        f"{node.beat_age_s:.1f} s ago",
    )
