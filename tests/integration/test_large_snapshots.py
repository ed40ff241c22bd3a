"""Large snapshots: the server sends them in fragments, and each kind of client gets them whole."""

from pathlib import Path

from websockets.asyncio.client import connect

from clients.session.client import SessionClient
from clients.session.outcomes import CaughtUp, ViewReset
from protocol.submissions import UserInput
from server.transport.socket_protocol import UNFRAGMENTED_BYTES_MAX
from tests.integration.test_session_client import items_until
from tests.support.application import settings_for
from tests.support.live import DONE, Live, client, listening
from tests.support.models.scripted_model import ScriptedModel, text
from tests.support.wscat import wscat
from tests.unit.clients.terminal.terminal import chat

LARGE = "x" * 60_000
TURNS = 4
END = "This is the end."


async def long_session(live: Live) -> str:
    """A session whose snapshot is larger than what is sent in one piece; its id."""
    async with client(live) as one:
        for _ in range(TURNS):
            await one.send(UserInput(text=LARGE))
            await one.until_type(*DONE)
        return one.ready.session_id


async def test_each_kind_of_client_gets_a_snapshot_that_is_sent_in_fragments(tmp_path: Path) -> None:
    assert TURNS * len(LARGE) > UNFRAGMENTED_BYTES_MAX
    script = [text("Yes.")] * (TURNS - 1) + [text(END)]
    async with ScriptedModel(script) as model, listening(settings_for(tmp_path, model)) as live:
        session_id = await long_session(live)
        async with connect(f"{live.ws}/{session_id}", max_size=None) as socket:
            pieces = [len(piece) async for piece in socket.recv_streaming()]
            while len(pieces) == 1:  # `ready` comes before, in a message of its own
                pieces = [len(piece) async for piece in socket.recv_streaming()]
            assert sum(pieces) > UNFRAGMENTED_BYTES_MAX
        async with wscat(f"{live.ws}/{session_id}") as person:
            snapshot = await person.until("snapshot")
            await person.until("synced")
        async with client(live, session_id) as other:
            await other.synced()
        async with SessionClient(live.http, session_id) as own:
            items = await items_until(own, CaughtUp)
        async with chat("--url", live.http, "--session", session_id) as terminal:
            await terminal.sees(END)
    sent = [LARGE, "Yes."] * (TURNS - 1) + [LARGE, END]
    assert [message["text"] for message in snapshot["messages"]] == sent
    assert [getattr(message, "text", "") for message in other.view.messages] == sent
    (reset,) = [item for item in items if isinstance(item, ViewReset)]
    assert [getattr(message, "text", "") for message in reset.view.messages] == sent
