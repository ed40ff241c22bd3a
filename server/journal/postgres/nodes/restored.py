"""Restored: a new epoch by hand, for a database that was put back in a way that servers cannot notice."""

import os

import psycopg

from server.journal.postgres import lineage, lock, schema
from server.journal.postgres.address import Address
from server.journal.postgres.errors import explain
from server.journal.postgres.link import Link


def begin_epoch(url: str) -> str:
    """Begin a new epoch, while no server uses the database; its name. Blocking. Raises `JournalError`."""
    address = Address(url, os.environ)
    link = Link(address, lock.connection_name())
    try:
        lock.take(link, lock.WAIT_S, shared=False)
        with link as connection, connection.transaction():
            schema.migrate(connection, address.where)
            lineage.refuse_moved(connection, address.where)
            connection.execute("UPDATE meta SET lineage = ''")
            return lineage.settle(connection, None).name
    except psycopg.Error as error:
        raise explain(error, address.where) or error from error
    finally:
        link.close()
