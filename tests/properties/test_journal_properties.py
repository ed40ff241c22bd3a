"""Journal, properties: compared with a plain model in random runs of calls, clean restarts and restored older copies."""

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from server.journal.base import Journal
from tests.faults.harness.lengths import in_the_long_form, length
from tests.properties.journal_machine import JournalMachine

if TYPE_CHECKING:
    from tests.support.postgres.databases import Databases

CONSTANTS = {
    "server.journal.transactions.CACHED_SESSIONS_MAX": 1,
    "server.journal.threads.PURGE_RECORDS": 3,
    "server.journal.threads.CHECKPOINT_CALLS": 5,
    "server.journal.readers.READERS": 1,
}
"""Small, so that every bound is met often."""

SETTINGS = settings(
    max_examples=length(6, 50),
    stateful_step_count=80,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


@pytest.mark.timeout(300)  # a failing run is made small before it is told
def test_the_journal_agrees_with_its_model() -> None:
    with pytest.MonkeyPatch.context() as changed:
        for path, value in CONSTANTS.items():
            changed.setattr(path, value)
        run_state_machine_as_test(JournalMachine, settings=SETTINGS)


@in_the_long_form
@pytest.mark.timeout(900)
def test_the_journal_on_postgres_agrees_with_its_model(postgres: "Databases") -> None:
    """The same calls; a database is copied as its own commands do it, which shows by itself."""
    from server.journal.postgres.journal import open_postgres

    class PostgresMachine(JournalMachine):
        async def opened(self) -> Journal:
            if not self.name:
                self.name = postgres.take()
            return await open_postgres(postgres.url_of(self.name))

        def teardown(self) -> None:
            super().teardown()
            postgres.give_back(self.name)
            if self.copied is not None:
                postgres.drop(f"{self.name}_copy")

        def copy_data(self) -> None:
            postgres.drop(f"{self.name}_copy")
            postgres.execute(f"CREATE DATABASE {self.name}_copy TEMPLATE {self.name}")

        def put_data_back(self) -> None:
            postgres.drop(self.name)
            postgres.execute(f"CREATE DATABASE {self.name} TEMPLATE {self.name}_copy")

    with pytest.MonkeyPatch.context() as changed:
        changed.setattr("server.journal.postgres.link.FSYNC_OFF_ALLOWED", True)
        changed.setattr("server.journal.postgres.appends.KNOWN_MAX", 1)
        changed.setattr("server.journal.postgres.threads.PURGE_RECORDS", 3)
        run_state_machine_as_test(PostgresMachine, settings=settings(SETTINGS, max_examples=10))
