"""Credentials on a real database: rows by hash and by id, how many there may be, and which state of one is the newer."""

import contextlib
from collections.abc import AsyncIterator

import msgspec
import psycopg

from server.journal.credentials import Bounds, Credential
from server.journal.postgres import schema
from server.journal.postgres.credentials import PostgresCredentials
from server.journal.postgres.journal import open_postgres
from tests.support.postgres.databases import Databases
from tests.unit.server.journal.builders import begin


@contextlib.asynccontextmanager
async def rows_of(url: str) -> AsyncIterator[PostgresCredentials]:
    journal = await open_postgres(url)
    try:
        yield journal.credentials
    finally:
        await journal.aclose()


def login(name: str, user: str = "ada\0é", at: float = 0.0) -> Credential:
    return Credential(
        kind="login",
        id=name,
        hash=name.encode(),
        user_id=user,
        created_at=at,
        expires_at=at + 100.5,
        data=b"\0\xff",
    )


def stored(credential: Credential, version: int = 1) -> Credential:
    return msgspec.structs.replace(credential, version=version)


async def test_a_row_is_found_by_hash_id_and_user_and_is_of_its_kind_alone(database: str) -> None:
    async with rows_of(database) as rows:
        one, two = login("one"), login("two", at=1.0)
        other = msgspec.structs.replace(one, kind="token", expires_at=None)
        assert [await rows.add(each) for each in (one, two, other, one)] == [True, True, True, False]
        assert await rows.find("login", b"one") == stored(one)
        assert await rows.get("token", "one") == stored(other)
        assert await rows.get("token", "two") is None
        assert await rows.all("login") == await rows.all("login", "ada\0é") == [stored(two), stored(one)]
        assert await rows.all("login", "ada") == []
        await rows.remove("login", ["one", "never"])
        assert await rows.find("login", b"one") is None
        assert await rows.find("token", b"one") == stored(other)


async def test_of_what_was_seen_only_the_changed_is_read(database: str) -> None:
    async with rows_of(database) as rows:
        for name in ("same", "new", "gone"):
            await rows.add(login(name))
        new = msgspec.structs.replace(stored(login("new")), data=b"new")
        assert await rows.replace(new)
        assert not await rows.replace(msgspec.structs.replace(new, data=b"late")), "another version is there"
        await rows.remove("login", ["gone"])
        seen = {"same": 1, "new": 1, "gone": 1}
        assert await rows.changed("login", seen) == {"new": stored(new, 2), "gone": None}


async def test_what_is_over_makes_room_and_then_the_oldest(database: str) -> None:
    async with rows_of(database) as rows:

        async def add(name: str, user: str, at: float) -> list[str]:
            await rows.add(login(name, user, at), Bounds(now=at, most=3, most_of_user=2))
            return [row.id for row in reversed(await rows.all("login"))]

        assert await add("a1", "ada", 1.0) == ["a1"]
        assert await add("a2", "ada", 2.0) == ["a1", "a2"]
        assert await add("a3", "ada", 3.0) == ["a2", "a3"]
        assert await add("b1", "bob", 4.0) == ["a2", "a3", "b1"]
        assert await add("c1", "cy", 5.0) == ["a3", "b1", "c1"]
        assert await add("c2", "cy", 103.6) == ["b1", "c1", "c2"]
        assert await add("b2", "bob", 104.6) == ["c1", "c2", "b2"]


async def test_many_are_added_at_once_and_the_oldest_make_room(database: str) -> None:
    async with rows_of(database) as rows:
        await rows.add(login("a3", "ada", 3.0))
        few = [login("a1", "ada", 1.0), login("a2", "ada", 2.0), login("a3", "bob", 9.0), login("b1", "bob", 4.0)]
        await rows.add_all(few, Bounds(now=4.0, most=4, most_of_user=2))
        kept = await rows.all("login")
        assert [(row.id, row.user_id) for row in reversed(kept)] == [("a2", "ada"), ("a3", "ada"), ("b1", "bob")]
        await rows.add_all([login("c1", "cy", 5.0), login("d1", "di", 6.0)], Bounds(now=6.0, most=4, most_of_user=2))
        assert [row.id for row in reversed(await rows.all("login"))] == ["a3", "b1", "c1", "d1"]
        await rows.add_all([], Bounds(now=6.0, most=1, most_of_user=1))


async def test_a_database_of_an_earlier_version_gets_the_table_and_keeps_what_it_has(
    postgres: Databases, database: str
) -> None:
    name = postgres.make(empty=True)
    try:
        with psycopg.connect(postgres.url_of(name), autocommit=True) as connection:
            for step in schema.STEPS[:4]:
                connection.execute(step.encode())
            connection.execute("UPDATE meta SET holdfast_schema = 4")
            connection.execute("INSERT INTO claims VALUES ('c', 's', 'u', 'k', 'd', 'now')")
        journal = await open_postgres(postgres.url_of(name))
        await begin(journal)
        assert [claim.claim_id for claim in await journal.claims()] == ["c"]
        assert await journal.credentials.add(login("one"))
        await journal.aclose()
        assert postgres.execute("SELECT holdfast_schema FROM meta", name) == [(schema.VERSION,)]
    finally:
        postgres.drop(name)
