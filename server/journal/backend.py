"""Journal backend: opens the journal that the settings name, in a folder or in a database."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

from server.journal.base import Journal, JournalError
from server.journal.credentials import CredentialRows, CredentialTable
from server.journal.data_dir import FolderLock
from server.journal.nodes.base import Nodes
from server.journal.nodes.listing import DatabaseState, NodeSeen
from server.journal.nodes.settings import NodesSettings
from server.journal.offline import OfflineReader, open_offline
from server.journal.settings import JournalSettings
from server.journal.sqlite import open_journal

ALONE = NodesSettings()


class Backend(NamedTuple):
    """An open journal. `nodes`: this server among those on the same database; None where one server has the journal.

    `credentials`: those in the database; None where the journal is in a folder.
    """

    journal: Journal
    nodes: Nodes | None
    credentials: CredentialRows | None = None


async def open_backend(settings: JournalSettings, nodes: NodesSettings = ALONE, files: Path | None = None) -> Backend:
    """Open the journal. It belongs to the running loop. Raises `JournalError`, in one line with the remedy.

    The data folder is this server's alone wherever the journal is. `files`: the folder of sessions' files, if servers share one.
    """
    if not settings.url:
        return Backend(await open_journal(settings.folder, settings), None)
    postgres = _postgres()
    lock = FolderLock(settings.folder)
    try:
        lock.write_owner()
        return await postgres.open(settings, lock.release, nodes, files)
    except BaseException:
        lock.release()
        raise


def describe_database(settings: JournalSettings) -> DatabaseState:
    """What the database of `journal.url` is and holds. Blocking. Raises `JournalError`."""
    return _postgres().describe(settings.direct)


def open_stored(settings: JournalSettings) -> AbstractContextManager[OfflineReader[Any]]:
    """The stored sessions, for reading, while servers use them or not. Raises `JournalError` when it is entered or before."""
    return _postgres().stored(settings.direct) if settings.url else open_offline(settings.folder)


def list_nodes(settings: JournalSettings) -> list[NodeSeen]:
    """The servers that share the database of `journal.url`. Blocking. Raises `JournalError`."""
    return _postgres().list_nodes(settings.direct)


def begin_epoch(settings: JournalSettings) -> str:
    """Begin a new epoch in the database of `journal.url`, which no server uses; its name. Blocking. Raises `JournalError`."""
    _postgres()
    from server.journal.postgres.nodes.restored import begin_epoch as begin

    return begin(settings.direct)


def open_credentials(settings: JournalSettings) -> AbstractContextManager[CredentialTable]:
    """The credentials in the database of `journal.url`, for a command. Raises `JournalError`."""
    return _postgres().credentials(settings.direct)


def move_journal(folder: Path, to: str, source: str, progress: Callable[[str, int], None]) -> dict[str, int]:
    """Move the journal of a stopped server from the folder to the database `to`, or from the database `source` to the folder.

    How many rows of each table. Blocking. Raises `JournalError`: then nothing was moved.
    """
    _postgres()
    from server.journal.postgres.moving.move import move_from, move_to

    return move_to(folder, to, progress) if to else move_from(folder, source, progress)


class _Postgres(NamedTuple):
    open: Callable[[JournalSettings, Callable[[], None], NodesSettings, Path | None], Awaitable[Backend]]
    describe: Callable[[str], DatabaseState]
    list_nodes: Callable[[str], list[NodeSeen]]
    credentials: Callable[[str], AbstractContextManager[CredentialTable]]
    stored: Callable[[str], AbstractContextManager[OfflineReader[Any]]]


def _postgres() -> _Postgres:
    """The journal on PostgreSQL. Its driver is not imported, and need not be installed, where the journal is in a folder."""
    try:
        from server.journal.postgres.credentials import open_table
        from server.journal.postgres.describe import describe, list_nodes, open_stored
        from server.journal.postgres.journal import open_postgres
    except ImportError as error:
        raise JournalError(
            f"journal.url (HOLDFAST_JOURNAL_URL) needs psycopg ({error}): pip install 'holdfast[postgres]', or leave it empty "
            "to keep the journal in the data folder"
        ) from error

    async def opened(
        settings: JournalSettings, at_end: Callable[[], None], nodes: NodesSettings, files: Path | None
    ) -> Backend:
        pooler = settings.url if settings.direct_url else ""
        notify = settings.notify == "on"
        journal = await open_postgres(settings.direct, at_end, nodes, files, pooler=pooler, notify=notify)
        return Backend(journal, journal.nodes, journal.credentials)

    return _Postgres(opened, describe, list_nodes, open_table, open_stored)
