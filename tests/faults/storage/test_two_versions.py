"""Two versions: servers of the build before the newest step of the database's schema are replaced one after the other under their clients."""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from protocol import events as ev
from protocol.submissions import UserInput
from tests.faults.harness.lengths import in_the_long_form
from tests.support.live import DONE, Address, Client, client, same_view
from tests.support.models.scripted_model import Answer, Finish, Request, ScriptedModel, Tokens, stream, text
from tests.support.network.http_client import http_client
from tests.support.network.ports import free_port
from tests.support.paths import ROOT
from tests.support.polling import eventually
from tests.support.postgres.server import PostgresServer

pytestmark = [in_the_long_form, pytest.mark.timeout(300)]
SCHEMA = "server/journal/postgres/schema.py"
STOP_S = 60.0


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """That build's code; this environment runs it."""
    try:
        newest = git("rev-list", "-1", "HEAD", "--", SCHEMA).decode().strip()
        archive = git("archive", f"{newest}^")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs git and the history of this repository")
    folder = tmp_path / "older"
    folder.mkdir()
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive, check=True)
    return folder


def git(*arguments: str) -> bytes:
    """What git says. Raises OSError, CalledProcessError."""
    return subprocess.run(["git", "-C", str(ROOT), *arguments], check=True, capture_output=True).stdout


@pytest.fixture
def database() -> Iterator[str]:
    """A database as servers want it."""
    server = PostgresServer(fsync="on", full_page_writes="on")
    yield server.url
    server.remove()


@contextlib.asynccontextmanager
async def node(
    code: Path, folder: Path, name: str, port: int, database: str, model: ScriptedModel
) -> AsyncIterator[Address]:
    """A server that runs this code, until it is told to stop."""
    settings = {
        "HOLDFAST_JOURNAL_URL": database,
        "HOLDFAST_SEVERAL_NODES": "true",
        "HOLDFAST_SECRET": "the same at each of the servers of a test",
        "HOLDFAST_WORKSPACES": "shared",
        "HOLDFAST_SHARED_FOLDER": str(folder / "files"),
        "HOLDFAST_DATA": str(folder / name),
        "HOLDFAST_NODE_NAME": name,
        "HOLDFAST_MODEL": "openai/scripted",
        "HOLDFAST_API_BASE": model.api_base,
        "HOLDFAST_API_KEY": "none",
    }
    kept = {one: os.environ[one] for one in ("PATH", "HOME", "LANG") if one in os.environ}
    with (folder / f"{name}.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "server", "--no-token", "--port", str(port)),
            cwd=code,
            env={**kept, "PYTHONPATH": str(code), **settings},
            stdout=log,
            stderr=log,
        )

    async def is_ready() -> bool:
        assert process.returncode is None, (folder / f"{name}.log").read_text()
        try:
            async with http_client(Address(port).http) as http:
                return (await http.get("/readyz")).status_code == 200
        except httpx.TransportError:
            return False

    try:
        await eventually(is_ready, "a server that is ready")
        yield Address(port)
        process.terminate()
        assert await asyncio.wait_for(process.wait(), STOP_S) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert "Traceback" not in (folder / f"{name}.log").read_text()


def answer(request: Request) -> Answer:
    """A long answer, or a short one."""
    return stream(Tokens(150, 0.02), Finish()) if request.last_user_text == "tell" else text("Hello.")


async def turn(at: Address, before: Client, said: str) -> Client:
    """A client comes back here with its position, which is good, and has a turn."""
    async with client(at, before.ready.session_id, view=before.view, **before.position) as back:
        await back.synced()
        assert back.ready.recovered
        await back.send(UserInput(text=said))
        assert isinstance(await back.until_type(*DONE), ev.TurnComplete)
        return back


async def test_servers_are_upgraded_one_after_the_other_and_no_turn_ends_and_no_client_is_told_of_a_loss(
    tmp_path: Path, older: Path, database: str
) -> None:
    (tmp_path / "files").mkdir()
    ports = free_port(), free_port()
    async with ScriptedModel(answer) as model, contextlib.AsyncExitStack() as last:
        async with node(older, tmp_path, "b", ports[1], database, model) as b:
            async with node(older, tmp_path, "a", ports[0], database, model) as a:
                async with client(a) as talker:
                    await talker.send(UserInput(text="tell"))
                    await talker.until_type(ev.AssistantChunk)
                other = await last.enter_async_context(
                    client(b, talker.ready.session_id, view=talker.view, **talker.position)
                )
                await other.synced()
            # It has left within its time for turns: this one came to its end, seen at the other.
            assert isinstance(await other.until_type(*DONE), ev.TurnComplete)
            async with node(ROOT, tmp_path, "a", ports[0], database, model) as a:
                talker = await turn(a, other, "at the newer one")
                talker = await turn(b, talker, "at the older one")
                talker = await turn(a, talker, "at the newer one again")
                async with client(a) as far, client(b) as near:
                    for one in (far, near):
                        await one.send(UserInput(text="tell"))
                        await one.until_type(ev.AssistantChunk)
                    async with (
                        client(b, far.ready.session_id) as at_older,
                        client(a, near.ready.session_id) as at_newer,
                    ):
                        for one in (at_older, at_newer):
                            await one.synced()
                            await one.send(UserInput(text="and then?"))
                        for one in (far, near, at_older, at_newer):
                            for _ in range(2):
                                assert isinstance(await one.until_type(*DONE), ev.TurnComplete)
                async with client(a, talker.ready.session_id, after=0) as whole:
                    await whole.synced()
                    whole.view.model = talker.view.model
                    assert same_view(whole.view, talker.view)
