"""PostgreSQL databases for tests: one for each test, on a server that the first test of a worker starts.

`HOLDFAST_TEST_POSTGRES=postgresql://USER@HOST/` uses a server that runs already; its user must be allowed to make databases.
"""

import contextlib
import itertools
import os
from collections.abc import Iterator
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg

from server.journal.postgres import schema
from tests.support.postgres.server import PostgresServer

VARIABLE = "HOLDFAST_TEST_POSTGRES"

_EMPTY = """
    DO $$ DECLARE name text; BEGIN
        PERFORM pg_terminate_backend(pid, 5000) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid();
        FOR name IN SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'meta' LOOP
            EXECUTE format('DELETE FROM %I', name);
        END LOOP;
        UPDATE meta SET epoch = 0, lineage = '', confirmed = 0;
    END $$
"""


class Databases:
    """Makes databases on one server, each a copy of one that holds the journal's tables."""

    def __init__(self, url: str) -> None:
        """`url`: of a database of the server to connect to."""
        self._url = url
        self._numbers = itertools.count()
        self._prefix = f"holdfast_test_{os.getpid()}"
        self._template = ""
        self._free: list[str] = []

    def take(self) -> str:
        """A database with the journal's tables and nothing in them; its name. Give it back."""
        return self._free.pop() if self._free else self.make()

    def give_back(self, name: str) -> None:
        """Empty a database for the next test: that takes a tenth of the time of making one."""
        self.execute(_EMPTY, name)
        self._free.append(name)

    def make(self, *, empty: bool = False) -> str:
        """A new database; its name. `empty`: without the journal's tables."""
        name = f"{self._prefix}_{next(self._numbers)}"
        if not empty and not self._template:
            template = self.make(empty=True)
            with psycopg.connect(self.url_of(template), autocommit=True) as connection:
                schema.migrate(connection, "the template")
            self._template = template
        source = "template0" if empty else self._template
        self.execute(f"CREATE DATABASE {name} TEMPLATE {source} ENCODING 'UTF8'")
        return name

    def drop(self, name: str) -> None:
        """Remove a database, whoever is connected to it."""
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def url_of(self, name: str, *, user: str = "", options: str = "") -> str:
        """The address of one of the databases. `user`: another one, with a password; `options`: of the session."""
        url = urlsplit(self._url)
        host = url.netloc.rpartition("@")[2]
        return urlunsplit(
            url._replace(
                path=f"/{name}",
                netloc=f"{user}:s3cret@{host}" if user else url.netloc,
                query="&".join(filter(None, [url.query, f"options={quote(options)}" if options else ""])),
            )
        )

    def execute(self, statement: str, name: str = "") -> list[tuple[object, ...]]:
        """Run one statement in a database, or in the server's own; its rows."""
        with psycopg.connect(self.url_of(name) if name else self._url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def close(self) -> None:
        """Remove the databases that were given back, and the template."""
        for name in [*self._free, self._template]:
            if name:
                self.drop(name)


@contextlib.contextmanager
def databases() -> Iterator[Databases]:
    """Databases on the server that `HOLDFAST_TEST_POSTGRES` names, or on one of its own."""
    with contextlib.ExitStack() as ends:
        url = os.environ.get(VARIABLE, "")
        if not url:
            server = PostgresServer()
            ends.callback(server.remove)
            url = server.url
        made = Databases(url)
        ends.callback(made.close)
        yield made
