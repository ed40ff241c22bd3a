"""Client trial: a client asks in a session of 5 MB, is cut off within the answer, loses the server within the rest, and asks on."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
from websockets.asyncio.client import connect

from protocol import codec
from protocol import events as ev
from protocol.content import UserMessage
from protocol.submissions import UserInput
from server.config.settings import Settings
from server.journal.base import AppendItem, Record, SessionRow
from server.journal.sqlite import open_journal
from tests.support.application import settings_for
from tests.support.live import Client, Live, listening
from tests.support.models.scripted_model import Finish, Gate, ScriptedModel, Text, stream, text
from tests.support.network.ports import free_port
from tests.support.network.tcp_proxy import TcpProxy

PATIENCE_S = 60.0
NOW = "2026-01-01T00:00:00.000Z"
SESSION = "0123456789abcdef" * 2
QUESTIONS = ["first", "second"]
TURNS, TURN_CHARS = 50, 100_000

Finished = Callable[[], Awaitable[list[str]]]
"""Waits for the client's end; the answers that it showed."""


async def write_long_past(data: Path) -> None:
    """A session whose snapshot has 5 MB, in the journal of a server that does not run yet. Its model is told little of it."""
    made: list[ev.Event] = []
    for number in range(1, TURNS + 1):
        key, turn_id = f"k-{number}", f"turn-{number}"
        at: dict[str, Any] = {"at": NOW}
        answer: dict[str, Any] = {
            "message_id": f"m-{number}",
            "text": "Yes.",
            "reasoning": "x" * TURN_CHARS,
            "tool_calls": [],
        }
        made += [
            ev.Accepted(seq=len(made) + 1, submission_id=key, submission=UserInput(text="Well?", id=key), **at),
            ev.Processing(seq=len(made) + 2, turn_id=turn_id, submission_id=key, **at),
            ev.AssistantMessageEvent(seq=len(made) + 3, finish_reason="stop", sealed=False, **answer, **at),
            ev.TurnComplete(seq=len(made) + 4, turn_id=turn_id, history_size=2 * number, final_response="Yes.", **at),
        ]
    records = tuple(Record(event.seq, event.seq, codec.encode(event)) for event in made)
    journal = await open_journal(data)
    try:
        row = SessionRow(SESSION, "local", "A long past", "", NOW, NOW, 2 * TURNS, "idle", b"[]", False, b"{}")
        lease = await journal.create(row)
        await journal.append(AppendItem(lease, 0, records, row=row))
    finally:
        await journal.aclose()


def settings_at(data: Path, model: ScriptedModel, port: int) -> Settings:
    settings = settings_for(data, model, auth={"local_token": True})
    return msgspec.structs.replace(settings, server=msgspec.structs.replace(settings.server, port=port))


async def said_in(live: Live, token: str) -> list[str]:
    """What users said in the session after its long past."""
    headers = {"Authorization": f"Bearer {token}"}
    async with connect(f"{live.ws}/{SESSION}", additional_headers=headers, max_size=None, proxy=None) as socket:
        view = (await Client(socket).synced()).view
    return [message.text for message in view.messages if isinstance(message, UserMessage)][TURNS:]


async def try_client(folder: Path, start: Callable[[int, str], Awaitable[Finished]]) -> None:
    """Fails if the client shows other answers, or has said something twice.

    `start`: starts the client, with the port of the server and its token; it asks `QUESTIONS` in the session `SESSION`.
    """
    cut, stopped = Gate(), Gate()
    script = [stream(Text("One "), cut, Text("two."), stopped, Finish()), text("Three ", "four.")]
    data, port = folder / "data", free_port()
    data.mkdir()
    await write_long_past(data)
    async with ScriptedModel(script) as model, TcpProxy("127.0.0.1", port) as proxy, asyncio.timeout(PATIENCE_S):
        async with listening(settings_at(data, model, port)):
            token = (data / "token").read_text().strip()
            finished = await start(proxy.port, token)
            await cut.reached.wait()
            opened = proxy.opened
            await proxy.cut()
            await proxy.until(lambda p: p.opened > opened)
            cut.open()
            await stopped.reached.wait()
        async with listening(settings_at(data, model, port)) as live:
            interrupted, answer = await finished()
            assert interrupted.endswith("(interrupted)") and answer == "Three four."
            assert await said_in(live, token) == QUESTIONS
