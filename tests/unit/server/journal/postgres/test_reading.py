"""Reading for followers: the next records of many sessions, prepared or, through a pooler, not."""

import psycopg
import pytest

from server.journal.base import Record
from server.journal.postgres import reading
from server.journal.postgres.journal import open_postgres
from tests.unit.server.journal.builders import begin, item


@pytest.mark.parametrize("prepare_threshold", [None, 5])
async def test_each_session_is_read_from_its_own_position(database: str, prepare_threshold: int | None) -> None:
    journal = await open_postgres(database)
    try:
        lease = await begin(journal, "anna", "a", "b")
        await begin(journal, "béa", "c")
        await journal.append(item(lease, 2, "d"))
        await journal.merge(lease, 1, 2, (Record(2, 1, b"ab"),))
    finally:
        await journal.aclose()
    with psycopg.connect(database, autocommit=True, prepare_threshold=prepare_threshold) as connection:
        if prepare_threshold is not None:
            reading.prepare(connection)
        read = reading.read_after(connection, [("béa", 0), ("anna", 1), ("nobody", 0)])
        assert read == {"béa": [Record(1, 1, b"c")], "anna": [Record(2, 1, b"ab"), Record(3, 3, b"d")]}
        assert reading.read_after(connection, [("anna", 3)]) == {}
        with psycopg.connect(database) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", (connection.info.backend_pid,))
        with pytest.raises(psycopg.OperationalError):
            reading.read_after(connection, [("anna", 0)])
