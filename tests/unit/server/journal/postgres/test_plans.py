"""Plans of the statements that append: sessions are looked up by their keys, whatever is known of the table."""

import pytest

from server.journal.postgres import batch, lineage, lock, schema
from server.journal.postgres.address import Address
from server.journal.postgres.appends import Appender
from server.journal.postgres.link import Link
from server.journal.postgres.schema import Connection


def plan(connection: Connection, name: str, types: list[int]) -> str:
    """As which PostgreSQL runs a statement that was prepared."""
    values = ", ".join(["1"] + ["'{1}'"] * (len(types) - 1))
    return "\n".join(line for (line,) in connection.execute(f"EXPLAIN EXECUTE {name} ({values})".encode()))


@pytest.mark.parametrize(("name", "types"), [(name.decode(), types) for name, _, types in batch.PREPARE])
def test_an_append_reads_the_rows_of_its_own_sessions_alone(database: str, name: str, types: list[int]) -> None:
    link = Link(Address(database, {}), lock.connection_name())
    try:
        with link as connection:
            schema.migrate(connection, "the database")
            Appender(link, lineage.settle(connection, None))
            assert "Index Cond: ((key >= i.key) AND (key <= i.key))" in plan(connection, name, types)
            # As few as the planner can be told of: reading all would be the least work.
            connection.execute(
                "ANALYZE sessions; UPDATE pg_class SET reltuples = 1, relpages = 1 WHERE relname = 'sessions'"
            )
            connection.execute("DISCARD PLANS")
            assert "Index Cond: ((key >= i.key) AND (key <= i.key))" in plan(connection, name, types)
    finally:
        link.close()
