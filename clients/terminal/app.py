"""Application: `holdfast chat` from its command line to its exit code."""

import argparse
import asyncio
import io
import os
import shlex
import shutil
import signal
import sys

from clients.session.address import base_address
from clients.session.client import SessionClient
from clients.session.errors import CannotConnect, Denied, SessionEnded
from clients.session.library import LibraryClient
from clients.session.token_file import NoToken
from clients.terminal import credentials
from clients.terminal.conversation import FAILED, INTERRUPTED, Conversation
from clients.terminal.input import LineReader
from clients.terminal.render import Painter, Renderer, clean

DEFAULT_URL = "http://127.0.0.1:7860"
USAGE = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `holdfast chat`."""
    parser.description = (
        "Talk to a session from the terminal. It reconnects by itself. Lines may come from a pipe: each waits until the "
        "one before was answered, and after the last the client leaves. Leaving ends nothing: the session stays."
    )
    parser.epilog = (
        "In the conversation, /help lists the commands. The token of a server on this machine is found in its data "
        f"folder; any other is read from ${credentials.TOKEN_VARIABLE} or --token-file."
    )
    parser.add_argument("--url", default=DEFAULT_URL, metavar="URL", help="the server (default: %(default)s)")
    parser.add_argument("--session", default=None, metavar="ID", help="come back to this session (default: a new one)")
    credentials.add_arguments(parser)


def main(args: argparse.Namespace) -> int:
    """Run `holdfast chat`; the exit code: 0 well, 1 failed, 2 wrong usage, 130 interrupted."""
    try:
        base_address(args.url)
        token = credentials.find_token(args.url, args.token_file, args.data, os.environ)
    except (ValueError, NoToken) as error:
        return _fail(str(error), USAGE)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    try:
        return _run(args.url, args.session, token)
    except* BrokenPipeError:
        # Nobody reads what we print. The interpreter must not find that out again when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return FAILED


def _run(url: str, session_id: str | None, token: str | None) -> int:
    try:
        return asyncio.run(_converse(url, session_id, token))
    except KeyboardInterrupt:
        return INTERRUPTED
    except CannotConnect as error:
        return _fail(f"no server at {url}: {error}", FAILED)
    except Denied as denied:
        return _fail(f"the server at {url} refused: {denied.message} ({denied.code})", FAILED)
    except SessionEnded as ended:
        return _fail(f"the connection ended: {ended.message}", FAILED)


async def _converse(url: str, session_id: str | None, token: str | None) -> int:
    async with SessionClient(url, session_id, token=token) as client:
        colours = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        painter = Painter(colours)
        model = clean(client.core.model) + (": built in, not a real model" if client.core.demo else "")
        _print(painter(f"session {client.session_id} (model {model}); /help lists the commands\n", "dim"))
        lines = LineReader(sys.stdin.fileno())
        renderer = Renderer(painter, shutil.get_terminal_size().columns)
        library = LibraryClient(url, client.session_id, token)
        conversation = Conversation(client, lines, renderer, _print, library, interactive=sys.stdin.isatty())
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, conversation.interrupt_pressed)
        try:
            code = await conversation.run()
        finally:
            loop.remove_signal_handler(signal.SIGINT)
            lines.close()
        _print(renderer.break_line() + painter(f"come back with: {_come_back(url, client.session_id)}\n", "dim"))
        return code


def _come_back(url: str, session_id: str) -> str:
    server = [] if url == DEFAULT_URL else ["--url", url]
    return shlex.join(["holdfast", "chat", *server, "--session", session_id])


def _print(text: str) -> None:
    print(text, end="", flush=True)


def _fail(message: str, code: int) -> int:
    print(f"holdfast: error: {clean(message)}", file=sys.stderr)
    return code
