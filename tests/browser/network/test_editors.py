"""Editors beside the page: two `holdfast acp` and a tab on one session show the same, over a kill of the server too."""

import asyncio
import functools
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.support.tabs import NETWORK, Tabs
from tests.faults.harness.lengths import in_the_long_form
from tests.faults.process.process import ServerProcess, Zygote
from tests.support.acp.editor import Editor, editor_process
from tests.support.application import settings_for
from tests.support.models.scripted_model import Call, Hang, ScriptedModel, Text, calls, stream, text

SCRIPT = [
    text("Hello."),
    stream(Text("One, two, "), Hang()),
    text("Still here."),
    calls(Call("write", {"path": "note.txt", "content": "a note"})),
    text("Written."),
]
SHOWN = ["Hello.", "One, two,", "Still here.", "Written."]


def reached(one: Editor, chars: int) -> bool:
    """Whether it shows so much."""
    return len(one.text()) >= chars


async def shows(answers: str, *editors: Editor) -> None:
    """These editors get to show just this."""
    for each in editors:
        await each.until(functools.partial(reached, each, len(answers)))
        assert each.text() == answers


@in_the_long_form
@pytest.mark.timeout(300)
async def test_two_editors_and_the_page_show_the_same_once_and_the_page_answers_for_an_editor(
    tabs: Tabs, zygote: Zygote, tmp_path: Path
) -> None:
    tabs.expects(NETWORK)
    async with (
        ScriptedModel(SCRIPT) as model,
        ServerProcess(zygote, tmp_path, settings_for(tmp_path / "data", model)) as server,
    ):
        await server.start()
        async with editor_process("--url", server.http) as one, editor_process("--url", server.http) as two:
            await asyncio.gather(one.initialize(), two.initialize())
            session_id = await one.new()
            assert (await one.prompt(session_id, "hello"))["result"] == {"stopReason": "end_turn"}
            await two.load(session_id)
            chat = await tabs.open(f"{server.http}/s/{session_id}")
            await expect(chat.answers).to_have_text(SHOWN[:1])

            counted = one.prompt(session_id, "count")
            await expect(chat.answers).to_have_text(SHOWN[:2])
            await shows("Hello.One, two, ", one, two)
            await server.kill()
            await expect(chat.line).not_to_have_attribute("data-phase", "live")
            await server.start()
            async with asyncio.timeout(45):
                assert (await counted)["error"]["data"]["code"] == "restart"
                assert (await two.prompt(session_id, "and now?"))["result"] == {"stopReason": "end_turn"}
            await expect(chat.answers).to_have_text(SHOWN[:3])
            await chat.live()

            written = one.prompt(session_id, "write")
            await one.until(lambda: one.asks)
            await two.until(lambda: two.asks)
            await chat.approvals.get_by_role("button", name="Approve", exact=True).click()
            async with asyncio.timeout(45):
                assert (await written)["result"] == {"stopReason": "end_turn"}
            await expect(chat.answers).to_have_text(SHOWN)
            await chat.idle()
            await chat.shows_the_journal(server.http)
            await shows("Hello.One, two, Still here.Written.", one, two)
            for each in (one, two):
                assert each.withdrawn == [ask["id"] for ask in each.asks] and len(each.asks) == 1
            assert len(model.requests) == len(SCRIPT)
