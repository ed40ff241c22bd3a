"""Application: `holdfast acp` from its command line to its exit code. Standard output has the protocol's lines and nothing else."""

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path

import msgspec

from clients.acp.agent import Agent
from clients.acp.output import LineOutput
from clients.acp.place import locator
from clients.acp.rpc import Message
from clients.acp.server import Server
from clients.session.address import base_address
from clients.session.tasks import owned_tasks
from clients.terminal import credentials
from clients.terminal.input import LineReader

USAGE = 2

LINE_MAX_CHARS = 16 * 1024 * 1024
"""A longer line is cut, and cannot be read. The images that a model is shown at once have 11 million characters as base64."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `holdfast acp`."""
    parser.description = (
        "An agent for editors that speak the Agent Client Protocol (Zed, JetBrains, Neovim, Emacs): its sessions are those of "
        "a Holdfast server. The editor starts it. When the editor ends, the sessions go on."
    )
    parser.epilog = (
        "Without --url and --data it is your own server (`holdfast serve --own`), which is started if it does not run. The token is found "
        f"in the data folder, in --token-file or in ${credentials.TOKEN_VARIABLE}."
    )
    parser.add_argument("--url", default=None, metavar="URL", help="the server (default: that of the data folder)")
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="read the token from this file")
    parser.add_argument(
        "--data",
        type=Path,
        metavar="FOLDER",
        help=f"data folder of a server on this machine (default: ${credentials.DATA_VARIABLE}, else your own server)",
    )
    parser.add_argument("--no-start", action="store_true", help="do not start your own server if it does not run")


def main(args: argparse.Namespace, version: str) -> int:
    """Run `holdfast acp`; the exit code: 0 the editor left, 2 wrong usage."""
    try:
        if args.url is not None:
            base_address(args.url)
    except ValueError as error:
        print(f"holdfast: error: {error}", file=sys.stderr)
        return USAGE
    lines = take_standard_output()
    server = Server(locator(args.url, args.token_file, args.data, start=not args.no_start))
    asyncio.run(_serve(server, version, lines))
    return 0


def take_standard_output() -> int:
    """A descriptor for the protocol; whatever else is printed goes to standard error."""
    lines = os.dup(1)
    os.dup2(2, 1)
    return lines


async def _serve(server: Server, version: str, lines: int) -> None:
    left = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, left.set)
    await serve(server, version, 0, lines, left)


async def serve(server: Server, version: str, source: int, sink: int, left: asyncio.Event) -> None:
    """Be the agent of the editor that writes to the descriptor `source` and reads `sink`, until it ends or `left` is set."""
    output = LineOutput(sink, left.set)
    reader = LineReader(source, LINE_MAX_CHARS)
    encode = msgspec.json.Encoder().encode

    def write(message: Message) -> None:
        output.write(encode(message))

    try:
        async with owned_tasks() as start:
            agent = Agent(server, version, start, write, output.room)
            start(_read(reader, agent, left), "read lines")
            await left.wait()
    finally:
        output.close()
        reader.close()


async def _read(reader: LineReader, agent: Agent, left: asyncio.Event) -> None:
    while (line := await reader.next()) is not None:
        agent.take(line)
    left.set()
