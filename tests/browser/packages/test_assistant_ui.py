"""Runtime of assistant-ui over a session: text, calls, approvals, the queue, a reload in the middle of an answer, two tabs and a restart."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.packages.page import OtherPage, talking
from tests.browser.support.journal import submissions_of, view_of
from tests.browser.support.tabs import NETWORK, Tabs
from tests.faults.harness.lengths import in_the_long_form
from tests.faults.process.process import ServerProcess, Zygote
from tests.support.application import settings_for
from tests.support.models.scripted_model import (
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

WRITE = Call("write", {"path": "note.txt", "content": "a note"}, id="c1")

pytestmark = in_the_long_form


@pytest.fixture(scope="module")
def script(bundle: Callable[[str], str]) -> str:
    return bundle("assistant-ui.jsx")


async def test_an_approval_for_the_session_and_a_reload_in_mid_answer(tabs: Tabs, tmp_path: Path, script: str) -> None:
    gate = Gate()
    answers = [text("Hello."), calls(WRITE), stream(Text("It is "), gate, Text("written."), Finish(), Usage())]
    async with talking(tabs, tmp_path, script, *answers) as (chat, live):
        await chat.say("hello")
        await expect(chat.answers).to_have_text("Hello.")
        await chat.say("write")
        await chat.press("Always in this session: write")
        await expect(chat.answers.nth(1)).to_contain_text("It is")
        await chat.page.reload()
        await expect(chat.answers.nth(1)).to_contain_text("It is")
        gate.open()
        await expect(chat.answers.nth(1)).to_contain_text("It is written.")
        await chat.is_ready()
        await chat.shows_the_journal()
        assert (await view_of(live.http, chat.session_id)).grants == ["write"]


async def test_a_rejection_another_answer_and_another_question(tabs: Tabs, tmp_path: Path, script: str) -> None:
    answers = [calls(WRITE), text("Not written."), text("Another answer."), text("Hello.")]
    async with talking(tabs, tmp_path, script, *answers) as (chat, live):
        await chat.say("write")
        await chat.press("reject")
        await expect(chat.answers).to_contain_text("Not written.")
        await chat.is_ready()
        await chat.press("Again")
        await expect(chat.answers).to_have_text("Another answer.")
        await chat.is_ready()
        await chat.press("Edit")
        await chat.page.get_by_label("Instead").fill("hello")
        await chat.press("Replace")
        await expect(chat.answers).to_have_text("Hello.")
        await chat.is_ready()
        await chat.shows_the_journal()
        taken = await submissions_of(live.http, chat.session_id)
        assert taken == ["write", "exec_approval", "write", "hello"]


async def test_two_tabs_share_the_queue_and_the_turns(tabs: Tabs, tmp_path: Path, script: str) -> None:
    gate = Gate()
    answers = [stream(Text("One, "), gate, Text("two."), Finish(), Usage()), text("Written.")]
    async with talking(tabs, tmp_path, script, *answers) as (one, live):
        await one.say("count")
        await expect(one.answers).to_have_text("One, ")
        other = await one.beside(script)
        await expect(other.answers).to_have_text("One, ")
        await other.say("never mind")
        await expect(one.page.locator("[data-queued]")).to_contain_text("never mind")
        await one.press("Remove")
        await expect(other.page.locator("[data-queued]")).to_have_count(0)
        await one.say("write")
        await expect(other.page.locator("[data-queued]")).to_contain_text("write")
        gate.open()
        for chat in (one, other):
            await expect(chat.answers).to_have_text(["One, two.", "Written."])
            await chat.is_ready()
            await chat.shows_the_journal()
        assert await submissions_of(live.http, one.session_id) == ["count", "never mind", "withdraw", "write"]


async def test_stop_and_a_killed_server_lose_and_double_nothing(
    tabs: Tabs, zygote: Zygote, tmp_path: Path, script: str
) -> None:
    tabs.expects(NETWORK)
    replies = [stream(Text("One, "), Hang()), stream(Text("Two, "), Hang()), text("Still here.")]
    async with ScriptedModel(replies) as model:
        async with ServerProcess(zygote, tmp_path, settings_for(tmp_path / "data", model)) as server:
            await server.start()
            chat = await OtherPage.open(await tabs.context(), server.http, script)
            await chat.say("count")
            await expect(chat.answers).to_have_text("One, ")
            await chat.press("Stop")
            await chat.is_ready()
            await chat.say("go on")
            await expect(chat.answers).to_have_text(["One, ", "Two, "])
            await server.kill()
            await expect(chat.page.locator("[data-phase=live]")).to_have_count(0)
            await server.start()
            await expect(chat.page.locator("[data-phase=live]")).to_be_attached()
            await chat.is_ready()
            await chat.say("and now?")
            await expect(chat.answers).to_have_text(["One, ", "Two, ", "Still here."])
            await chat.is_ready()
            await chat.shows_the_journal()
            await tabs.close()
