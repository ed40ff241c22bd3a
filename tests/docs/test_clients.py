"""Clients of docs/clients: each asks its questions in a session of 5 MB, over a cut in the middle of an answer and over a restart."""

import asyncio
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.docs.client_trial import QUESTIONS, SESSION, Finished, try_client
from tests.faults.harness.lengths import in_the_long_form
from tests.support.node import node_command
from tests.support.paths import ROOT
from tests.support.wscat import command as wscat_command

EXAMPLES = ROOT / "docs" / "clients"
JARS = [Path("/usr/share/java") / name for name in ("gson.jar", "okhttp.jar", "okio.jar")]
"""Of Debian's packages libgoogle-gson-java and libokhttp-java."""

COMMENTS = {".py": "#", ".sh": "#", ".el": ";"}
NO_CODE = re.compile(
    r'^""".*?"""$|^/\*.*?\*/$|^import \(.*?^\)$|^(?:import|from|package|\(require|\(package-initialize)\b.*?$|^\s*[])};,]+$',
    re.DOTALL | re.MULTILINE,
)
"""Docstrings, imports, names of packages, and closing brackets alone on a line."""


class Program(NamedTuple):
    """A client that can be run: its command without arguments, and what it needs of its environment."""

    command: list[str]
    environ: dict[str, str] = {}


def found(name: str) -> str:
    """The path of a program. Skips the test without it."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


def python(file: str) -> Program:
    return Program([str(ROOT / ".venv" / "bin" / "python"), str(EXAMPLES / file)])


def node() -> Program:
    return Program([node_command(), "--experimental-websocket", "--no-warnings", str(EXAMPLES / "ask.mjs")])


def shell(name: str) -> Program:
    """The shell's client, through `wscat` or `websocat`."""
    found("jq")
    environ = {"CLIENT": name, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    if name == "wscat":
        environ["WSCAT"] = " ".join(wscat_command())
    elif shutil.which(name, path=environ["PATH"]) is None:
        pytest.skip(f"{name} has no package for this machine")
    return Program(["bash", str(EXAMPLES / "ask.sh")], environ)


def bun() -> Program:
    """Bun's: the machine's, or npm's that the set-up installed."""
    installed = sorted((ROOT / "tests" / "support" / "npm" / "bun").glob("node_modules/@oven/bun-*/bin/bun"))
    return Program([str(installed[0]) if installed else found("bun"), str(EXAMPLES / "ask.mjs")])


def java() -> Program:
    """Java's, with Debian's packages of OkHttp and Gson."""
    program = found("java")
    if missing := [jar.name for jar in JARS if not jar.is_file()]:
        pytest.skip(f"{', '.join(missing)} of libokhttp-java and libgoogle-gson-java are not installed")
    path = os.pathsep.join(map(str, JARS))
    return Program([program, "-XX:TieredStopAtLevel=1", "-cp", path, str(EXAMPLES / "Ask.java")])


def go(folder: Path) -> Program:
    """Go's, built against Debian's package of gorilla/websocket."""
    if not Path("/usr/share/gocode/src/github.com/gorilla/websocket").is_dir():
        pytest.skip("golang-github-gorilla-websocket-dev is not installed")
    environ = {"GOPATH": "/usr/share/gocode", "GO111MODULE": "off", "GOFLAGS": "-mod=", "HOME": str(folder)}
    built = folder / "ask"
    command = [found("go"), "build", "-o", str(built), str(EXAMPLES / "ask.go")]
    subprocess.run(command, check=True, env={**os.environ, **environ})
    return Program([str(built)])


def emacs() -> Program:
    """Emacs Lisp's, with Debian's package of websocket.el."""
    program = found("emacs")
    if not list(Path("/usr/share/emacs/site-lisp").glob("elpa*/websocket-*")):
        pytest.skip("elpa-websocket is not installed")
    return Program([program, "--script", str(EXAMPLES / "ask.el")])


CLIENTS: dict[str, Callable[[], Program]] = {
    "Python, websockets": lambda: python("ask_websockets.py"),
    "Node": node,
}
MORE: dict[str, Callable[[], Program]] = {
    "Python, aiohttp": lambda: python("ask_aiohttp.py"),
    "shell, wscat": lambda: shell("wscat"),
    "shell, websocat": lambda: shell("websocat"),
    "Bun": bun,
    "Java": java,
    "Emacs Lisp": emacs,
}
"""The long form's."""


async def survives(folder: Path, program: Program) -> None:
    async with contextlib.AsyncExitStack() as running:

        async def start(port: int, token: str) -> Finished:
            process = await running.enter_async_context(
                run(program, f"ws://127.0.0.1:{port}", token, SESSION, *QUESTIONS)
            )

            async def finished() -> list[str]:
                stdout, stderr = await process.communicate()
                assert process.returncode == 0, (stdout, stderr.decode())
                return stdout.decode().splitlines()

            return finished

        await try_client(folder, start)


@contextlib.asynccontextmanager
async def run(program: Program, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """The client, and what it starts, until the block ends."""
    process = await asyncio.create_subprocess_exec(
        *program.command,
        *arguments,
        env={**os.environ, **program.environ},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def lines_of_code(file: Path) -> list[str]:
    """The lines that are not blank, and neither comments, imports, names of packages nor closing brackets alone."""
    lines = NO_CODE.sub("", file.read_text()).splitlines()
    return [line for line in lines if line.strip() and not line.strip().startswith(COMMENTS.get(file.suffix, "//"))]


@pytest.mark.parametrize("file", sorted(EXAMPLES.iterdir()), ids=lambda file: file.name)
def test_a_client_has_at_most_thirty_lines_of_code(file: Path) -> None:
    assert 10 < len(lines_of_code(file)) <= 30


async def stays_away_after_a_date(program: Program) -> None:
    """A server that is away until a date, and then does not know the session."""
    answers = iter([b"503 Away\r\nRetry-After: Mon, 30 Nov 2026 07:00:00 GMT", b"404 Gone"])

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 " + next(answers) + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server, asyncio.timeout(30):
        address = "ws://127.0.0.1:{1}".format(*server.sockets[0].getsockname())
        async with run(program, address, "token", SESSION, *QUESTIONS) as process:
            _, stderr = await process.communicate()
    assert process.returncode and "ended: 404" in stderr.decode()


async def test_a_client_comes_back_after_a_refusal_with_a_date() -> None:
    await stays_away_after_a_date(CLIENTS["Python, websockets"]())


@in_the_long_form
@pytest.mark.parametrize("name", ["Python, aiohttp", "Java"])
async def test_a_client_of_another_kind_does_too(name: str) -> None:
    await stays_away_after_a_date(MORE[name]())


@pytest.mark.parametrize("name", CLIENTS)
async def test_a_client_survives_a_cut_a_restart_and_five_megabytes(tmp_path: Path, name: str) -> None:
    await survives(tmp_path, CLIENTS[name]())


@in_the_long_form
@pytest.mark.parametrize("name", MORE)
async def test_a_client_of_another_kind_survives_them_too(tmp_path: Path, name: str) -> None:
    await survives(tmp_path, MORE[name]())


@in_the_long_form
async def test_a_client_in_go_survives_them_too(tmp_path: Path) -> None:
    await survives(tmp_path, go(tmp_path))
