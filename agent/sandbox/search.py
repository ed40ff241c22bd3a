"""A search through the files of a workspace: here by a process of its own, elsewhere by the same program as a command."""

import asyncio
import math
import os
import shlex
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from agent.sandbox.settings import SandboxSettings
from agent.workspace.files import ExitStatus, OutputSink, SandboxError, SearchMatch, SearchRequest, SearchResult

PROGRAM = Path(__file__).with_name("search_program.py")
LINE_CHARS = 300
DEPTH_MAX = 64
ANSWER_BYTES = 16_777_216
GRACE_S = 2.0
NO_PLACE = "there is nothing of that name in the workspace"


async def search_here(root: int, wanted: SearchRequest, settings: SandboxSettings) -> SearchResult:
    """Search below the open folder `root`, which is closed at the end. Raises SandboxError."""
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", str(PROGRAM), _request(wanted, settings, root)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            pass_fds=(root,),
            env={"LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"},
        )
    finally:
        os.close(root)
    try:
        async with asyncio.timeout(settings.search_timeout_s + GRACE_S):
            said, complaint = await process.communicate()
    except TimeoutError:
        raise SandboxError("the search did not end in time") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return _read(said, complaint.decode(errors="replace"))


async def search_by_command(
    run: Callable[[str, OutputSink, float], Awaitable[ExitStatus]], wanted: SearchRequest, settings: SandboxSettings
) -> SearchResult:
    """Search where files are reached by commands alone; `run` is the sandbox's `exec`, and Python is there."""
    said = bytearray()

    async def hear(piece: bytes) -> None:
        if len(said) < ANSWER_BYTES:
            said.extend(piece)

    program = await asyncio.to_thread(PROGRAM.read_text)
    command = f"python3 -c {shlex.quote(program)} {shlex.quote(_request(wanted, settings, None))}"
    ended = await run(command, hear, settings.search_timeout_s + GRACE_S)
    if ended.code == 127:
        raise SandboxError("there is no python3 in the sandbox, which a search needs")
    return _read(bytes(said), bytes(said).decode(errors="replace"))


def _request(wanted: SearchRequest, settings: SandboxSettings, root: int | None) -> str:
    asked = {
        **msgspec.structs.asdict(wanted),
        "parts": [name for name in wanted.path.split("/") if name not in ("", ".")],
        "root": root,
        "seconds": math.ceil(settings.search_timeout_s),
        "bytes_max": settings.search_bytes_max,
        "matches_max": settings.matches_max,
        "chars_max": LINE_CHARS,
        "depth_max": DEPTH_MAX,
    }
    return msgspec.json.encode(asked).decode()


def _read(said: bytes, complaint: str) -> SearchResult:
    """What the program wrote; without its last line it was killed, by the clock."""
    matches: list[SearchMatch] = []
    for line in said.splitlines():
        try:
            found = msgspec.json.decode(line, type=list[str | int])
        except msgspec.DecodeError:
            continue  # cut by the kill, or part of a complaint
        match found:
            case [str(path), int(number), str(text)]:
                matches.append(SearchMatch(path, number, text))
            case [str(more)]:
                return SearchResult(tuple(matches), more)
    if "FileNotFoundError" in complaint:
        raise SandboxError(NO_PLACE)
    if "Traceback" in complaint:
        last = complaint.strip().splitlines()[-1]
        raise SandboxError(f"the search failed: {last[:LINE_CHARS]}")
    return SearchResult(tuple(matches), "not done in time: the pattern or the files are too much for one search")
