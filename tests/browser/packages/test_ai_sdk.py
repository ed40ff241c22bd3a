"""The AI SDK over a session: text, calls, approvals, a reload in the middle of an answer, two tabs and a restart; nothing comes twice."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.packages.page import OtherPage, talking
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
LIST = Call("list", {}, id="c0")


@pytest.fixture(scope="module")
def script(bundle: Callable[[str], str]) -> str:
    return bundle("ai-sdk.jsx")


async def test_a_conversation_with_a_call_an_approval_and_a_reload_in_mid_answer(
    tabs: Tabs, tmp_path: Path, script: str
) -> None:
    gate = Gate()
    answers = [
        text("Hello."),
        calls(LIST),
        calls(WRITE),
        stream(Text("It is "), gate, Text("written."), Finish(), Usage()),
    ]
    async with talking(tabs, tmp_path, script, *answers) as (chat, _):
        await chat.say("hello")
        await expect(chat.answers).to_have_text("Hello.")
        await chat.is_ready()
        await chat.say("write")
        await expect(chat.call("write")).to_have_attribute("data-state", "approval-requested")
        await chat.is_ready()
        await chat.press("Approve")
        await expect(chat.answers.nth(1)).to_contain_text("It is")
        await chat.page.reload()
        await expect(chat.answers.nth(1)).to_contain_text("It is")
        await expect(chat.page.locator("output")).to_have_text("streaming")
        drawn = await chat.page.evaluate("drawn[chat.messages[0].id]")
        gate.open()
        await expect(chat.answers.nth(1)).to_contain_text("It is written.")
        await chat.is_ready()
        await chat.shows_the_journal()
        assert await chat.page.evaluate("drawn[chat.messages[0].id]") == drawn, (
            "a message that did not change was drawn again"
        )


@in_the_long_form
async def test_two_tabs_show_the_same_wherever_a_turn_begins(tabs: Tabs, tmp_path: Path, script: str) -> None:
    gate = Gate()
    answers = [calls(WRITE), text("Written."), stream(Text("One, "), gate, Text("two."), Finish(), Usage())]
    async with talking(tabs, tmp_path, script, *answers) as (one, _):
        await one.say("write")
        await expect(one.call("write")).to_have_attribute("data-state", "approval-requested")
        other = await one.beside(script)
        await other.press("Approve")
        for chat in (one, other):
            await expect(chat.answers).to_contain_text("Written.")
            await chat.is_ready()
        await other.say("count")
        for chat in (one, other):
            await expect(chat.answers.nth(1)).to_have_text("One, ")
            await expect(chat.page.locator("output")).to_have_text("streaming")
        gate.open()
        for chat in (one, other):
            await expect(chat.answers.nth(1)).to_have_text("One, two.")
            await chat.is_ready()
            await chat.shows_the_journal()


@in_the_long_form
async def test_a_rejection_with_its_reason_and_the_same_question_again(tabs: Tabs, tmp_path: Path, script: str) -> None:
    answers = [calls(WRITE), text("Not written."), text("Another answer.")]
    async with talking(tabs, tmp_path, script, *answers) as (chat, _):
        await chat.say("write")
        await chat.press("Reject")
        await expect(chat.call("write")).to_have_attribute("data-state", "output-denied")
        await expect(chat.answers).to_contain_text("Not written.")
        await chat.is_ready()
        await chat.press("Again")
        await expect(chat.answers).to_have_text("Another answer.")
        await chat.is_ready()
        await chat.shows_the_journal()


@in_the_long_form
async def test_stop_interrupts_the_turn(tabs: Tabs, tmp_path: Path, script: str) -> None:
    answers = [stream(Text("One, "), Hang()), text("Still here.")]
    async with talking(tabs, tmp_path, script, *answers) as (chat, _):
        await chat.say("count")
        await expect(chat.answers).to_have_text("One, ")
        await chat.press("Stop")
        await chat.is_ready()
        await chat.say("and now?")
        await expect(chat.answers).to_have_text(["One, ", "Still here."])
        await chat.is_ready()
        await chat.shows_the_journal()


@in_the_long_form
async def test_a_killed_server_loses_and_doubles_nothing(
    tabs: Tabs, zygote: Zygote, tmp_path: Path, script: str
) -> None:
    tabs.expects(NETWORK)
    async with ScriptedModel([stream(Text("One, "), Hang()), text("Still here.")]) as model:
        async with ServerProcess(zygote, tmp_path, settings_for(tmp_path / "data", model)) as server:
            await server.start()
            chat = await OtherPage.open(await tabs.context(), server.http, script)
            await chat.say("count")
            await expect(chat.answers).to_have_text("One, ")
            await server.kill()
            await expect(chat.page.locator("[data-phase=live]")).to_have_count(0)
            await server.start()
            await expect(chat.page.locator("[data-phase=live]")).to_be_attached()
            await chat.is_ready()
            await chat.say("and now?")
            await expect(chat.answers).to_have_text(["One, ", "Still here."])
            await chat.is_ready()
            await chat.shows_the_journal()
            await tabs.close()
