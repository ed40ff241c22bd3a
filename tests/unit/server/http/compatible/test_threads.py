"""Threads: a name means a session of the caller's own, whoever else has made one of its id."""

from pathlib import Path

from server.http.compatible.threads import session_named
from tests.support.compatible.settings import compatible
from tests.support.live import listening
from tests.support.models.scripted_model import ScriptedModel, text
from tests.support.network.http_client import http_client
from tests.unit.server.auth.test_api_tokens import add, bearer
from tests.unit.server.http.compatible.test_ag_ui_route import body


async def test_a_session_that_another_user_made_under_a_names_id_is_not_used(tmp_path: Path) -> None:
    async with ScriptedModel([text("Hi."), text("Again.")]) as model:
        settings = compatible(tmp_path, model, auth={"mode": "tokens"})
        async with listening(settings) as live, http_client(live.http) as http:
            ada = bearer(add(tmp_path, "ada"))
            theirs = await live.manager.create_session("ben", session_id=session_named("ada", "t"))
            said = await http.post("/ag-ui", json=body(), headers=ada)
            own = said.headers["holdfast-session"]
            assert own != theirs
            by_id = await http.post("/ag-ui", json=body(thread=theirs, message="m2"), headers=ada)
            assert by_id.headers["holdfast-session"] not in (own, theirs)
            again = await http.post("/ag-ui", json=body(), headers=ada)
            assert again.headers["holdfast-session"] == own
            assert (await live.manager.get_session_info(theirs)).message_count == 0
