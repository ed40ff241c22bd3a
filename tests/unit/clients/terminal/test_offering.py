"""Prompts and resources of MCP servers in `holdfast chat`: listed, asked for their values, shown, and sent if the user agrees."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from tests.support.application import settings_for
from tests.support.live import listening
from tests.support.models.scripted_model import ScriptedModel, text
from tests.support.network.http_client import http_client
from tests.support.polling import eventually
from tests.unit.agent.tools.mcp.servers import scripted
from tests.unit.clients.terminal.terminal import Chat, chat

POEM = {
    "name": "poem",
    "description": "Writes a poem.",
    "arguments": [{"name": "about", "required": True}, {"name": "style"}],
}
METHODS: dict[str, list[Any]] = {
    "prompts/list": [{"prompts": [POEM, {"name": "undo"}]}],
    "prompts/get": [
        {"messages": [{"role": "user", "content": {"type": "text", "text": "Write about owls.\n\u202eNow."}}]}
    ],
    "resources/list": [{"resources": [{"name": "notes", "uri": "test://notes"}]}],
    "resources/templates/list": [{"resourceTemplates": [{"name": "page", "uriTemplate": "test://pages/{name}"}]}],
    "resources/read": [{"contents": [{"uri": "test://notes", "text": "owls sleep by day"}]}],
}


@asynccontextmanager
async def talking(folder: Path, *answers: str, terminal: bool = True) -> AsyncIterator[tuple[Chat, ScriptedModel]]:
    """A terminal at a server with an MCP server that is up."""
    poet = scripted(folder, [], {}, prompts={}, resources={}, methods=METHODS)
    async with ScriptedModel([text(answer) for answer in answers]) as model:
        settings = msgspec.structs.replace(settings_for(folder / "data", model), mcp_servers={"poet": poet})
        async with listening(settings) as live, http_client(live.http) as http:

            async def up() -> bool:
                return bool((await http.get("/api/config")).json()["mcp"][0]["state"] == "up")

            await eventually(up, "the server")
            async with chat("--url", live.http, terminal=terminal) as running:
                yield running, model


async def test_a_prompt_asks_for_its_values_is_shown_and_is_sent(tmp_path: Path) -> None:
    async with talking(tmp_path, "Hoo.") as (terminal, model):
        await terminal.sees("> ")
        terminal.type("/prompts")
        await terminal.sees("/poem about= [style=]  (poet · Writes a poem.)")
        await terminal.sees("/resource test://notes  (poet · notes)")
        await terminal.sees("/resource test://pages/{name} name=  (poet · page)")
        terminal.type("/poem")
        await terminal.sees("about; /cancel: ")
        terminal.type("owls")
        await terminal.sees("style; empty: left out; /cancel: ")
        terminal.type("")
        await terminal.sees("    Write about owls.")
        await terminal.sees("    ⟨U+202E⟩Now.")
        await terminal.sees("send it? [y]es, [n]o, or write what to add: ")
        terminal.type("And briefly.")
        await terminal.sees("Hoo.")
        terminal.type("/quit")
        assert await terminal.ends() == 0
        assert model.requests[0].last_user_text == "Write about owls.\n\u202eNow.\n\nAnd briefly."


async def test_what_is_cancelled_or_not_agreed_to_is_not_sent(tmp_path: Path) -> None:
    async with talking(tmp_path, "Hello.") as (terminal, model):
        await terminal.sees("> ")
        terminal.type("/poem")
        await terminal.sees("about; /cancel: ")
        terminal.type("/cancel")
        await terminal.sees("> ")
        terminal.type("/poem about=owls")
        await terminal.sees("send it?")
        terminal.type("n")
        await terminal.sees("> ")
        terminal.type("/poet/undo x")
        await terminal.sees("undo takes no values")
        terminal.type("/fly")
        await terminal.sees("there is no command /fly; /help lists what there is")
        terminal.type("/resource other://notes")
        await terminal.sees("the MCP server poet has no resource 'other://notes' now")
        terminal.type("hi")
        await terminal.sees("Hello.")
        terminal.type("/quit")
        assert await terminal.ends() == 0
        assert [request.last_user_text for request in model.requests] == ["hi"]


async def test_a_resource_is_read_from_a_pipe(tmp_path: Path) -> None:
    async with talking(tmp_path, "They do.", "Really.", terminal=False) as (terminal, model):
        terminal.type("/resource test://notes", "y", "/resource test://pages/{name} name=owls", "Is it so?")
        terminal.hang_up()
        assert await terminal.ends() == 0
        first, second = (request.last_user_text for request in model.requests[:2])
    assert "saved in the workspace as mcp/resource-" in first and "owls sleep by day" in first
    assert second.endswith("\n\nIs it so?")


async def test_without_mcp_servers_there_is_nothing_to_list(tmp_path: Path) -> None:
    async with listening(settings_for(tmp_path)) as live, chat("--url", live.http) as terminal:
        terminal.type("/prompts", "/fly")
        terminal.hang_up()
        assert await terminal.ends() == 1
        assert "there are no prompts and no resources of MCP servers" in terminal.screen
        assert "there is no command /fly; /help lists what there is" in terminal.screen
