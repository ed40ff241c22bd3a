"""`holdfast`: the command line. Each command imports what it needs when it runs, so that it starts quickly."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from server import __version__
from server.cli.options import FAILURE, INTERRUPTED, add_data, add_place, fail, told

SERVE_HELP = """\
Serves agent sessions on websockets (/ws), with an HTTP API beside it.

Settings come from the config file, whose ${VARIABLES} are filled in from the environment; options go over both.
The shipped config file knows these variables:
  PORT, HOLDFAST_HOST, HOLDFAST_LOG_LEVEL, HOLDFAST_LOG_FORMAT, HOLDFAST_DATA, HOLDFAST_MODEL ...
A model is chosen by the credentials that are set (ANTHROPIC_API_KEY, OPENAI_API_KEY, HF_TOKEN ...); without any, a
built-in demo answers. All settings: docs/configuration.md
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run `holdfast COMMAND`; the exit code: 0 done, 1 failed, 2 wrong usage or settings, 130 interrupted."""
    argv = sys.argv[1:] if argv is None else argv
    return _run(make_parser(argv), argv)


def make_parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    """The parser of the command line; only the command that `argv` begins with has its options."""
    parser = argparse.ArgumentParser(
        prog="holdfast",
        description="Holdfast: a server for agent sessions on websockets.",
        epilog="`holdfast COMMAND --help` says more about a command.",
    )
    _add_version(parser)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_serve(commands.add_parser("serve", help="run the server", description=SERVE_HELP, formatter_class=_Plain))
    _add_schema(commands.add_parser("schema", help="print or write the documents that are generated from the code"))
    _add_doctor(
        commands.add_parser("doctor", help="check the machine, the settings and the data folder, and say what to do")
    )
    _add_chat(commands.add_parser("chat", help="talk to a server from the terminal"), chosen="chat" in argv[:1])
    _add_acp(
        commands.add_parser("acp", help="be the agent of an editor that speaks the Agent Client Protocol"),
        chosen="acp" in argv[:1],
    )
    _add_prove(commands.add_parser("prove", help="try whether a server keeps its sessions"), chosen="prove" in argv[:1])
    _add_token(commands.add_parser("token", help="make, list and revoke API tokens"), chosen="token" in argv[:1])
    _add_login_link(
        commands.add_parser("login-link", help="print a link that logs a browser in, once"),
        chosen="login-link" in argv[:1],
    )
    _add_sessions(
        commands.add_parser("sessions", help="list, show, export, delete sessions"), chosen="sessions" in argv[:1]
    )
    _add_backup(
        commands.add_parser("backup", help="copy the data folder, while the server runs"), chosen="backup" in argv[:1]
    )
    _add_nodes(commands.add_parser("nodes", help="list the servers that share a database"), chosen="nodes" in argv[:1])
    _add_migrate(
        commands.add_parser("migrate", help="move a stopped server's sessions into a database, or back"),
        chosen="migrate" in argv[:1],
    )
    return parser


def serve_main(argv: Sequence[str] | None = None) -> int:
    """Run `python -m server`, which is `holdfast serve`."""
    parser = argparse.ArgumentParser(prog="python -m server", description=SERVE_HELP, formatter_class=_Plain)
    _add_version(parser)
    _add_serve(parser)
    return _run(parser, sys.argv[1:] if argv is None else argv)


def _run(parser: argparse.ArgumentParser, argv: Sequence[str]) -> int:
    args = parser.parse_args(argv)
    command: Callable[[argparse.Namespace], int] = args.command
    try:
        return command(args)
    except KeyboardInterrupt:
        return INTERRUPTED


class _Plain(argparse.RawDescriptionHelpFormatter):
    """Keeps the description's lines."""


def _add_version(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--version", action="version", version=f"Holdfast {__version__}")


def _add_serve(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", metavar="ADDRESS", help="where to listen (default: 127.0.0.1, and ::1)")
    parser.add_argument("--port", type=int, metavar="N", help="TCP port; 0: any free one (default: $PORT, else 7860)")
    parser.add_argument("--fd", type=int, metavar="N", help="listen on this open socket, which a supervisor passed on")
    parser.add_argument("--config", type=Path, metavar="FILE", help="config file (default: the shipped one)")
    add_data(parser, "where sessions are stored (default: $HOLDFAST_DATA, else ./data)")
    parser.add_argument(
        "--model", metavar="NAME", help="model, as LiteLLM names it, or `demo` (default: by credentials)"
    )
    parser.add_argument("--no-token", action="store_true", help="ask for no token (only on loopback, in local mode)")
    parser.add_argument("--log-level", metavar="LEVEL", help="debug, info, warning or error (default: info)")
    parser.set_defaults(command=_serve)


def _add_doctor(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Checks the config, the data folder, the address, the sandbox, the model's credential and the MCP servers, and "
        "says what to do. It changes nothing. The exit code is 1 if a check failed."
    )
    add_place(parser)
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.add_argument(
        "--online", action="store_true", help="also call the model for a few tokens, and connect to MCP servers"
    )
    parser.set_defaults(command=_doctor)


def _add_schema(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Prints the protocol's JSON Schema, or writes all documents that are generated from the code: the JSON Schema, the "
        "AsyncAPI document and the tables in docs/."
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--asyncapi", action="store_true", help="print the AsyncAPI document instead")
    what.add_argument("--write", action="store_true", help="write the generated files of this checkout")
    what.add_argument(
        "--check", action="store_true", help="compare the generated files; the exit code is 1 if one is out of date"
    )
    parser.set_defaults(command=_schema)


def _add_chat(parser: argparse.ArgumentParser, *, chosen: bool) -> None:
    if chosen:
        from clients.terminal import app as chat

        chat.add_arguments(parser)
    parser.set_defaults(command=_chat)


def _add_acp(parser: argparse.ArgumentParser, *, chosen: bool) -> None:
    if chosen:
        from clients.acp import app as acp

        acp.add_arguments(parser)
    parser.set_defaults(command=_acp)


def _add_prove(parser: argparse.ArgumentParser, *, chosen: bool) -> None:
    parser.description = (
        "Tries a server case by case: its clients are cut off, send again, race and come back, and must all see the same. "
        "With --command it also kills and restarts the server. The exit code is 1 if a promise did not hold."
    )
    if chosen:
        from clients.prove import command

        command.add_arguments(parser)
    parser.set_defaults(command=_prove)


def _add_token(parser: argparse.ArgumentParser, *, chosen: bool) -> None:
    if chosen:
        from server.cli import tokens

        tokens.add_arguments(parser)
    parser.set_defaults(command=_token)


def _add_login_link(parser: argparse.ArgumentParser, *, chosen: bool) -> None:
    if chosen:
        from server.cli import login_link

        login_link.add_arguments(parser)
        parser.set_defaults(command=login_link.main)


def _add_sessions(parser: argparse.ArgumentParser, *, chosen: bool) -> None:
    if chosen:
        from server.cli import sessions

        sessions.add_arguments(parser)
        parser.set_defaults(command=sessions.main)


def _add_backup(parser: argparse.ArgumentParser, *, chosen: bool) -> None:
    if chosen:
        from server.cli import backup

        backup.add_arguments(parser)
        parser.set_defaults(command=backup.main)


def _add_nodes(parser: argparse.ArgumentParser, *, chosen: bool) -> None:
    if chosen:
        from server.cli import nodes

        nodes.add_arguments(parser)
        parser.set_defaults(command=nodes.main)


def _add_migrate(parser: argparse.ArgumentParser, *, chosen: bool) -> None:
    if chosen:
        from server.cli import migrate

        migrate.add_arguments(parser)
        parser.set_defaults(command=migrate.main)


def _serve(args: argparse.Namespace) -> int:
    from agent.util.garbage import kept_for_good

    with kept_for_good():
        from server.cli import serve

    return serve.main(args)


def _schema(args: argparse.Namespace) -> int:
    from server.cli import generate
    from server.util.checkout import checkout

    if args.write or args.check:
        root = checkout()
        if root is None:
            return fail(
                "`schema --write` and `--check` need a checkout of Holdfast: an installed package has no docs/", FAILURE
            )
        try:
            stale = generate.write(root) if args.write else generate.check(root)
        except OSError as error:
            return fail(told(error), FAILURE)
        for path in stale:
            print(f"{path}: {'written' if args.write else 'out of date; run `holdfast schema --write`'}")
        return FAILURE if stale and args.check else 0
    print(generate.asyncapi() if args.asyncapi else generate.json_schema(), end="")
    return 0


def _doctor(args: argparse.Namespace) -> int:
    from protocol.runtime_file import user_data_folder
    from server.doctor.finding import as_json, as_text
    from server.doctor.run import examine

    data = str(user_data_folder(os.environ)) if args.own else args.data
    given = {} if data is None else {"journal.data": data}
    findings = examine(args.config, os.environ, given, online=args.online)
    print(as_json(findings) if args.json else as_text(findings))
    return FAILURE if any(finding.level == "fail" for finding in findings) else 0


def _chat(args: argparse.Namespace) -> int:
    from clients.terminal import app as chat

    return chat.main(args)


def _acp(args: argparse.Namespace) -> int:
    from clients.acp import app as acp

    return acp.main(args, __version__)


def _prove(args: argparse.Namespace) -> int:
    from clients.prove import command

    return command.main(args, __version__)


def _token(args: argparse.Namespace) -> int:
    from server.cli import tokens

    return tokens.main(args)
