"""Seen credentials: what changed elsewhere is noticed, a state that is older than the seen one is not, and a new epoch forgets all."""

import asyncio

import msgspec

from server.auth.seen import SeenCredentials
from server.journal.credentials import Credential
from server.journal.postgres.journal import open_postgres
from tests.support.postgres.databases import Databases


def row(name: str, data: bytes = b"first") -> Credential:
    return Credential(
        kind="token", id=name, hash=name.encode(), user_id="ann", created_at=0.0, expires_at=None, data=data
    )


async def test_what_was_seen_follows_the_database(postgres: Databases, database: str) -> None:
    journal = await open_postgres(database)
    rows = journal.credentials
    seen = SeenCredentials(rows, "token", lambda found: found.data)
    assert await seen.find(b"one") is None and not await seen.reread()
    for name in ("one", "two"):
        await rows.add(row(name))
        assert await seen.get(name) == b"first"
    older = await rows.get("token", "one")
    assert older is not None
    await rows.replace(msgspec.structs.replace(older, data=b"second"))
    await rows.remove("token", ["two"])
    assert (seen.find_here(b"one"), seen.find_here(b"two")) == (b"first", b"first")
    assert await seen.reread() and not await seen.reread()
    assert (seen.find_here(b"one"), seen.find_here(b"two")) == (b"second", None)
    assert seen.keep(older) == b"second"

    began = asyncio.Event()
    journal.watch_epoch(began.set)
    postgres.execute(
        "UPDATE credentials SET data = 'lost', version = 2; UPDATE meta SET lineage = 'another';"
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
        database.partition("?")[0].rpartition("/")[2],
    )
    await asyncio.wait_for(began.wait(), 30)
    assert await seen.reread()
    assert await seen.find(b"one") == b"lost"
    await journal.aclose()
