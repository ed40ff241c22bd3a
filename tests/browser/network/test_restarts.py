"""Restarts under an open page: the server is killed, drained or restored from a copy; the page itself is suspended."""

import contextlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

from playwright.async_api import expect

from protocol import events as ev
from protocol.content import ToolMessage
from tests.browser.support.chat import Chat
from tests.browser.support.journal import happened, submissions_of
from tests.browser.support.scene import scene
from tests.browser.support.tabs import NETWORK, TALL, Tabs
from tests.faults.process.process import ServerProcess, Zygote
from tests.support.application import settings_for
from tests.support.models.scripted_model import (
    Answer,
    Call,
    Finish,
    Gate,
    Hang,
    ScriptedModel,
    Text,
    Usage,
    calls,
    stream,
    text,
)

WRITE = Call("write", {"path": "note.txt", "content": "a note"})
CUT_SHORT = "Cut short here: the rest was never said."
RESTARTED = "The server restarted in the middle of this turn."


@contextlib.asynccontextmanager
async def standing(
    tabs: Tabs, zygote: Zygote, folder: Path, *script: Answer
) -> AsyncIterator[tuple[Chat, ServerProcess, ScriptedModel]]:
    """A page before a server that is a process of its own."""
    tabs.expects(NETWORK)
    async with ScriptedModel(script) as model:
        async with ServerProcess(zygote, folder, settings_for(folder / "data", model)) as server:
            await server.start()
            yield await tabs.open(server.http, worker=True, viewport=TALL), server, model


async def lost(chat: Chat) -> None:
    """Until the page says that it has no connection."""
    await expect(chat.line).not_to_have_attribute("data-phase", "live")


async def test_a_session_goes_on_over_kills_a_drain_and_a_restored_journal(
    tabs: Tabs, zygote: Zygote, tmp_path: Path
) -> None:
    """One conversation, whose turns are these functions."""
    async with standing(tabs, zygote, tmp_path) as (chat, server, model):
        await a_server_killed_in_mid_answer_keeps_the_text_and_continues(chat, server, model)
        await an_approval_waits_over_a_kill_and_binds(chat, server, model)
        await a_drained_server_closes_the_socket_and_the_page_reconnects(chat, server, model)
        await a_restored_journal_resets_the_view_and_the_page_shows_a_note(chat, server, model, tmp_path)


async def a_server_killed_in_mid_answer_keeps_the_text_and_continues(
    chat: Chat, server: ServerProcess, model: ScriptedModel
) -> None:
    model.extend(stream(Text("One, two, "), Hang()), text("Still here."))
    await chat.say("count")
    await expect(chat.answers).to_have_text("One, two,")
    await server.kill()
    await lost(chat)
    await chat.say("and now?")
    await expect(chat.page.get_by_text("not sent yet")).to_be_visible()
    await server.start()
    await expect(chat.answers).to_have_text(["One, two,", "Still here."])
    await expect(chat.page.get_by_text(CUT_SHORT)).to_have_count(1)
    await expect(chat.notes).to_contain_text(RESTARTED)
    await chat.live()
    await chat.idle()
    await chat.shows_the_journal(server.http)
    assert await submissions_of(server.http, chat.session_id) == ["count", "and now?"]


async def an_approval_waits_over_a_kill_and_binds(chat: Chat, server: ServerProcess, model: ScriptedModel) -> None:
    model.extend(calls(WRITE), text("Written."))
    await chat.say("write")
    approve = chat.approvals.get_by_role("button", name="Approve", exact=True)
    await expect(approve).to_be_visible()
    await server.kill()
    await lost(chat)
    await approve.click()
    await server.start()
    await expect(chat.answers.last).to_have_text("Written.")
    await chat.idle()
    await chat.live()
    view = await chat.shows_the_journal(server.http)
    assert [message.state for message in view.messages if isinstance(message, ToolMessage)] == ["completed"]
    assert (await submissions_of(server.http, chat.session_id))[2:] == ["write", "exec_approval"]


async def a_drained_server_closes_the_socket_and_the_page_reconnects(
    chat: Chat, server: ServerProcess, model: ScriptedModel
) -> None:
    model.extend(stream(Text("Three, four, "), Hang()), text("Here again."))
    await chat.say("count on")
    await expect(chat.answers.last).to_have_text("Three, four,")
    assert await server.terminate() == 0
    await expect(chat.line).to_contain_text("Reconnecting")
    await expect(chat.page.get_by_text(CUT_SHORT)).to_have_count(2)
    await expect(chat.page.get_by_text(CUT_SHORT).last).to_be_visible()
    await expect(chat.notes.last).to_contain_text("Stopped by a shutdown.")
    await server.start()
    await chat.live()
    await chat.shows_the_journal(server.http)
    await chat.button("Try again").last.click()
    await expect(chat.answers.last).to_have_text("Here again.")
    await chat.idle()
    await chat.shows_the_journal(server.http)


async def a_restored_journal_resets_the_view_and_the_page_shows_a_note(
    chat: Chat, server: ServerProcess, model: ScriptedModel, folder: Path
) -> None:
    model.extend(text("First."), text("Second."), text("Third."))
    await chat.say("one")
    await expect(chat.answers.last).to_have_text("First.")
    await chat.idle()
    kept = await chat.answers.all_inner_texts()
    await server.terminate()
    data = folder / "data"
    shutil.copytree(data, folder / "copy", ignore=shutil.ignore_patterns("journal.mark"))
    await server.start()
    await chat.live()
    await chat.say("two")
    await expect(chat.answers).to_have_text([*kept, "Second."])
    await chat.idle()
    await server.terminate()
    for file in data.glob("journal.db*"):
        file.unlink()
    shutil.copytree(folder / "copy", data, dirs_exist_ok=True)
    await server.start()
    await expect(chat.line).to_contain_text("The view was reset: it was loaded anew.")
    await expect(chat.answers).to_have_text(kept)
    await chat.shows_the_journal(server.http)
    await chat.say("three")
    await expect(chat.answers).to_have_text([*kept, "Third."])
    await chat.idle()
    await chat.shows_the_journal(server.http)


async def test_a_page_that_slept_catches_up_when_it_wakes(tabs: Tabs, tmp_path: Path) -> None:
    gate = Gate()
    async with scene(tabs, tmp_path, [stream(Text("One, two, "), gate, Text("three."), Finish(), Usage())]) as at:
        await at.chat.say("count")
        await expect(at.chat.answers).to_have_text("One, two,")
        devtools = await at.chat.page.context.new_cdp_session(at.chat.page)
        await devtools.send("Page.setWebLifecycleState", {"state": "frozen"})
        gate.open()
        await happened(at.live, at.chat.session_id, ev.TurnComplete)
        await devtools.send("Page.setWebLifecycleState", {"state": "active"})
        await expect(at.chat.answers).to_have_text("One, two, three.")
        await at.at_rest()
