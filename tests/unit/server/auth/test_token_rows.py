"""API tokens in the database: made by the command, good at every server, and over at all of them when they are revoked."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from protocol.frames import Synced
from server.auth.backends.api_tokens import new_token, write_tokens
from server.cli.main import main
from tests.support.application import settings_for, with_journal
from tests.support.live import Client, Live, listening
from tests.support.network.http_client import http_client
from tests.support.postgres.databases import Databases
from tests.unit.server.sessions.nodes.two import two

TOKENS = {"mode": "tokens"}
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def token(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Runs `holdfast token` with the database: its exit code, its output and its errors."""
    monkeypatch.setenv("HOLDFAST_JOURNAL_URL", database)

    def run(*args: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(["token", *args, "--data", str(tmp_path / "cli")])
        return code, *capsys.readouterr()

    return run


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret.strip()}"}


async def status(live: Live, secret: str) -> int:
    async with http_client(live.http) as http:
        return (await http.get("/api/me", headers=bearer(secret))).status_code


async def test_a_token_of_the_command_is_good_at_every_server_until_it_is_revoked(
    tmp_path: Path, database: str, token: Command
) -> None:
    async with two(tmp_path, database, auth=TOKENS) as (a, b):
        code, secret, err = token("add", "ada", "--rights", "sessions,metrics", "--note", "laptop")
        assert code == 0 and "of ada (metrics, sessions; for ever)" in err
        _, other, _ = token("add", "bob", "--expires", "1d")
        for live in (a, b):
            async with http_client(live.http) as http:
                me = (await http.get("/api/me", headers=bearer(secret))).json()
            assert (me["user_id"], me["rights"]) == ("ada", ["metrics", "sessions"])
        _, listed, _ = token("list")
        lines = listed.splitlines()
        assert ("ada" in lines[1], "laptop" in lines[1], "bob" in lines[2]) == (True, True, True)
        token_id = lines[1].split()[0]
        async with connect(a.ws, additional_headers=bearer(secret)) as here:
            async with connect(b.ws, additional_headers=bearer(secret)) as there:
                clients = Client(here), Client(there)
                for client in clients:
                    await client.until_type(Synced)
                assert token("revoke", token_id)[:2] == (0, f"token {token_id} is revoked\n")
                for client in clients:
                    assert await client.closed() == (4401, "the credentials were revoked; log in and come back")
        assert [await status(live, secret) for live in (a, b)] == [401, 401]
        assert [await status(live, other) for live in (a, b)] == [200, 200]
        code, _, err = token("revoke", token_id)
        assert code == 1 and f"there is no token '{token_id}' in PostgreSQL at" in err


async def test_who_guesses_is_not_looked_up_and_locks_out_nobody_who_was_seen(
    tmp_path: Path, database: str, token: Command
) -> None:
    settings = with_journal(settings_for(tmp_path, auth={**TOKENS, "failures_per_minute": 2}), database)
    _, seen, _ = token("add", "ada")
    _, unseen, _ = token("add", "bob")
    async with listening(settings) as live:
        assert await status(live, seen) == 200
        assert [await status(live, f"hft_{n}") for n in range(3)] == [401, 401, 429]
        assert [await status(live, secret) for secret in (seen, unseen)] == [200, 429]


async def test_a_token_whose_end_no_word_tells_of_is_over_within_a_look(
    postgres: Databases, tmp_path: Path, database: str, token: Command
) -> None:
    settings = with_journal(settings_for(tmp_path, auth={**TOKENS, "recheck_s": 0.05}), database)
    _, secret, _ = token("add", "ada")
    async with listening(settings) as live, connect(live.ws, additional_headers=bearer(secret)) as socket:
        client = Client(socket)
        await client.until_type(Synced)
        postgres.execute("DELETE FROM credentials", database.partition("?")[0].rpartition("/")[2])
        assert (await client.closed())[0] == 4401


async def test_a_token_expires_and_a_lookup_that_fails_is_no_refusal(
    postgres: Databases, tmp_path: Path, database: str
) -> None:
    settings = with_journal(settings_for(tmp_path, auth=TOKENS), database)
    now = time.time()
    kept, over = new_token("ada", ["sessions"], now - 100.0, now - 50.0)
    write_tokens(tmp_path / "tokens.json", [kept])
    async with listening(settings) as live:
        assert await status(live, over) == 401
        name = database.partition("?")[0].rpartition("/")[2]
        postgres.execute("ALTER TABLE credentials RENAME TO away", name)
        assert await status(live, "hft_never-seen") == 503
        postgres.execute("ALTER TABLE away RENAME TO credentials", name)
        assert await status(live, "hft_never-seen") == 401


async def test_tokens_of_the_data_folder_are_taken_over_once(tmp_path: Path, database: str, token: Command) -> None:
    settings = with_journal(settings_for(tmp_path, auth=TOKENS), database)
    (first, one), (second, another) = [new_token(user, ["sessions"], time.time()) for user in ("ada", "bob")]
    write_tokens(tmp_path / "tokens.json", [first])
    write_tokens(tmp_path / "cli" / "tokens.json", [second])
    assert second.id in token("list")[1]
    async with listening(settings) as live:
        assert [await status(live, secret) for secret in (one, another)] == [200, 200]
        assert token("revoke", first.id)[0] == 0
    assert (tmp_path / "tokens.json.moved").exists() and not (tmp_path / "tokens.json").exists()
    async with listening(settings) as live:
        assert [await status(live, secret) for secret in (one, another)] == [401, 200]


async def test_a_file_of_tokens_that_the_settings_name_is_used_beside_a_database(
    tmp_path: Path, database: str, token: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "all.json"
    monkeypatch.setenv("HOLDFAST_TOKENS_FILE", str(file))
    _, secret, _ = token("add", "ada")
    assert file.exists()
    async with two(tmp_path, database, auth={**TOKENS, "tokens_file": str(file)}) as (a, b):
        assert [await status(live, secret) for live in (a, b)] == [200, 200]
