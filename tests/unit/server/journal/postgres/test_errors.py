"""PostgreSQL errors: which are the database's fault, so that the identical call may be tried again, and which the caller's."""

import psycopg
import pytest

from server.journal.postgres.errors import explain, one_line


def error(state: str) -> psycopg.Error:
    return psycopg.errors.lookup(state)(f"what the server says of {state}")


@pytest.mark.parametrize(
    "state",
    ["08006", "57P01", "57P03", "53100", "53200", "53300", "58030", "40001", "40P01", "25006", "28P01", "3D000", "42501", "XX000"],
)  # fmt: skip
def test_what_the_server_suffers_is_unavailable_with_a_remedy(state: str) -> None:
    found = explain(error(state), "PostgreSQL at x, database y")
    assert found is not None
    assert str(found).startswith("PostgreSQL at x, database y: ")
    assert "what the server says" in str(found)


def test_a_connection_that_broke_is_unavailable() -> None:
    for broken in (psycopg.OperationalError("gone\nfor good"), psycopg.InterfaceError("the connection is closed")):
        found = explain(broken, "x")
        assert found is not None
        assert "\n" not in str(found)


@pytest.mark.parametrize("state", ["22003", "22021", "23505", "54000"])
def test_what_a_value_causes_is_the_callers_own(state: str) -> None:
    assert explain(error(state), "x") is None


def test_what_is_no_error_of_the_database_is_the_callers_own() -> None:
    assert explain(ValueError("x"), "x") is None
    assert explain(psycopg.DataError("a driver's word, without a state"), "x") is None


def test_a_long_message_is_one_short_line() -> None:
    assert one_line(psycopg.OperationalError("a\n" * 1_000)) == "a " * 200
    assert one_line(psycopg.OperationalError()) == "OperationalError"


@pytest.mark.parametrize(
    "where", ['at "db.lan" (10.0.0.7), port 5432', 'at "127.0.0.1", port 1', 'on socket "/run/pg/.s.PGSQL.5432"']
)
def test_what_a_message_tells_already_is_left_out(where: str) -> None:
    text = f"connection failed: connection to server {where} failed: Connection refused\n\tIs the server running on that host?"
    assert one_line(psycopg.OperationalError(text)) == "Connection refused"
