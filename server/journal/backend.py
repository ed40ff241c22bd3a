"""Journal backend: opens the journal that the settings name, in a folder or in a database."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from server.journal.base import Journal, JournalError
from server.journal.data_dir import FolderLock
from server.journal.settings import JournalSettings
from server.journal.sqlite import open_journal


async def open_backend(settings: JournalSettings) -> Journal:
    """Open the journal. It belongs to the running loop. Raises `JournalError`, in one line with the remedy.

    The data folder is this server's alone wherever the journal is: workspaces, keys and logins are in it.
    """
    if not settings.url:
        return await open_journal(settings.folder, settings)
    postgres = _postgres()
    lock = FolderLock(settings.folder)
    try:
        lock.write_owner()
        return await postgres.open(settings.url, lock.release)
    except BaseException:
        lock.release()
        raise


def describe_database(settings: JournalSettings) -> str:
    """What the database of `journal.url` is and holds. Blocking. Raises `JournalError`."""
    return _postgres().describe(settings.url)


class _Postgres(NamedTuple):
    open: Callable[[str, Callable[[], None]], Awaitable[Journal]]
    describe: Callable[[str], str]


def _postgres() -> _Postgres:
    """The journal on PostgreSQL. Its driver is not imported, and need not be installed, where the journal is in a folder."""
    try:
        from server.journal.postgres.describe import describe
        from server.journal.postgres.journal import open_postgres
    except ImportError as error:
        raise JournalError(
            f"journal.url (HOLDFAST_JOURNAL_URL) needs psycopg ({error}): pip install 'holdfast[postgres]', or leave it empty "
            "to keep the journal in the data folder"
        ) from error
    return _Postgres(open_postgres, describe)
