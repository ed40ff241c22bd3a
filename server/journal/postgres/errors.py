"""PostgreSQL errors: what the driver raises, as refusals with a remedy; and why a server does not start."""

import re

import psycopg
from psycopg import pq

from server.journal.base import Unavailable

CALLERS_FAULTS = ("21", "22", "23", "54")
"""Classes of SQLSTATE that are about the values of one statement: a number out of range, a row that is there already, a limit of
the program. Everything else is about the server. https://www.postgresql.org/docs/current/errcodes-appendix.html"""

READ_ONLY = "25006"
"""The connection leads to a server that became a standby, or to a database that was made read-only."""

_REMEDIES = {
    "08": "the connection broke; it is made again by itself",
    "57": "the server stops or restarts; the connection is made again by itself",
    "53": "the server lacks disk, memory or connections: give it more",
    "58": "the server's disk or system failed: look at its log",
    "40": "another transaction was in the way; it is tried again",
    "28": "the login was refused: check the user and the password in journal.url (HOLDFAST_JOURNAL_URL)",
    "3D": "there is no such database: make it with CREATE DATABASE, or name another one in journal.url",
    "42": "what it needs is not there or not allowed: let the user of journal.url make tables in its schema (GRANT CREATE ON SCHEMA "
    "public TO USER), and own those of the journal that are there",
    READ_ONLY: "it can only be read: name the primary server in journal.url, or end default_transaction_read_only",
}


_REPEATED = re.compile(
    r'^connection (failed|is bad): |connection to server (at|on socket) "[^"]*"( \([^)]*\))?(, port \d+)? failed: | Is the server running .*$'
    r"| LINE \d+: .*\^"
)

_NOT_CONNECTED = (
    (
        ("certificate",),
        ": its certificate cannot be checked: name the authority's file with ?sslrootcert=FILE, and its host, in {key}",
    ),
    (
        ("read-only", "is not read-write"),
        " can only be read: name the primary server in {key}, or end default_transaction_read_only",
    ),
    (
        ("too many", "remaining connection slots"),
        ": it has no connection left: raise its max_connections, or the limit of the user or the database",
    ),
    (
        ("pg_hba.conf",),
        ": it lets this user in neither from here nor so: add a line for that to its pg_hba.conf, and have it read again",
    ),
    (
        ("permission denied for database",),
        ": the user may not connect: GRANT CONNECT ON DATABASE, or name another user in {key}",
    ),
    (
        ("database system is", "not accepting connections", "not currently accepting"),
        " starts, stops or takes no connections: wait until it does, or look at its log",
    ),
    (
        ("authentication failed", "no password supplied", 'role "'),
        ": the login was refused: check user and password in {key}",
    ),
    (('FATAL: database "',), ": there is no such database: make it with CREATE DATABASE, or name another one"),
    (
        ("expected authentication request", "invalid response to SSL"),
        ": what answers there is not PostgreSQL: check host and port in {key}",
    ),
    (("FATAL",), " refuses the connection: check what {key} says"),
    (("",), " does not answer: start it, or check host and port in {key}"),
)
"""What libpq says, which gives no SQLSTATE where there is no connection yet, and what to do; the first that is in it."""


class CannotStart(Unavailable):
    """The database cannot hold a journal as it is: a server does not start. The message has one line and names the remedy."""


class SchemaTooNew(CannotStart):
    """The tables were made by a later version."""

    def __init__(self, where: str, found: int, known: int) -> None:
        super().__init__(
            f"{where} has schema version {found}, and this version of Holdfast knows up to {known}: start the newer "
            "version again, or restore a backup from before the upgrade; the database was left as it is"
        )


class DatabaseInUse(Unavailable):
    """Another server holds the database. `shared`: this one would share it, and the other does not."""

    def __init__(self, where: str, holder: str, *, shared: bool) -> None:
        remedy = (
            "start that one with nodes.several too"
            if shared
            else "stop that server, or give this one a database of its own; servers that are to share it have nodes.several all "
            "(HOLDFAST_SEVERAL_NODES=true)"
        )
        super().__init__(f"{where} is in use by {holder or 'another server'}: {remedy}")


def explain(error: BaseException, where: str) -> Unavailable | None:
    """The database's fault in an error, or None: then it is the caller's own. The message has one line and no password."""
    if not isinstance(error, psycopg.Error):
        return None
    state = error.sqlstate or ""
    if state[:2] in CALLERS_FAULTS:
        return None
    if not state and not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return None
    remedy = _REMEDIES.get(state) or _REMEDIES.get(state[:2])
    if remedy is None:
        remedy = "it does not work as it must: look at its log" if state else _REMEDIES["08"]
    return Unavailable(f"{where}: {remedy} ({one_line(error)})")


def not_connected(error: psycopg.Error, where: str, key: str) -> Unavailable:
    """Why there is no connection, with the remedy. `key`: the setting that has the address."""
    text = one_line(error)
    if "SSL" in text and ("required" in text or "does not support" in text):
        return CannotStart(
            f"{where} offers no TLS, and the password would cross a network: switch TLS on there, or write ?sslmode=disable in {key} "
            "if nobody else is on the way"
        )
    remedy = next(said for words, said in _NOT_CONNECTED if any(one in text for one in words))
    return Unavailable(f"{where}{remedy.format(key=key)} ({text})")


def error_of(result: pq.abc.PGresult) -> psycopg.Error:
    """The error of a result that libpq gave. One without a state is libpq's own: the connection broke."""
    if result.error_field(pq.DiagnosticField.SQLSTATE) is None:
        return psycopg.OperationalError(result.error_message.decode("utf-8", "replace"))
    return psycopg.errors.error_from_result(result, encoding="utf-8")


def one_line(error: BaseException) -> str:
    """What a driver's error says, without its line breaks and what the message around it tells already."""
    return _REPEATED.sub("", " ".join(str(error).split()))[:400] or type(error).__name__
