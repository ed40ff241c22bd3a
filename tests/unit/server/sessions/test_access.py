"""Session access: who gets it, and how often the journal is read for it."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from protocol import events as ev
from protocol.submissions import UserInput
from server.auth.principal import Grant, Principal
from server.journal.backend import open_backend
from server.journal.base import Journal, Stat
from server.sessions.access import authorize, authorize_session
from server.sessions.errors import SessionNotFound
from tests.support.application import running, settings_for
from tests.support.live import client, listening
from tests.support.polling import eventually
from tests.unit.server.journal.builders import row

ANN = Principal(user_id="ann", rights=frozenset({"sessions"}), credential="token:1")
BEN = msgspec.structs.replace(ANN, user_id="ben", credential="token:2")


class CountingJournal:
    """A journal that counts how often the row of a session is read."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.reads = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)

    async def stat(self, session_id: str) -> Stat:
        self.reads += 1
        return await self._journal.stat(session_id)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[CountingJournal]:
    """The journals of the servers that the test starts."""
    journals: list[CountingJournal] = []

    async def opened(*args: Any, **kwargs: Any) -> Any:
        backend = await open_backend(*args, **kwargs)
        journals.append(CountingJournal(backend.journal))
        return backend._replace(journal=journals[-1])

    monkeypatch.setattr("server.running.open_backend", opened)
    return journals


def test_the_owner_has_all_access_and_keeps_no_grant() -> None:
    access = authorize(msgspec.structs.replace(ANN, grant=Grant("s", "share", "read")), row("s", user_id="ann"))
    assert (access.level, access.principal) == ("owner", ANN)


def test_a_share_link_gives_its_own_level_in_its_own_session_alone() -> None:
    invited = msgspec.structs.replace(BEN, grant=Grant("s", "share", "drive"))
    access = authorize(invited, row("s", user_id="ann"))
    assert (access.level, access.principal.user_id, access.principal.rights) == ("drive", "guest:share", frozenset())
    with pytest.raises(SessionNotFound):
        authorize(invited, row("other", user_id="ann"))


def test_without_access_there_is_no_such_session() -> None:
    with pytest.raises(SessionNotFound):
        authorize(BEN, row("s", user_id="ann"))


async def test_a_missing_session_is_not_found(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as manager:
        with pytest.raises(SessionNotFound):
            await authorize_session(manager.registry, ANN, "no-such-session")


async def test_a_socket_to_a_sleeping_session_reads_its_row_twice_another_once_and_to_an_awake_one_never(
    tmp_path: Path, counted: list[CountingJournal]
) -> None:
    async with listening(settings_for(tmp_path)) as live:
        async with client(live) as socket:
            session_id = (await socket.synced()).ready.session_id
            await socket.send(UserInput(text="hello"))
    async with listening(settings_for(tmp_path)) as live:
        await eventually(lambda: live.manager.active_session_count == 0)
        journal = counted[-1]
        journal.reads = 0
        async with client(live, session_id) as socket:
            await socket.synced()
            assert journal.reads == 2, "once to authorize, once for the head"
            async with client(live, session_id) as another:
                await another.synced()
                assert journal.reads == 3
                await another.send(UserInput(text="hello"))
                await another.until_type(ev.Accepted)
            journal.reads = 0
            async with client(live, session_id) as third:
                await third.synced()
            assert journal.reads == 0
