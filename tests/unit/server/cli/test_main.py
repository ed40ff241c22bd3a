"""Command line: as a process of its own."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import websockets

from agent.models import ModelChoice
from server.cli import generate, serve
from server.config.server import ServerSettings
from server.config.settings import Settings
from server.transport import listeners
from tests.support.forking import interpreter
from tests.support.network.http_client import http_client
from tests.support.network.ports import free_port
from tests.support.paths import ROOT

WAIT_S = 30.0
HOLDFAST = interpreter.holdfast()
MODULE = [*interpreter.python(), "-m", "server"]
OWN = [sys.executable, "-m", "server"]
"""With an interpreter of its own: it imports all, has descriptors, and its process is the one that was started."""


def environment(**more: str) -> dict[str, str]:
    """An environment without settings or credentials."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "PYTHONPATH": str(ROOT), **more}


async def start(
    command: list[str], *args: str, pass_fds: tuple[int, ...] = (), **environ: str
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *command,
        *args,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(**environ),
        pass_fds=pass_fds,
    )


async def run(command: list[str], *args: str, **environ: str) -> tuple[int, str, str]:
    """Exit code, output and error output of a command that ends by itself."""
    process = await start(command, *args, pass_fds=(), **environ)
    out, err = await asyncio.wait_for(process.communicate(), WAIT_S)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    return (await asyncio.wait_for(process.stdout.readline(), WAIT_S)).decode().rstrip("\n")


@contextlib.asynccontextmanager
async def server(
    data: Path, *args: str, command: list[str] = MODULE, pass_fds: tuple[int, ...] = (), **environ: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, int, str]]:
    """A server that listens: its process, its port and the line it said. It imports LiteLLM where `environ` says so."""
    environ = {"HOLDFAST_SERVER_PRELOAD_MODEL": "false", **environ}
    process = await start(command, "--data", str(data), "--no-token", *args, pass_fds=pass_fds, **environ)
    try:
        printed = await line(process)
        if not printed:
            assert process.stderr is not None
            pytest.fail((await process.stderr.read()).decode())
        port = int(printed.partition(" listening on http://127.0.0.1:")[2].partition(" ")[0])
        assert await line(process) == f"Try it: wscat -c ws://localhost:{port}/ws"
        yield process, port, printed
    finally:
        if process.returncode is None:
            process.terminate()
        _, err = await asyncio.wait_for(process.communicate(), WAIT_S)
        assert b"Traceback" not in err, err.decode()


async def test_version_and_help_are_printed() -> None:
    assert await run(HOLDFAST, "--version") == (0, "Holdfast 0.1.0\n", "")
    for args, words in (
        (["--help"], ["serve", "schema", "chat"]),
        (["serve", "--help"], ["--host", "--port", "--fd", "--config", "--data", "--model", "--log-level", "7860"]),
        (["schema", "--help"], ["--write", "--check", "--asyncapi"]),
    ):
        code, out, err = await run(HOLDFAST, *args)
        assert (code, err) == (0, "")
        assert all(word in out for word in words)


@pytest.mark.parametrize("args", [[], ["sing"], ["serve", "--prot", "1"], ["serve", "--port", "x"]])
async def test_wrong_usage_ends_with_code_2(args: list[str]) -> None:
    code, out, err = await run(HOLDFAST, *args)
    assert (code, out) == (2, "") and "usage: holdfast" in err


async def test_wrong_settings_end_with_code_2_and_one_line(tmp_path: Path) -> None:
    config = tmp_path / "c.json"
    config.write_text('{"server": {"prot": 1}}')
    cases: list[tuple[list[str], dict[str, str], str]] = [
        (["--config", str(config)], {}, f"{config}: server.prot: there is no such setting; did you mean server.port?"),
        (["--config", str(tmp_path / "none")], {}, "none: cannot be read: No such file or directory"),
        (["--port", "70000"], {}, "command line: server.port: expected int <= 65535, but it is 70000"),
        ([], {"PORT": "eighty"}, 'server.port: expected int, but it is "eighty" (from the environment variable PORT)'),
        (["--host", "0.0.0.0"], {}, "server.host: refusing to listen on 0.0.0.0: in local mode there is one user"),
        ([], {"WEB_CONCURRENCY": "4"}, "WEB_CONCURRENCY is 4"),
    ]
    for args, environ, words in cases:
        code, out, err = await run(MODULE, *args, "--data", str(tmp_path / "data"), **environ)
        assert (code, out) == (2, "")
        assert err.startswith("holdfast: error: ") and words in err and err.count("\n") == 1


async def test_a_port_in_use_ends_with_code_1_and_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, out, err = await run(MODULE, "--port", str(port), "--data", str(tmp_path))
    assert (code, out) == (1, "")
    assert err.startswith(f"holdfast: error: 127.0.0.1:{port} is in use") and err.count("\n") == 1


async def test_a_database_that_is_not_there_ends_with_code_1_and_one_line_without_the_password(tmp_path: Path) -> None:
    url = "postgresql://ann:s3cret@127.0.0.1:1/work"
    code, out, err = await run(MODULE, "--port", "0", "--data", str(tmp_path), HOLDFAST_JOURNAL_URL=url)
    assert (code, out) == (1, "")
    assert err.startswith("holdfast: error: PostgreSQL at 127.0.0.1:1, database work does not answer: start it")
    assert err.count("\n") == 1 and "s3cret" not in err


async def test_a_data_folder_in_use_ends_with_code_1_and_one_line(tmp_path: Path) -> None:
    async with server(tmp_path, "--port", "0", command=OWN) as (first, _, _):
        code, out, err = await run(MODULE, "--port", "0", "--data", str(tmp_path))
        assert (code, out) == (1, "")
        assert err.startswith("holdfast: error: ") and f"process {first.pid}" in err and err.count("\n") == 1


@pytest.mark.parametrize("command", [OWN, [sys.executable, "-c", interpreter.HOLDFAST, "serve"]])
async def test_a_server_prints_its_address_and_that_the_demo_answers(tmp_path: Path, command: list[str]) -> None:
    async with server(tmp_path, "--port", "0", command=command) as (_, port, printed):
        assert printed.startswith(
            f"Holdfast 0.1.0 listening on http://127.0.0.1:{port} (model: demo - no model credentials"
        )
        async with websockets.connect(f"ws://localhost:{port}/ws") as client:
            ready = json.loads(str(await asyncio.wait_for(client.recv(), WAIT_S)).splitlines()[0])
            assert (ready["type"], ready["model"], ready["demo"]) == ("ready", "demo", True)


async def test_the_token_is_never_printed_and_a_link_that_works_once_by_the_start_that_makes_it(tmp_path: Path) -> None:
    for start_number in (1, 2):
        process = await start(MODULE, "--data", str(tmp_path), "--port", "0")
        try:
            port = (await line(process)).partition(" listening on http://127.0.0.1:")[2].partition(" ")[0]
            token = (tmp_path / "token").read_text().strip()
            again = f"holdfast login-link --data {tmp_path} --port {port}"
            if start_number == 1:
                link, _, code = (await line(process)).partition("#token=")
                assert link == f"Open: http://localhost:{port}/"
                assert await line(process) == f"The link works once, for 10 minutes; for another: {again}"
                async with http_client(f"http://localhost:{port}") as http:
                    tried = [(await http.post("/auth/local", json={"token": code})).status_code for _ in range(2)]
                assert tried == [200, 401]
            else:
                assert await line(process) == f"To log in with a browser: {again}"
            printed = await line(process)
            file = tmp_path / "token"
            assert printed == f'Try it: wscat -c ws://localhost:{port}/ws -H "Authorization: Bearer $(cat {file})"'
            headers = {"Authorization": f"Bearer {token}"}
            async with websockets.connect(f"ws://localhost:{port}/ws", additional_headers=headers) as client:
                assert '"type":"ready"' in str(await asyncio.wait_for(client.recv(), WAIT_S))
        finally:
            process.terminate()
            out, err = await asyncio.wait_for(process.communicate(), WAIT_S)
        assert token.encode() not in out + err


async def test_a_readable_token_file_ends_the_start_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("x" * 43)
    (tmp_path / "token").chmod(0o640)
    code, out, err = await run(MODULE, "--data", str(tmp_path), "--port", "0")
    assert (code, out) == (1, "")
    assert err.startswith("holdfast: error: ") and "chmod 600" in err and err.count("\n") == 1


async def test_the_port_option_overrides_the_environment(tmp_path: Path) -> None:
    number = free_port()
    async with server(tmp_path / "a", PORT=str(number)) as (_, port, _):
        assert port == number
    async with server(tmp_path / "b", "--port", "0", PORT="1") as (_, port, _):
        assert port != 1


async def test_a_named_model_is_printed(tmp_path: Path) -> None:
    async with server(tmp_path, "--port", "0", "--model", "openai/some-model") as (_, _, printed):
        assert printed.endswith("(model: openai/some-model)")


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_server_with_code_0_and_a_close_reason(tmp_path: Path, sig: signal.Signals) -> None:
    async with server(tmp_path, "--port", "0", command=OWN) as (process, port, _):
        async with websockets.connect(f"ws://localhost:{port}/ws") as client:
            await asyncio.wait_for(client.recv(), WAIT_S)
            process.send_signal(sig)
            await asyncio.wait_for(client.wait_closed(), WAIT_S)
            assert client.close_code == 1001
            assert "reconnect" in (client.close_reason or "")
        assert await asyncio.wait_for(process.wait(), WAIT_S) == 0


async def test_a_stop_does_not_wait_for_the_model_library(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    async with server(tmp_path, "--port", "0", command=OWN, HOLDFAST_SERVER_PRELOAD_MODEL="true") as (process, _, _):
        began = loop.time()
        process.terminate()
        await asyncio.wait_for(process.wait(), WAIT_S)
        assert loop.time() - began < 1.5


async def test_a_restart_on_an_inherited_socket_refuses_no_client(tmp_path: Path) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen(16)
        fd, port = held.fileno(), held.getsockname()[1]
        async with server(tmp_path, "--fd", str(fd), command=OWN, pass_fds=(fd,)) as (_, found, _):
            assert found == port
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET /livez HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n".encode())
        async with server(tmp_path, "--fd", str(fd), command=OWN, pass_fds=(fd,)):
            answer = await asyncio.wait_for(reader.read(), WAIT_S)
        assert answer.startswith(b"HTTP/1.1 200")
        writer.close()
        await writer.wait_closed()


async def test_the_command_line_imports_no_library_before_it_knows_the_command() -> None:
    code = "import sys, server.cli.main; print({'uvicorn', 'msgspec', 'starlette'} & set(sys.modules))"
    assert await run([sys.executable, "-c", code]) == (0, "set()\n", "")


async def test_a_start_imports_nothing_that_is_slow_or_that_few_servers_need(tmp_path: Path) -> None:
    config = tmp_path / "c.json"
    config.write_text('{"server": {"preload_model": false}}')
    command = [sys.executable, "-X", "importtime", "-m", "server"]
    process = await start(command, "--port", "0", "--data", str(tmp_path / "data"), "--config", str(config))
    try:
        assert " listening on " in await line(process)
    finally:
        process.terminate()
        _, err = await asyncio.wait_for(process.communicate(), WAIT_S)
    imported = {row.rpartition("|")[2].strip() for row in err.decode().splitlines() if row.startswith("import time:")}
    assert {"server.app", "server.running", "uvicorn"} <= imported
    assert not imported & {
        *("litellm", "openai", "huggingface_hub", "httpx", "httpcore", "bs4", "markdownify", "mcp"),
        *("psycopg", "server.journal.postgres", "cryptography", "authlib", "server.auth.backends.oauth"),
        *("jsonschema_rs", "pathspec", "opentelemetry"),
        *("server.ahp.endpoint", "server.http.openapi", "protocol.spec.asyncapi", "protocol.spec.json_schema"),
        *("clients", "server.doctor"),
    }


def test_a_chosen_demo_prints_no_hint_about_credentials() -> None:
    opened = listeners.open_sockets(Settings(server=ServerSettings(port=0)))
    try:
        demo = ModelChoice("demo", True, "it is configured")
        assert "(model: demo)" in serve.announcement(opened, "demo", demo)
        assert "set OPENAI_API_KEY" in serve.announcement(
            opened, " ", msgspec.structs.replace(demo, reason="none found")
        )
    finally:
        for sock in opened:
            sock.close()


async def test_schema_prints_the_schema_or_the_asyncapi_document() -> None:
    code, out, err = await run(HOLDFAST, "schema")
    assert (code, err) == (0, "")
    assert "$defs" in json.loads(out)
    code, out, err = await run(HOLDFAST, "schema", "--asyncapi")
    assert (code, err) == (0, "")
    assert json.loads(out)["asyncapi"].startswith("3.")


def folders_of_generated_files(root: Path) -> None:
    for artifact in generate.artifacts():
        (root / artifact.path).parent.mkdir(parents=True, exist_ok=True)


def test_generated_files_are_up_to_date_after_being_written(tmp_path: Path) -> None:
    folders_of_generated_files(tmp_path)
    for page in ("configuration", "frames", "protocol", "tools"):
        (tmp_path / f"docs/{page}.md").write_text("by hand\n")
    assert set(generate.check(tmp_path)) >= {"docs/schema.json", "docs/asyncapi.json"}
    written = generate.write(tmp_path)
    assert generate.check(tmp_path) == []
    assert generate.write(tmp_path) == []
    assert "docs/schema.json" in written
    (tmp_path / "docs/schema.json").write_text("{}")
    assert generate.check(tmp_path) == ["docs/schema.json"]


def test_a_missing_document_is_an_error(tmp_path: Path) -> None:
    folders_of_generated_files(tmp_path)
    assert "docs/configuration.md" in generate.check(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"docs/.*\.md"):
        generate.write(tmp_path)


async def test_the_first_lines_name_the_public_url(tmp_path: Path) -> None:
    process = await start(MODULE, "--data", str(tmp_path), "--port", "0", HOLDFAST_PUBLIC_URL="https://agent.test")
    try:
        printed = [await line(process) for _ in range(4)]
    finally:
        process.terminate()
        await asyncio.wait_for(process.communicate(), WAIT_S)
    assert ", for browsers at https://agent.test (model: " in printed[0]
    assert printed[1].startswith("Open: https://agent.test/#token=hfc_")
    assert printed[3].startswith("Try it: wscat -c wss://agent.test/ws -H ")
