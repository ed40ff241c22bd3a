"""Servers that a client gave, over a kill: they die with the server that ran the session, and the one that goes on with it has them."""

import signal
from pathlib import Path

from websockets.asyncio.client import connect

from protocol import events as ev
from protocol.content import ToolMessage
from protocol.submissions import UserInput
from tests.faults.process.process import Zygote
from tests.faults.storage.test_nodes import servers
from tests.support.live import Client
from tests.support.models.scripted_model import Answer, Call, Request, ScriptedModel, calls, text
from tests.support.network.http_client import http_client
from tests.support.polling import eventually
from tests.unit.agent.tools.mcp.servers import PLAIN, alive, noted, odd


def answer(request: Request) -> Answer:
    """It calls the tool that it is told to."""
    if request.messages[-1]["role"] == "tool":
        return text("Done.")
    return calls(Call(request.last_user_text, {"text": "hi"} if request.last_user_text == "echo" else {}))


async def test_a_killed_servers_session_goes_on_with_what_its_client_gave(
    zygote: Zygote, tmp_path: Path, database: str
) -> None:
    allowed = {"rules": [{"action": "allow", "tool": name} for name in ("echo", "hold")]}
    shop = {"command": odd().command, "args": ["-I", "-S", str(PLAIN), "--folder", str(tmp_path)]}
    async with (
        ScriptedModel(answer, allow_complaints=True) as model,
        servers(zygote, tmp_path, database, model, auth={"local_token": True}, policy=allowed) as (a, b),
    ):
        headers = {"Authorization": f"Bearer {(tmp_path / 'a' / 'data' / 'token').read_text().strip()}"}
        async with http_client(a.http, headers=headers) as at_a, http_client(b.http, headers=headers) as at_b:
            session_id = (await at_a.post("/api/sessions")).json()["session_id"]
            path = f"/api/sessions/{session_id}/mcp/servers"
            assert (await at_b.put(path, json={"mcp_servers": {"shop": shop}})).json() == {"mcp_refused": {}}
        async with connect(f"{a.ws}/{session_id}", additional_headers=headers, close_timeout=0.1) as socket:
            teller = Client(socket)
            await teller.send(UserInput(text="hold"))
            await eventually(lambda: noted(tmp_path, "holding"))
            first = noted(tmp_path, "started")
            a.signal(signal.SIGKILL)
        async with connect(f"{b.ws}/{session_id}", additional_headers=headers) as socket:
            other = Client(socket, teller.view)
            await other.until_type(ev.Interrupted)
            assert [one.state for one in other.view.messages if isinstance(one, ToolMessage)] == ["outcome_unknown"]
            assert not alive(first)
            await other.send(UserInput(text="echo"))
            said = await other.until_type(ev.ToolOutput)
            assert said.output == "hi" and noted(tmp_path, "started") != first
