"""Versions: a server that does not know an event of a newer one leaves that session to others, and goes on with the rest; a newer
one writes no such event while an older one lives.
"""

from pathlib import Path

import msgspec
import psycopg
import pytest

from agent.session.messages import SubmissionRefusal
from protocol import codes
from protocol import events as ev
from protocol.submissions import SetMode
from server.journal.base import AppendItem, Record, Unavailable
from tests.support.live import Live, client
from tests.support.models.scripted_model import ScriptedModel, text
from tests.support.polling import eventually
from tests.unit.server.sessions.nodes.two import two

LEASE_S = 4.0
NEWER = b'{"type":"of_a_newer_version","seq":%d,"at":"2030-01-01T00:00:00Z"}'


def speaks(database: str, name: str, version: int) -> None:
    """Have the server of this name say that it knows events of this version."""
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE nodes SET speaks = %s WHERE name = %s", (version, name.encode()))


async def left_unfinished(live: Live, *, newer: bool) -> str:
    """A session that a server, of a newer version, has left in the middle of its work."""
    journal = live.manager.journal
    session_id = await live.manager.create_session("local")
    actor = live.manager.registry.get(session_id)
    assert actor is not None
    await eventually(lambda: actor.may_sleep)
    await live.manager.registry.end(actor)
    lease = await journal.acquire(session_id)
    stat = await journal.stat(session_id)
    seq = stat.head + 1
    records = (Record(seq, seq, NEWER % seq),) if newer else ()
    await journal.append(AppendItem(lease, stat.head, records, row=msgspec.structs.replace(stat.row, unfinished=True)))
    await journal.release(lease)
    return session_id


async def test_a_session_with_an_event_of_a_newer_version_is_left_to_others(tmp_path: Path, database: str) -> None:
    async with ScriptedModel(lambda _: text("Hello.")) as model, two(tmp_path, database, model) as (a, b):
        newer = await left_unfinished(a, newer=True)
        with pytest.raises(Unavailable, match="is of a newer version of Holdfast: it goes on at a server of that"):
            await b.manager.submit_user_input(newer, "hello")
        nodes = b.manager.registry.services.nodes
        assert nodes is not None

        async def nobodys() -> bool:
            return not await nodes.owners([newer])

        await eventually(nobodys)
        known = await left_unfinished(a, newer=False)
        await eventually(lambda: any(live.manager.registry.get(known) for live in (a, b)), "its recovery")
        assert not isinstance(await a.manager.submit_user_input(known, "hello"), SubmissionRefusal)


async def test_a_newer_server_writes_what_an_older_one_does_not_know_only_when_that_one_has_ended(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = ev.NEWEST
    monkeypatch.setattr(ev.ModeChanged, "since", newest + 1)  # its kind is new in this version
    async with ScriptedModel(lambda _: text("Hello.")) as model, two(tmp_path, database, model, LEASE_S) as (a, _):
        speaks(database, "a", newest + 1)
        nodes = a.manager.registry.services.nodes
        assert nodes is not None
        async with client(a) as talker:
            await talker.send(SetMode(mode="ask", id="one"))
            refused = await talker.refusal()
            assert refused.code == codes.JOURNAL_UNAVAILABLE and refused.retryable
            assert "is of an older version, which does not know this: upgrade it" in refused.message
            speaks(database, "b", newest + 1)  # as if it had been upgraded
            await eventually(lambda: nodes.spoken == newest + 1)
            await talker.send(SetMode(mode="ask", id="one"))
            assert (await talker.until_type(ev.ModeChanged)).mode == "ask"
