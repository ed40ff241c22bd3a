"""Journal backend: opens the journal that the settings name, in a folder or in a database."""

from server.journal.base import Journal, JournalError
from server.journal.settings import JournalSettings
from server.journal.sqlite import open_journal


async def open_backend(settings: JournalSettings) -> Journal:
    """Open the journal. It belongs to the running loop. Raises `JournalError`, in one line with the remedy."""
    if not settings.url:
        return await open_journal(settings.folder, settings)
    try:
        # Nothing of the driver is there, or imported, where the journal is in a folder.
        from server.journal.postgres.journal import open_postgres
    except ImportError as error:
        raise JournalError(
            f"journal.url (HOLDFAST_JOURNAL_URL) needs psycopg ({error}): pip install 'holdfast[postgres]', or leave it empty "
            "to keep the journal in the data folder"
        ) from error
    return await open_postgres(settings.url)
