"""PostgreSQL address: what `journal.url` or `journal.direct_url` names, with what the journal asks of every connection; no message holds its password."""

from collections.abc import Mapping

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from server.journal.postgres.errors import CannotStart
from server.util.hosts import is_loopback

ENCRYPTED = ("require", "verify-ca", "verify-full")

DEFAULTS = {
    "connect_timeout": "5",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
    "target_session_attrs": "read-write",
}
"""Where the address does not say otherwise: a server that went silent is given up after some ten seconds, and of several only one that
can be written is taken. https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS"""


class Address:
    """A database that can be connected to. `where` names it in messages, `key` the setting that it is from."""

    def __init__(self, url: str, environ: Mapping[str, str], key: str = "journal.url", *, pooled: bool = False) -> None:
        """`environ`: libpq reads its PGSSLMODE and PGHOST too. `pooled`: maybe a pooler's, which may give each transaction another
        connection. Raises `CannotStart`.
        """
        self.key = key
        self.pooled = pooled
        try:
            given = conninfo_to_dict(url)
        except psycopg.Error:
            # The driver's message quotes the address, with the password in it.
            raise _not_readable(key) from None
        hosts = str(given.get("host") or given.get("hostaddr") or environ.get("PGHOST", ""))
        routes = str(given.get("hostaddr") or hosts)
        name = str(given.get("dbname") or given.get("user") or "its default database")
        port = str(given.get("port") or "").strip(",")
        if "@" in hosts + name or not all(one.isdecimal() for one in port.split(",") if one):
            raise _not_readable(key)  # part of a password may stand there
        self.where = f"PostgreSQL at {hosts or 'this machine'}{f':{port}' if port else ''}, database {name}"
        options = {key: value for key, value in DEFAULTS.items() if key not in given} | {"client_encoding": "UTF8"}
        mode = given.get("sslmode") or environ.get("PGSSLMODE")
        self.local = all(_is_local(host) for host in routes.split(","))
        if not self.local and mode != "disable" and mode not in ENCRYPTED:
            options["sslmode"] = "require"
        self.conninfo = make_conninfo(url, **options)


def _is_local(host: str) -> bool:
    """Whether a connection to it leaves the machine: a socket's path, `localhost` and loopback addresses do not."""
    return host in ("", "localhost") or host.startswith(("/", "@")) or is_loopback(host)


def _not_readable(key: str) -> CannotStart:
    return CannotStart(
        f"{key} (HOLDFAST_{key.upper().replace('.', '_')}) cannot be read: write postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with every "
        "special character of user and password percent-encoded (`@` as %40, `/` as %2F)"
    )
