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
from clients.acp.rpc import AUTH_REQUIRED, Failure, Message
from clients.acp.server import Server
from clients.session.address import base_address
from clients.session.tasks import owned_tasks
from clients.terminal import credentials
from clients.terminal.input import LineReader

DEFAULT_URL = "http://127.0.0.1:7860"
USAGE = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `holdfast acp`."""
    parser.description = (
        "An agent for editors that speak the Agent Client Protocol (Zed, JetBrains, Neovim, Emacs): its sessions are those of "
        "a Holdfast server. The editor starts it. When the editor ends, the sessions go on."
    )
    parser.epilog = (
        "The token of a server on this machine is found in its data folder; any other is read from "
        f"${credentials.TOKEN_VARIABLE} or --token-file. Editors start programs in folders of their own choice: give --data "
        "or --token-file with a full path."
    )
    parser.add_argument("--url", default=DEFAULT_URL, metavar="URL", help="the server (default: %(default)s)")
    credentials.add_arguments(parser)


def main(args: argparse.Namespace, version: str) -> int:
    """Run `holdfast acp`; the exit code: 0 the editor left, 2 wrong usage."""
    try:
        base_address(args.url)
    except ValueError as error:
        print(f"holdfast: error: {error}", file=sys.stderr)
        return USAGE
    lines = take_standard_output()
    server = Server(args.url, lambda: _token(args.url, args.token_file, args.data))
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
    reader = LineReader(source)
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


def _token(url: str, token_file: Path | None, data: Path | None) -> str | None:
    try:
        return credentials.find_token(url, token_file, data, os.environ)
    except credentials.NoToken as error:
        raise Failure(AUTH_REQUIRED, str(error)) from error
