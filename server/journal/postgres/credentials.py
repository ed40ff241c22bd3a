"""Credentials on PostgreSQL: the rows of logins, API tokens and the like. Each is one statement, or one transaction."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg

from server.journal.call_queue import CallQueue
from server.journal.credentials import Bounds, Credential, Kind
from server.journal.nodes import words
from server.journal.postgres import schema
from server.journal.postgres.address import Address
from server.journal.postgres.errors import explain
from server.journal.postgres.link import Link
from server.journal.postgres.nodes.nodes import PostgresNodes
from server.journal.postgres.nodes.notices import CHANNEL
from server.journal.postgres.rows import encode
from server.journal.postgres.schema import Connection
from server.journal.postgres.transactions import Transactions

_COLUMNS = "c.id, c.hash, c.user_id, c.created_at, c.expires_at, c.data, c.version"
_FIND = f"SELECT {_COLUMNS} FROM credentials c WHERE c.kind = %s AND c.hash = %s"
_GET = f"SELECT {_COLUMNS} FROM credentials c WHERE c.kind = %s AND c.id = %s"
_ALL = f"SELECT {_COLUMNS} FROM credentials c WHERE c.kind = %s ORDER BY c.created_at DESC, c.id"
_OF_USER = f"SELECT {_COLUMNS} FROM credentials c WHERE c.kind = %s AND c.user_id = %s ORDER BY c.created_at DESC, c.id"
_CHANGED = f"""
    SELECT w.id, {_COLUMNS} FROM unnest(%s::bytea[], %s::bigint[]) AS w(id, version)
    LEFT JOIN credentials c ON c.kind = %s AND c.id = w.id WHERE c.version IS DISTINCT FROM w.version
"""
_INSERT = """
    INSERT INTO credentials AS c (kind, id, hash, user_id, created_at, expires_at, data) VALUES (%s, %s, %s, %s, %s, %s, %s)
"""
_ROOM = "SELECT pg_advisory_xact_lock(hashtextextended(encode(%s, 'hex'), 2))"
"""A lock of the kind: between the count and the insertion no other row of it is made."""
_ADD = f"{_INSERT} ON CONFLICT DO NOTHING"
_PUT = f"""
    {_INSERT} ON CONFLICT (kind, id) DO UPDATE SET hash = excluded.hash, user_id = excluded.user_id,
        created_at = excluded.created_at, expires_at = excluded.expires_at, data = excluded.data, version = c.version + 1,
        renewing_until = NULL
"""
_REPLACE = """
    UPDATE credentials SET hash = %s, user_id = %s, created_at = %s, expires_at = %s, data = %s, version = version + 1,
        renewing_until = NULL
    WHERE kind = %s AND id = %s AND version = %s
"""
_TAKE_RENEWAL = """
    UPDATE credentials SET renewing_until = clock_timestamp() + %s * interval '1 second'
    WHERE kind = %s AND id = %s AND version = %s AND (renewing_until IS NULL OR renewing_until < clock_timestamp())
"""
_RELEASE_RENEWAL = "UPDATE credentials SET renewing_until = NULL WHERE kind = %s AND id = %s AND version = %s"
_REMOVE = "DELETE FROM credentials WHERE kind = %s AND id = ANY(%s::bytea[])"
_TAKE = f"DELETE FROM credentials c WHERE c.kind = %s AND c.hash = %s RETURNING {_COLUMNS}"
_EXPIRED = "DELETE FROM credentials WHERE kind = %s AND expires_at <= %s"
_OLDEST = "DELETE FROM credentials WHERE kind = %s AND id IN ({})"
_OLDEST_OF_USER = _OLDEST.format(
    "SELECT id FROM credentials WHERE kind = %s AND user_id = %s ORDER BY created_at DESC, id OFFSET %s"
)
_OLDEST_OF_ALL = _OLDEST.format("SELECT id FROM credentials WHERE kind = %s ORDER BY created_at DESC, id OFFSET %s")
_OLDEST_OF_EACH = _OLDEST.format("""
    SELECT id FROM (
        SELECT id, row_number() OVER (PARTITION BY user_id ORDER BY created_at DESC, id) AS place
        FROM credentials WHERE kind = %s
    ) AS counted WHERE place > %s
""")


def find(connection: Connection, kind: Kind, secret_hash: bytes) -> Credential | None:
    """See `CredentialRows.find`."""
    return _one(kind, connection.execute(_FIND.encode(), (encode(kind), secret_hash), binary=True).fetchone())


def get(connection: Connection, kind: Kind, credential_id: str) -> Credential | None:
    """See `CredentialRows.get`."""
    return _one(kind, connection.execute(_GET.encode(), (encode(kind), encode(credential_id)), binary=True).fetchone())


def all_of(connection: Connection, kind: Kind, user_id: str | None = None) -> list[Credential]:
    """See `CredentialRows.all`."""
    if user_id is None:
        found = connection.execute(_ALL.encode(), (encode(kind),), binary=True)
    else:
        found = connection.execute(_OF_USER.encode(), (encode(kind), encode(user_id)), binary=True)
    return [_credential(kind, row) for row in found]


def changed(connection: Connection, kind: Kind, versions: Mapping[str, int]) -> dict[str, Credential | None]:
    """See `CredentialRows.changed`."""
    values = ([*map(encode, versions)], [*versions.values()], encode(kind))
    found = connection.execute(_CHANGED.encode(), values, binary=True)
    return {row[0].decode(): None if row[1] is None else _credential(kind, row[1:]) for row in found}


def add(connection: Connection, credential: Credential, bounds: Bounds | None = None) -> bool:
    """See `CredentialRows.add`."""
    kind, user = encode(credential.kind), encode(credential.user_id)
    with connection.transaction():
        if bounds is not None:
            connection.execute(_ROOM, (kind,))
            connection.execute(_EXPIRED, (kind, bounds.now))
            connection.execute(_OLDEST_OF_USER.encode(), (kind, kind, user, bounds.most_of_user - 1))
            connection.execute(_OLDEST_OF_ALL.encode(), (kind, kind, bounds.most - 1))
        return connection.execute(_ADD.encode(), (kind, encode(credential.id), *_values(credential))).rowcount > 0


def add_all(connection: Connection, credentials: Sequence[Credential], bounds: Bounds) -> None:
    """See `CredentialRows.add_all`."""
    rows = [(encode(one.kind), encode(one.id), *_values(one)) for one in credentials]
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(_ADD.encode(), rows)
        for kind in {encode(one.kind) for one in credentials}:
            cursor.execute(_EXPIRED, (kind, bounds.now))
            cursor.execute(_OLDEST_OF_EACH.encode(), (kind, kind, bounds.most_of_user))
            cursor.execute(_OLDEST_OF_ALL.encode(), (kind, kind, bounds.most))


def put(connection: Connection, credential: Credential) -> None:
    """See `CredentialRows.put`. Rows of its kind that have expired are removed."""
    connection.execute(_EXPIRED, (encode(credential.kind), credential.created_at))
    connection.execute(_PUT.encode(), (encode(credential.kind), encode(credential.id), *_values(credential)))


def replace(connection: Connection, credential: Credential) -> bool:
    """See `CredentialRows.replace`."""
    return connection.execute(_REPLACE, (*_values(credential), *_key(credential))).rowcount > 0


def take_renewal(connection: Connection, credential: Credential, for_s: float) -> bool:
    """See `CredentialRows.take_renewal`."""
    return connection.execute(_TAKE_RENEWAL, (for_s, *_key(credential))).rowcount > 0


def release_renewal(connection: Connection, credential: Credential) -> None:
    """See `CredentialRows.release_renewal`."""
    connection.execute(_RELEASE_RENEWAL, _key(credential))


def remove(connection: Connection, kind: Kind, credential_ids: Sequence[str]) -> int:
    """Remove rows; how many there were."""
    return connection.execute(_REMOVE, (encode(kind), [*map(encode, credential_ids)])).rowcount


def take(connection: Connection, kind: Kind, secret_hash: bytes) -> Credential | None:
    """See `CredentialRows.take`."""
    return _one(kind, connection.execute(_TAKE.encode(), (encode(kind), secret_hash), binary=True).fetchone())


def _key(credential: Credential) -> tuple[bytes, bytes, int]:
    return encode(credential.kind), encode(credential.id), credential.version


def _values(credential: Credential) -> tuple[bytes | float | None, ...]:
    return (
        credential.hash,
        encode(credential.user_id),
        credential.created_at,
        credential.expires_at,
        credential.data,
    )


def _one(kind: Kind, row: tuple[Any, ...] | None) -> Credential | None:
    return None if row is None else _credential(kind, row)


def _credential(kind: Kind, row: Sequence[Any]) -> Credential:
    credential_id, secret_hash, user_id, created_at, expires_at, data, version = row
    return Credential(
        kind=kind,
        id=credential_id.decode(),
        hash=secret_hash,
        user_id=user_id.decode(),
        created_at=created_at,
        expires_at=expires_at,
        data=data,
        version=version,
    )


class PostgresCredentials:
    """See `CredentialRows`. `nodes`: None where one server has the database."""

    def __init__(
        self,
        queries: CallQueue[Connection],
        writes: CallQueue[Transactions],
        nodes: PostgresNodes | None,
        epoch: Callable[[], str],
    ) -> None:
        """`queries`, `writes`: of the journal's threads; `epoch`: gives its epoch."""
        self._epoch = epoch
        self._queries = queries
        self._writes = writes
        self._nodes = nodes

    @property
    def epoch(self) -> str:
        """The journal's epoch."""
        return self._epoch()

    async def find(self, kind: Kind, secret_hash: bytes) -> Credential | None:
        """The row with this hash."""
        return await self._queries.put(lambda db: find(db, kind, secret_hash))

    async def get(self, kind: Kind, credential_id: str) -> Credential | None:
        """The row with this id."""
        return await self._queries.put(lambda db: get(db, kind, credential_id))

    async def all(self, kind: Kind, user_id: str | None = None) -> list[Credential]:
        """The rows of a kind."""
        return await self._queries.put(lambda db: all_of(db, kind, user_id))

    async def changed(self, kind: Kind, versions: Mapping[str, int]) -> dict[str, Credential | None]:
        """The rows that have another version."""
        return await self._queries.put(lambda db: changed(db, kind, versions))

    async def add(self, credential: Credential, bounds: Bounds | None = None) -> bool:
        """Store a new row."""
        return await self._writes.put(lambda tables: tables.run(lambda db: add(db, credential, bounds)))

    async def add_all(self, credentials: Sequence[Credential], bounds: Bounds) -> None:
        """Store new rows."""
        await self._writes.put(lambda tables: tables.run(lambda db: add_all(db, credentials, bounds)))

    async def put(self, credential: Credential) -> None:
        """Store a row in place of that with its id."""
        await self._writes.put(lambda tables: tables.run(lambda db: put(db, credential)))

    async def replace(self, credential: Credential) -> bool:
        """Store a row's new state."""
        return await self._writes.put(lambda tables: tables.run(lambda db: replace(db, credential)))

    async def take_renewal(self, credential: Credential, for_s: float) -> bool:
        """Be the only one that renews what a row keeps."""
        return await self._writes.put(lambda tables: tables.run(lambda db: take_renewal(db, credential, for_s)))

    async def release_renewal(self, credential: Credential) -> None:
        """Let another renew it."""
        await self._writes.put(lambda tables: tables.run(lambda db: release_renewal(db, credential)))

    async def remove(self, kind: Kind, credential_ids: Sequence[str]) -> None:
        """Remove rows, and tell the other servers."""
        await self._writes.put(lambda tables: tables.run(lambda db: remove(db, kind, credential_ids)))
        if self._nodes is not None:
            self._nodes.tell_credentials()

    async def take(self, kind: Kind, secret_hash: bytes) -> Credential | None:
        """Remove the row with this hash, which one caller gets."""
        return await self._writes.put(lambda tables: tables.run(lambda db: take(db, kind, secret_hash)))

    def watch(self, changed: Callable[[], None]) -> None:
        """Call `changed` when rows were removed elsewhere."""
        if self._nodes is not None:
            self._nodes.watch_credentials(changed)


class PostgresCredentialTable:
    """See `CredentialTable`: through a link of its own, beside servers that run."""

    def __init__(self, link: Link) -> None:
        self.where = link.where
        self._link = link

    def all(self, kind: Kind) -> list[Credential]:
        """The rows of a kind."""
        with self._asking() as connection:
            return all_of(connection, kind)

    def add(self, credential: Credential) -> bool:
        """Store a new row."""
        with self._asking() as connection:
            return add(connection, credential)

    def remove(self, kind: Kind, credential_id: str) -> bool:
        """Remove a row, and tell the servers."""
        with self._asking() as connection:
            removed = remove(connection, kind, [credential_id]) > 0
            connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, words.CREDENTIALS))
            return removed

    @contextmanager
    def _asking(self) -> Iterator[Connection]:
        try:
            with self._link as connection:
                yield connection
        except psycopg.Error as error:
            raise explain(error, self.where) or error from error


@contextmanager
def open_table(url: str) -> Iterator[PostgresCredentialTable]:
    """The rows in this database, whose tables are made if need be. Raises `JournalError`."""
    address = Address(url, os.environ)
    link = Link(address, "holdfast token")
    try:
        try:
            with link as connection:
                schema.migrate(connection, address.where)
        except psycopg.Error as error:
            raise explain(error, address.where) or error from error
        yield PostgresCredentialTable(link)
    finally:
        link.close()
