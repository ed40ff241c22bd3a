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
from tests.browser.support.tabs import NETWORK, Tabs
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
            yield await tabs.open(server.http, worker=True), server, model


async def lost(chat: Chat) -> None:
    """Until the page says that it has no connection."""
    await expect(chat.line).not_to_have_attribute("data-phase", "live")


async def test_a_server_killed_in_mid_answer_keeps_the_text_and_continues(
    tabs: Tabs, zygote: Zygote, tmp_path: Path
) -> None:
    script = [stream(Text("One, two, "), Hang()), text("Still here.")]
    async with standing(tabs, zygote, tmp_path, *script) as (chat, server, _):
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


async def test_an_approval_waits_over_a_kill_and_binds(tabs: Tabs, zygote: Zygote, tmp_path: Path) -> None:
    async with standing(tabs, zygote, tmp_path, calls(WRITE), text("Written.")) as (chat, server, _):
        await chat.say("write")
        approve = chat.approvals.get_by_role("button", name="Approve", exact=True)
        await expect(approve).to_be_visible()
        await server.kill()
        await lost(chat)
        await approve.click()
        await server.start()
        await expect(chat.answers).to_have_text("Written.")
        await chat.idle()
        await chat.live()
        view = await chat.shows_the_journal(server.http)
        assert [message.state for message in view.messages if isinstance(message, ToolMessage)] == ["completed"]
        assert await submissions_of(server.http, chat.session_id) == ["write", "exec_approval"]


async def test_a_drained_server_closes_the_socket_and_the_page_reconnects(
    tabs: Tabs, zygote: Zygote, tmp_path: Path
) -> None:
    script = [stream(Text("One, two, "), Hang()), text("Still here.")]
    async with standing(tabs, zygote, tmp_path, *script) as (chat, server, _):
        await chat.say("count")
        await expect(chat.answers).to_have_text("One, two,")
        assert await server.terminate() == 0
        await expect(chat.line).to_contain_text("Reconnecting")
        await expect(chat.page.get_by_text(CUT_SHORT)).to_be_visible()
        await expect(chat.notes).to_contain_text("Stopped by a shutdown.")
        await server.start()
        await chat.live()
        await chat.shows_the_journal(server.http)
        await chat.button("Try again").click()
        await expect(chat.answers).to_have_text("Still here.")
        await chat.idle()
        await chat.shows_the_journal(server.http)


async def test_a_restored_journal_resets_the_view_and_the_page_shows_a_note(
    tabs: Tabs, zygote: Zygote, tmp_path: Path
) -> None:
    script = [text("First."), text("Second."), text("Third.")]
    async with standing(tabs, zygote, tmp_path, *script) as (chat, server, _):
        await chat.say("one")
        await expect(chat.answers).to_have_text("First.")
        await chat.idle()
        await server.terminate()
        data = tmp_path / "data"
        shutil.copytree(data, tmp_path / "copy", ignore=shutil.ignore_patterns("journal.mark"))
        await server.start()
        await chat.live()
        await chat.say("two")
        await expect(chat.answers).to_have_text(["First.", "Second."])
        await chat.idle()
        await server.terminate()
        for file in data.glob("journal.db*"):
            file.unlink()
        shutil.copytree(tmp_path / "copy", data, dirs_exist_ok=True)
        await server.start()
        await expect(chat.line).to_contain_text("The view was reset: it was loaded anew.")
        await expect(chat.answers).to_have_text("First.")
        await chat.shows_the_journal(server.http)
        await chat.say("three")
        await expect(chat.answers).to_have_text(["First.", "Third."])
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
