"""File search: runs the search program, as a process on this machine or as a command in a remote sandbox."""

import functools
import importlib.util
import math
import shlex
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from agent.util.executors import HolderExecutor
from agent.util.programs import Program, run_program
from agent.workspace.files import Entry, ExitStatus, OutputSink, SandboxError, SearchMatch, SearchRequest, SearchResult
from agent.workspace.paths import as_text
from agent.workspace.workspace import LISTED_MAX

PROGRAM = Path(__file__).with_name("search_program.py")
LINE_CHARS = 300
DEPTH_MAX = 64
ANSWER_BYTES = 16_777_216
GRACE_S = 2.0
NOT_FOUND = "there is nothing of that name in the workspace"


SEARCH_TIMEOUT_S = 10.0
"""How long one `grep` may take; then it returns what it has found. A pattern may need endless time."""

SEARCH_BYTES_MAX = 268_435_456
"""How much of the files one `grep` looks at: as much as a whole workspace may hold by default."""

MATCHES_MAX = 200
"""Lines that one `grep` finds at most: a model refines a search instead of reading more."""


async def search_here(
    root: int, search: SearchRequest, threads: HolderExecutor, until: float, *, gitignore: bool = False
) -> SearchResult:
    """Search below the open folder `root`, which is closed at the end, until this time of `time.monotonic`.

    Waiting for a thread is a part of that time, so many searches in one message take no longer than one.
    `gitignore`: what `.gitignore` files name is passed over. Raises SandboxError, PlacesTaken.
    """
    output, errors = await _run_here(_request(search, root, gitignore=gitignore), root, threads, until)
    return _parse(output, errors)


async def list_here(
    root: int, path: str, recursive: bool, threads: HolderExecutor, until: float
) -> tuple[list[Entry], bool]:
    """The entries of a folder below the open folder `root`, which is closed at the end, without what `.gitignore` files name.

    As `SessionFiles.list`. In a process of its own, since patterns of a `.gitignore` may need endless time. Raises SandboxError, PlacesTaken.
    """
    request = _request(
        SearchRequest(pattern="", path=path), root, gitignore=True, listed_max=LISTED_MAX + 1, recursive=recursive
    )
    output, errors = await _run_here(request, root, threads, until)
    entries: list[Entry] = []
    for line in output.splitlines():
        try:
            row = msgspec.json.decode(line, type=list[str | int])
        except msgspec.DecodeError:
            continue  # cut by the kill
        match row:
            case [str(name), str(kind), int(size), int(modified)]:
                entries.append(Entry(as_text(name), kind, size, modified))
            case [str(more)]:
                return entries, bool(more)
    _raise_for(errors)
    return entries, True


async def _run_here(request: str, root: int, threads: HolderExecutor, until: float) -> tuple[bytes, str]:
    program = Program(
        command=(sys.executable, "-I", "-S", str(PROGRAM), request),
        environ={"LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"},
        timeout_s=SEARCH_TIMEOUT_S + GRACE_S,
        until=until,
        passed=(root,),
    )
    result = await run_program(threads, program)
    return result.output, result.errors.decode(errors="replace")


async def search_by_command(
    run: Callable[[str, OutputSink, float], Awaitable[ExitStatus]], search: SearchRequest
) -> SearchResult:
    """Search in a sandbox whose files are reached by commands; `run` is its `exec`. It needs `python3` there."""
    output = bytearray()

    async def collect(piece: bytes) -> None:
        if len(output) < ANSWER_BYTES:
            output.extend(piece)

    command = f"python3 -c {shlex.quote(_program())} {shlex.quote(_request(search, None))}"
    status = await run(command, collect, SEARCH_TIMEOUT_S + GRACE_S)
    if status.code == 127:
        raise SandboxError("there is no python3 in the sandbox, which a search needs")
    return _parse(bytes(output), bytes(output).decode(errors="replace"))


@functools.cache
def _program() -> str:
    return PROGRAM.read_text(encoding="utf-8")


@functools.cache
def _libraries() -> str:
    """The folder that the program imports `pathspec` from."""
    spec = importlib.util.find_spec("pathspec")
    assert spec is not None and spec.origin is not None
    return str(Path(spec.origin).parent.parent)


def _request(
    search: SearchRequest, root: int | None, *, gitignore: bool = False, listed_max: int = 0, recursive: bool = True
) -> str:
    """The request as JSON. `listed_max`: so many entries are listed, and nothing is searched; `recursive`: also those of folders below."""
    request = {
        **msgspec.structs.asdict(search),
        "parts": [name for name in search.path.split("/") if name not in ("", ".")],
        "root": root,
        "seconds": math.ceil(SEARCH_TIMEOUT_S),
        "bytes_max": SEARCH_BYTES_MAX,
        "matches_max": MATCHES_MAX,
        "chars_max": LINE_CHARS,
        "depth_max": DEPTH_MAX,
        "libraries": _libraries() if gitignore else "",
        "listed_max": listed_max,
        "recursive": recursive,
    }
    return msgspec.json.encode(request).decode()


def _parse(output: bytes, errors: str) -> SearchResult:
    """The result that the program wrote; without its last line it was killed, because its time was over."""
    matches: list[SearchMatch] = []
    for line in output.splitlines():
        try:
            row = msgspec.json.decode(line, type=list[str | int])
        except msgspec.DecodeError:
            continue  # cut by the kill, or part of an error text
        match row:
            case [str(path), int(number), str(text)]:
                matches.append(SearchMatch(path, number, text))
            case [str(more)]:
                return SearchResult(tuple(matches), more)
    _raise_for(errors)
    return SearchResult(tuple(matches), "not done in time: the pattern or the files are too much for one search")


def _raise_for(errors: str) -> None:
    if "FileNotFoundError" in errors:
        raise SandboxError(NOT_FOUND)
    if "NotADirectoryError" in errors:
        raise SandboxError("that is no folder")
    if "Traceback" in errors:
        last = errors.strip().splitlines()[-1]
        raise SandboxError(f"the search failed: {last[:LINE_CHARS]}")
