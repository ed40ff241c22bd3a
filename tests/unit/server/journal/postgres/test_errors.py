"""PostgreSQL errors: which are the database's fault, so that the identical call may be tried again, and which the caller's."""

import psycopg
import pytest

from server.journal.postgres.errors import explain, not_connected, one_line


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


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Connection refused\n\tIs the server running on that host?", "does not answer: start it"),
        ('FATAL:  no pg_hba.conf entry for host "127.0.0.1", user "ann", no encryption', "a line for that to its pg_hba.conf"),
        ('FATAL:  permission denied for database "work"\nDETAIL:  User does not have CONNECT privilege.', "GRANT CONNECT"),
        ('FATAL:  too many connections for role "ann"', "it has no connection left"),
        ('FATAL:  role "ann" is not permitted to log in', "the login was refused"),
        ('FATAL:  database "work" does not exist', "there is no such database"),
        ('FATAL:  database "work" is not currently accepting connections', "takes no connections"),
        ("FATAL:  the database system is starting up", "takes no connections"),
        ('root certificate file "/root.crt" does not exist\nEither provide the file, or change sslmode', "sslrootcert=FILE"),
        ("SSL error: certificate verify failed", "sslrootcert=FILE"),
        ("server does not support SSL, but SSL was required", "offers no TLS"),
        ("expected authentication request from server, but received H", "is not PostgreSQL"),
        ("received invalid response to SSL negotiation: H", "is not PostgreSQL"),
        ('FATAL:  unrecognized configuration parameter "nonsense"', "refuses the connection"),
    ],
)  # fmt: skip
def test_why_there_is_no_connection_is_one_line_with_what_to_do(said: str, told: str) -> None:
    refused = str(not_connected(psycopg.OperationalError(said), "PostgreSQL at x, database work", "journal.url"))
    assert refused.startswith("PostgreSQL at x, database work") and told in refused
    assert "\n" not in refused
