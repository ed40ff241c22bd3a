"""The route of AG-UI: refusals, limits, and how its streams end, over a real socket."""

import contextlib
import socket
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from protocol import events as ev
from server.auth.backends.api_tokens import write_tokens
from tests.support.application import Listener, settings_for
from tests.support.compatible.settings import compatible
from tests.support.live import Live, listening
from tests.support.models.images import png
from tests.support.models.scripted_model import Finish, Gate, ScriptedModel, Text, stream, text
from tests.support.network.http_client import http_client
from tests.support.polling import eventually
from tests.unit.server.auth.test_api_tokens import add, bearer


def body(thread: str = "t", message: str = "m1", said: str = "hello", **more: Any) -> dict[str, Any]:
    """A run that says something."""
    return {"threadId": thread, "runId": "r", "messages": [{"id": message, "role": "user", "content": said}], **more}


@contextlib.asynccontextmanager
async def served(
    data: Path, model: ScriptedModel, **socket_settings: Any
) -> AsyncIterator[tuple[Live, httpx.AsyncClient]]:
    """A server that speaks AG-UI, and a client."""
    settings = compatible(data, model)
    settings = msgspec.structs.replace(settings, socket=msgspec.structs.replace(settings.socket, **socket_settings))
    async with listening(settings) as live, http_client(live.http, timeout=20) as http:
        yield live, http


async def test_it_is_off_until_the_configuration_switches_it_on(tmp_path: Path) -> None:
    async with listening(settings_for(tmp_path)) as live, http_client(live.http) as http:
        refused = await http.post("/ag-ui", json=body())
    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
    assert "compatible.ag_ui" in refused.json()["message"]


async def test_what_is_refused_is_told_before_a_stream_begins(tmp_path: Path) -> None:
    async with ScriptedModel([text("Hi.")]) as model, served(tmp_path, model) as (live, http):
        session_id = (await http.post("/ag-ui", json=body())).headers["holdfast-session"]
        refusals = [
            await http.post("/ag-ui", json=body(said="something else")),
            await http.post("/ag-ui", json={"threadId": "t"}),
            await http.post("/ag-ui", json=body(said="")),
            await http.post(
                "/ag-ui", json=body(resume=[{"interruptId": "99:call:c", "status": "cancelled"}], message="m9")
            ),
            await http.post("/ag-ui", content=b'{"threadId": "t", "runId": "\\ud800", "messages": []}'),
            await http.post("/ag-ui", json=body(thread="x" * 300)),
            await http.post("/ag-ui", content=b"x" * 4_194_305),
            await http.post("/ag-ui", json=body(forwardedProps=[[]] * 60_000)),
            await http.post("/ag-ui", content=b"," * 60_000),
        ]
        assert [one.status_code for one in refusals] == [409, 400, 400, 400, 400, 400, 413, 413, 400]
        assert refusals[0].json()["code"] == "id_conflict"
        assert len(model.requests) == 1
        # A thread may be named by its session's id; another user's would be a name like any other.
        again = await http.post("/ag-ui", json=body(thread=session_id))
        assert again.headers["holdfast-session"] == session_id
        await live.manager.delete_session(session_id)
        model.extend(text("Anew."))
        anew = await http.post("/ag-ui", json=body())
        assert anew.headers["holdfast-session"] != session_id
        assert '"Anew."' in anew.text


async def test_an_image_comes_into_no_project_folder(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    image = {"type": "image", "source": {"type": "data", "value": b64encode(png()).decode(), "mimeType": "image/png"}}
    async with ScriptedModel([text("Hi.")]) as model:
        settings = compatible(tmp_path / "data", model, workspace={"roots": [str(tmp_path)]})
        async with listening(settings) as live, http_client(live.http, timeout=20) as http:
            made = await http.post("/api/sessions", json={"cwd": str(project)})
            run = body(thread=made.json()["session_id"])
            run["messages"][0]["content"] = [{"type": "text", "text": "see"}, image]
            refused = await http.post("/ag-ui", json=run)
    assert (refused.status_code, list(project.iterdir())) == (400, [])
    assert "project folder" in refused.json()["message"]


async def test_an_image_that_is_said_again_takes_the_place_of_no_file(tmp_path: Path) -> None:
    image = {"type": "image", "source": {"type": "data", "value": b64encode(png()).decode(), "mimeType": "image/png"}}
    said: Any = [{"type": "text", "text": "see"}, image, image]
    async with ScriptedModel([text("One."), text("Two.")]) as model, served(tmp_path, model) as (_, http):
        session = (await http.post("/ag-ui", json=body(said=said))).headers["holdfast-session"]
        files = f"/api/sessions/{session}/files"

        async def there() -> list[str]:
            return [one["path"] for one in (await http.get(files)).json()["files"] if one["kind"] == "file"]

        first, second = await there()
        await http.put(f"{files}/{first}", content=b"edited")
        await http.post("/ag-ui", json=body(message="m2", said=said))
        assert len(await there()) == 4
        assert [(await http.get(f"{files}/{one}")).content for one in (first, second)] == [b"edited", png()]


async def test_a_client_that_leaves_stops_nothing_and_gives_its_place_back(tmp_path: Path) -> None:
    gate = Gate()
    script = [stream(Text("Half "), gate, Text("done."), Finish())]
    async with ScriptedModel(script) as model, served(tmp_path, model, sockets_per_session_max=1) as (live, http):
        async with http.stream("POST", "/ag-ui", json=body()) as run:
            await gate.reached.wait()
            second = await http.post("/ag-ui", json=body())
            assert (second.status_code, second.json()["code"]) == (429, "too_many_sockets")
            session_id = run.headers["holdfast-session"]
        await eventually(lambda: live.manager.registry.ports.sockets(session_id) == 0)
        port = live.manager.registry.ports.get(session_id)
        assert port is not None
        gate.open()
        ended = await Listener(port).until_type(ev.TurnComplete)
        assert ended.final_response == "Half done."


async def test_a_client_that_reads_nothing_is_cut_off(tmp_path: Path) -> None:
    script = [text("\x01" * 900_000)]  # six times as large in JSON
    async with ScriptedModel(script) as model, served(tmp_path, model, send_timeout_s=0.3) as (live, http):
        with socket.socket() as lazy:
            lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            lazy.connect(("127.0.0.1", live.port))
            content = msgspec.json.encode(body())
            lazy.sendall(
                b"POST /ag-ui HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (len(content), content)
            )
            await model.request(0)
            await eventually(lambda: len(live.manager.registry.ports.with_sockets()) == 1)
            await eventually(lambda: not live.manager.registry.ports.with_sockets())
        whole = await http.post("/ag-ui", json=body())  # and it may come back
        assert whole.text.count("\\u0001") == 900_000


async def test_a_stream_ends_with_the_credentials_that_began_it(tmp_path: Path) -> None:
    gate = Gate()
    script = [stream(Text("Half "), gate, Text("done."), Finish())]
    async with ScriptedModel(script) as model:
        settings = compatible(tmp_path, model, auth={"mode": "tokens", "recheck_s": 0.05})
        async with listening(settings) as live, http_client(live.http, timeout=20) as http:
            ada = bearer(add(tmp_path, "ada"))
            async with http.stream("POST", "/ag-ui", json=body(), headers=ada) as run:
                await gate.reached.wait()
                write_tokens(tmp_path / "tokens.json", [])
                with pytest.raises(httpx.RemoteProtocolError):
                    await run.aread()
            assert (await http.post("/ag-ui", json=body(), headers=ada)).status_code == 401
            await eventually(lambda: not live.manager.registry.ports.with_sockets())
            gate.open()


async def test_requests_are_counted_as_submissions(tmp_path: Path) -> None:
    async with ScriptedModel([text("Hi.")]) as model:
        async with (
            listening(compatible(tmp_path, model, users={"submissions_per_minute": 2})) as live,
            http_client(live.http, timeout=20) as http,
        ):
            answers = [await http.post("/ag-ui", json=body()) for _ in range(3)]
            assert [one.status_code for one in answers] == [200, 200, 429]
            assert answers[-1].json()["code"] == "too_many_submissions"
            assert answers[-1].headers["retry-after"] == "1"
