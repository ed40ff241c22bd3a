"""Search over two servers: each finds what was said at the other, and keeps no text of a session that the other deleted."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from protocol.submissions import UserInput
from tests.support.live import DONE, client
from tests.support.models.scripted_model import ScriptedModel, text
from tests.support.network.http_client import http_client
from tests.support.polling import eventually
from tests.unit.server.http.test_search import found
from tests.unit.server.sessions.nodes.two import two


async def test_what_was_said_at_another_server_is_found_and_leaves_with_its_session(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.search.searcher.BUILD_AFTER_S", 3_600.0)  # which looks for them too

    def kept() -> int:
        with closing(sqlite3.connect(tmp_path / "b" / "search.db")) as index:
            return int(
                index.execute("SELECT (SELECT count(*) FROM sessions) + (SELECT count(*) FROM texts)").fetchone()[0]
            )

    async with ScriptedModel(lambda _: text("Owls hoot.")) as model, two(tmp_path, database, model) as (a, b):
        async with client(a) as talker, http_client(b.http) as http:
            await talker.send(UserInput(text="tell"))
            await talker.until_type(*DONE)
            (one,) = (await found(http, "hoot"))["sessions"]
            assert one["session_id"] == talker.ready.session_id
            assert kept() == 3
        async with http_client(a.http) as http:
            await http.delete(f"/api/sessions/{talker.ready.session_id}")
        await eventually(lambda: kept() == 0, "its texts leave the index")
