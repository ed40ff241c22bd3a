"""Shared keys: servers with one `auth.secret` have the same keys, and no key tells of another."""

import logging
from contextlib import AsyncExitStack
from pathlib import Path

import psycopg
import pytest

from server.auth import share_links
from server.auth.backends import local
from server.auth.shared_keys import OTHERS, check_secret, derive, write_keys
from server.config.settings import Settings
from server.journal.base import Unavailable
from server.journal.nodes.settings import NodesSettings
from server.journal.postgres.journal import open_postgres
from server.util.private_files import PrivateFileError
from tests.support.application import running, settings_for
from tests.unit.server.sessions.nodes.two import node, two

SECRET = "a secret of more than thirty-two characters"
NAMES = (share_links.FILE, local.FILE, *OTHERS)


def test_servers_with_one_secret_have_the_same_keys_and_others_have_others(tmp_path: Path) -> None:
    write_keys(tmp_path / "a", SECRET)
    write_keys(tmp_path / "b", SECRET)
    write_keys(tmp_path / "c", SECRET + "!")
    keys = {node: [(tmp_path / node / name).read_bytes() for name in NAMES] for node in "abc"}
    assert keys["a"] == keys["b"]
    assert not set(keys["a"]) & set(keys["c"])
    assert len(set(keys["a"])) == len(NAMES)
    assert all((tmp_path / "a" / name).stat().st_mode & 0o077 == 0 for name in NAMES)


def test_the_keys_are_those_that_their_readers_take(tmp_path: Path) -> None:
    write_keys(tmp_path, SECRET)
    assert share_links.load_key(tmp_path) == derive(SECRET, share_links.FILE)
    assert len(local.read_token(tmp_path / local.FILE)) == 43


def test_keys_of_a_server_that_was_alone_are_replaced_and_the_log_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = share_links.load_key(tmp_path)
    with caplog.at_level(logging.WARNING):
        write_keys(tmp_path, SECRET)
        write_keys(tmp_path, SECRET)
    assert share_links.load_key(tmp_path) != before
    assert [share_links.FILE in message for message in caplog.messages] == [True]


def test_a_key_that_others_could_read_is_refused(tmp_path: Path) -> None:
    write_keys(tmp_path, SECRET)
    (tmp_path / share_links.FILE).chmod(0o644)
    with pytest.raises(PrivateFileError, match="others can read"):
        write_keys(tmp_path, SECRET)


async def test_a_server_with_another_secret_does_not_start_beside_others_and_changes_it_alone(
    tmp_path: Path, database: str, caplog: pytest.LogCaptureFixture
) -> None:
    def settings(secret: str) -> Settings:
        return node(tmp_path, database, "c", settings_for(tmp_path / "c", auth={"secret": secret}))

    async with two(tmp_path, database):
        with pytest.raises(Unavailable, match=r"not that of the other servers on this database \(a, b\)"):
            async with running(settings(SECRET)):
                pass
        assert not (tmp_path / "c" / share_links.FILE).exists()
    with caplog.at_level(logging.WARNING):
        for secret in (SECRET, SECRET):
            async with running(settings(secret)):
                assert share_links.load_key(tmp_path / "c") == derive(secret, share_links.FILE)
    assert len([message for message in caplog.messages if "auth.secret is another one than before" in message]) == 1


LATE = "UPDATE nodes SET good_until = clock_timestamp() - interval '1 second'"


async def test_a_server_whose_beat_is_late_still_has_its_secret_and_one_that_was_lost_has_none(database: str) -> None:
    async with AsyncExitStack() as ends:
        a, b = [await open_postgres(database, nodes=NodesSettings(several=True, lease_s=0.5)) for _ in range(2)]
        ends.push_async_callback(b.aclose)
        assert a.nodes is not None and b.nodes is not None and b.credentials is not None
        late = f"{LATE} WHERE NOT dead AND node <> {b.nodes.number}"
        with psycopg.connect(database, autocommit=True) as connection:
            await check_secret(b.credentials, b.nodes, SECRET)
            connection.execute(late.encode())
            with pytest.raises(Unavailable, match="is not that of the other servers"):
                await check_secret(b.credentials, b.nodes, SECRET + "!")
            a.nodes._beat._leave = a.nodes._beat._drop_link  # type: ignore[method-assign]  # it is lost: it leaves no word
            await a.aclose()
            connection.execute(late.encode())
            await check_secret(b.credentials, b.nodes, SECRET + "!")
