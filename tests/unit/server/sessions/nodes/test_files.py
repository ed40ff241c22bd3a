"""Files over two servers: they are the same at both, and go with a session that moves."""

from pathlib import Path

from protocol import events as ev
from protocol.submissions import Restore, Undo, UserInput
from tests.support.live import Live, client
from tests.support.models.scripted_model import Call, ScriptedModel, calls, text
from tests.support.network.http_client import http_client
from tests.support.polling import eventually
from tests.unit.server.sessions.nodes.two import two


async def file_at(live: Live, session_id: str) -> str:
    async with http_client(live.http) as http:
        return (await http.get(f"/api/sessions/{session_id}/files/a.txt")).text


async def test_what_was_done_to_files_at_one_server_is_seen_and_taken_back_at_the_other(
    tmp_path: Path, database: str
) -> None:
    script = [calls(Call("write", {"path": "a.txt", "content": "two"})), text("Done.")]
    async with ScriptedModel(script) as model, two(tmp_path, database, model, policy={}) as (a, b):
        async with client(a) as first, http_client(b.http) as http:
            session_id = (await first.synced()).ready.session_id
            path = f"/api/sessions/{session_id}/files"
            assert (await http.put(f"{path}/a.txt", content=b"one")).status_code == 201
            assert await file_at(a, session_id) == "one"
            await first.send(UserInput(text="go"))
            await first.until_type(ev.TurnComplete)
            assert await file_at(b, session_id) == "two"
            actor = a.manager.registry.get(session_id)
            assert actor is not None
            await eventually(lambda: actor.may_sleep)
            await a.manager.registry.end(actor)
            async with client(b, session_id) as second:
                await second.synced()
                await second.send(Undo())
                undone = await second.until_type(ev.UndoComplete)
                await second.send(Restore(snapshot_id=undone.restore))
                await second.until_type(ev.WorkspaceRestored)
                assert b.manager.registry.get(session_id) is not None
            assert await file_at(a, session_id) == "one"
            assert (await http.delete(f"/api/sessions/{session_id}")).status_code == 204
        assert not [*(tmp_path / "files" / "workspaces").iterdir()]
        assert not [*(tmp_path / "files" / "snapshots").iterdir()]
