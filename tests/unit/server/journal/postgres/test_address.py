"""PostgreSQL addresses: what is asked of every connection, and what a message says of an address."""

import pytest
from psycopg.conninfo import conninfo_to_dict

from server.journal.postgres.address import DEFAULTS, Address
from server.journal.postgres.errors import CannotStart

SECRET = "s3cret"


def options(url: str, **environ: str) -> dict[str, object]:
    return dict(conninfo_to_dict(Address(url, environ).conninfo))


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("postgresql://ann:s3cret@db.lan:5433/work", "PostgreSQL at db.lan:5433, database work"),
        ("postgresql://ann:s3cret@a.lan,b.lan/work", "PostgreSQL at a.lan,b.lan, database work"),
        ("postgresql:///work", "PostgreSQL at this machine, database work"),
        ("postgresql://ann@/?host=/run/postgresql", "PostgreSQL at /run/postgresql, database ann"),
    ],
)
def test_an_address_is_named_without_its_user_and_password(url: str, where: str) -> None:
    assert Address(url, {}).where == where


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ann:s3cret@host:port/work",
        "postgresql://ann:s3@cret@host/work",
        "postgresql://ann:s3/cret@host/work",
        "postgresql://ann:s3cret@host/work?sslmood=on",
        "host=db password='s3cret",
        "s3cret",
    ],
)
def test_an_address_that_cannot_be_read_is_not_repeated(url: str) -> None:
    with pytest.raises(CannotStart, match="percent-encoded") as refused:
        Address(url, {})
    assert "cret" not in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("host", ["db.lan", "10.0.0.7", "localhost,db.lan", "[2001:db8::1]"])
@pytest.mark.parametrize("mode", ["", "?sslmode=prefer", "?sslmode=allow"])
def test_what_crosses_a_network_is_encrypted(host: str, mode: str) -> None:
    assert options(f"postgresql://ann:s3cret@{host}/work{mode}")["sslmode"] == "require"


@pytest.mark.parametrize("mode", ["disable", "require", "verify-ca", "verify-full"])
def test_a_mode_of_tls_that_is_written_out_is_kept(mode: str) -> None:
    assert options(f"postgresql://ann@db.lan/work?sslmode={mode}")["sslmode"] == mode
    assert options("postgresql://ann@db.lan/work", PGSSLMODE="disable").get("sslmode") is None


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", ""])
def test_a_server_on_this_machine_needs_no_tls(host: str) -> None:
    assert "sslmode" not in options(f"postgresql://ann@{host}/work")


def test_a_silent_server_is_given_up_unless_the_address_says_otherwise() -> None:
    assert DEFAULTS.items() <= options("postgresql:///work").items()
    assert options("postgresql:///work?connect_timeout=60")["connect_timeout"] == "60"
