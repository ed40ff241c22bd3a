"""Command: `holdfast prove URL`: tries a server case by case, shows progress, writes reports. Exit code 1: a promise did not hold."""

import argparse
import asyncio
import os
import random
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from clients.prove import reports
from clients.prove.attendee import Refusal
from clients.prove.cases import CASES, Case, cases_named
from clients.prove.ground import PATIENCE_S, Target
from clients.prove.model import MODEL, ScriptedModel
from clients.prove.peers import DEFAULT_URL, Peer, peer_of
from clients.prove.program import CannotStart, Program
from clients.prove.recording import as_file, recording
from clients.prove.runs import CaseResult, Progress, prove
from clients.prove.trace import Entry
from clients.session.token_file import NoToken, read_token

HELD, BROKEN, NOT_TRIED = 0, 1, 2
ROUNDS = 1
REPORTS = ("json", "junit", "html", "markdown")
"""Options that name a file for the results."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `holdfast prove`."""
    parser.add_argument(
        "peer",
        nargs="*",
        metavar="URL",
        help=f"the server (default: {DEFAULT_URL}); after `durable-streams` the URL below which streams may be "
        "made, after `ag-ui` that of an endpoint; after `acp --` the command of an agent",
    )
    parser.add_argument(
        "--command",
        dest="start_command",
        metavar="COMMAND",
        help="start the server by this command, kill it and start it again; {port}, {data} and {model} are filled in, and "
        "HOLDFAST_API_BASE is the address of the scripted model",
    )
    parser.add_argument(
        "--model-port", type=int, metavar="N", help="serve the scripted model at this port, for a server that you start"
    )
    parser.add_argument(
        "--token-file", type=Path, metavar="FILE", help="file with the token (default: $HOLDFAST_TOKEN)"
    )
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="NAME",
        help="only cases whose name contains this; may be repeated",
    )
    parser.add_argument(
        "--seed", type=int, metavar="N", help="begin with this seed (default: a random one, which is printed)"
    )
    parser.add_argument(
        "--rounds", type=int, default=ROUNDS, metavar="N", help="seeds for each case (default: %(default)s)"
    )
    parser.add_argument("--minutes", type=float, default=0.0, metavar="N", help="go on with more seeds for so long")
    parser.add_argument(
        "--patience",
        type=float,
        default=PATIENCE_S,
        metavar="S",
        help="seconds until something counts as stuck (default: %(default)g)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results as JSON")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="write the results as JUnit's XML")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the results as a page")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table of the results")
    parser.add_argument(
        "--record", type=Path, metavar="FOLDER", help="write each case's session there, to check a client's fold with"
    )
    parser.add_argument("--list", action="store_true", help="list the cases and end")


def main(args: argparse.Namespace, version: str) -> int:
    """Run the command; its exit code: 0 all held, 1 something did not, 2 it could not be tried."""
    if args.list:
        for case in peer_of(args.peer or ()).cases:
            print(f"{case.name:<32}{case.promise}{' (needs --command)' if case.needs_command else ''}")
        return HELD
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the server that was started is ended, too
    try:
        peer = peer_of(args.peer)
        if peer.is_started and args.start_command:
            raise ValueError("`acp` starts the agent by the command behind it; leave out --command")
        if args.record and peer.cases is not CASES:
            raise ValueError("--record writes sessions of our protocol; leave it out")
        cases = cases_named(args.only, peer.cases)
        token = read_token(args.token_file) if args.token_file else os.environ.get("HOLDFAST_TOKEN")
        _check_reports(args)
        return asyncio.run(_prove(args, peer, cases, token, version))
    except (ValueError, OSError, NoToken) as error:
        why: BaseException = error
    except BaseExceptionGroup as group:
        causes = list(_leaves(group))
        if not all(isinstance(one, OSError | Refusal | CannotStart) for one in causes):
            raise
        why = causes[0]
    if isinstance(why, OSError) and why.filename is not None:  # a program or a file of the command line
        why = ValueError(f"{why.filename}: {why.strerror}")
    print(f"holdfast prove: {why}", file=sys.stderr)
    return NOT_TRIED


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for one in group.exceptions:
        if isinstance(one, BaseExceptionGroup):
            yield from _leaves(one)
        else:
            yield one


async def _prove(args: argparse.Namespace, peer: Peer, cases: Sequence[Case], token: str | None, version: str) -> int:
    seed = random.SystemRandom().randrange(1_000_000) if args.seed is None else args.seed
    async with AsyncExitStack() as stack:
        program = await _begin(args, peer.url, stack)
        if program is None and not peer.is_started:
            await _look(peer.url)
        target = Target(url=peer.url, token=token, program=program, patience_s=args.patience)
        print(f"seed {seed}; {len(cases)} cases")
        results = await prove(
            target,
            cases,
            seed=seed,
            rounds=args.rounds,
            seconds=args.minutes * 60,
            progress=_progress(args.record),
            play=peer.play,
        )
    print("\n".join(reports.lines(results)))
    _write(args, peer.url, results, seed, version)
    return BROKEN if any(result.failure is not None for result in results) else HELD


async def _look(url: str) -> None:
    """Raises `ConnectionError` if nothing listens there."""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    try:
        port = parts.port or (443 if parts.scheme in ("https", "wss") else 80)
        _, writer = await asyncio.open_connection(parts.hostname or "127.0.0.1", port)
    except OSError as error:
        why = f"nothing answers at {url} ({error.strerror or error}); start the server, or have it started by --command"
        raise ConnectionError(why) from error
    writer.close()


async def _begin(args: argparse.Namespace, url: str, stack: AsyncExitStack) -> Program | None:
    """Serve the model, and start the server if that is asked for."""
    model = ScriptedModel(args.model_port or 0)
    if args.model_port or args.start_command:
        await stack.enter_async_context(model.running())
    if not args.start_command:
        return None
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="holdfast-prove-")))
    environ = {"HOLDFAST_API_BASE": model.api_base, "HOSTED_VLLM_API_KEY": "none"}
    command = args.start_command.replace("{model}", f"hosted_vllm/{MODEL}")
    program = Program(command, url, folder, environ)
    stack.push_async_callback(program.aclose)
    await program.start()
    return program


def _progress(record: Path | None) -> Progress:
    """Shows how far it is. `record`: the folder for the sessions of runs in which all held."""

    def show(result: CaseResult, seed: int, trace: Sequence[Entry]) -> None:
        broken = ", which did not hold" if result.failure is not None else ""
        print(f"{result.name}: seed {seed}, {result.seconds:.1f} s{broken}", file=sys.stderr, flush=True)
        if record is not None and result.failure is None:
            about = f"{result.server}, `{result.name}` with seed {seed}: {result.promise}"
            (record / f"{result.name}.json").write_text(as_file(recording(about, trace)))

    return show


def _check_reports(args: argparse.Namespace) -> None:
    """Raises `ValueError` if something cannot be written: a run may take long, and its results would be lost."""
    if args.record is not None:
        try:
            args.record.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ValueError(f"--record {args.record}: {error.strerror}; name another folder") from error
    for option in REPORTS:
        path: Path | None = getattr(args, option)
        if path is not None and (path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK)):
            why = "is a folder" if path.is_dir() else "cannot be written"
            raise ValueError(f"--{option} {path}: {why}; name another file, in a folder that exists")


def _write(args: argparse.Namespace, url: str, results: Sequence[CaseResult], seed: int, version: str) -> None:
    made_at = datetime.now(UTC).isoformat(timespec="seconds")
    about = reports.About(url, _server_of(results), seed, made_at, version)
    if args.json:
        args.json.write_bytes(reports.as_json(about, results))
    if args.junit:
        args.junit.write_bytes(reports.as_junit(about, results))
    if args.html:
        args.html.write_text(reports.as_html(about, results))
    if args.markdown:
        args.markdown.write_text(reports.as_markdown(results) + "\n")


def _server_of(results: Sequence[CaseResult]) -> str:
    """The name that the server gave itself in `ready`."""
    return next((result.server for result in results if result.server), "a server")
