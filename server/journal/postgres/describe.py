"""Description: tells of a database, for the doctor and the command line, without changing or holding it."""

import os

import psycopg

from server.journal.nodes.listing import NodeSeen
from server.journal.postgres import lock, membership, schema
from server.journal.postgres.address import Address
from server.journal.postgres.errors import CannotStart, SchemaTooNew, explain
from server.journal.postgres.link import Link


def describe(url: str) -> str:
    """Its version, its tables and who has it. Blocking. Raises `JournalError` if a server could not start on it."""
    address = Address(url, os.environ)
    link = Link(address, "holdfast doctor")
    try:
        with link as connection:
            version = schema.version(connection, address.where)
            holder = lock.holder(connection)
        server = link.pgconn.server_version
    except psycopg.Error as error:
        raise explain(error, address.where) or error from error
    finally:
        link.close()
    if version > schema.VERSION:
        raise SchemaTooNew(address.where, version, schema.VERSION)
    about = f"schema version {version}" if version else "no journal yet; the first start makes it"
    held = f"; {holder} has it" if holder else ""
    return f"{address.where}: version {server // 10_000}.{server % 10_000}, {about}{held}"


def list_nodes(url: str) -> list[NodeSeen]:
    """The servers that share it. Blocking. Raises `JournalError`."""
    address = Address(url, os.environ)
    link = Link(address, "holdfast nodes")
    try:
        with link as connection:
            found = schema.version(connection, address.where)
            if found > schema.VERSION:
                raise SchemaTooNew(address.where, found, schema.VERSION)
            if found < schema.VERSION:
                raise CannotStart(f"{address.where}: no server of this version has used it yet; start one")
            return membership.everybody(connection)
    except psycopg.Error as error:
        raise explain(error, address.where) or error from error
    finally:
        link.close()
