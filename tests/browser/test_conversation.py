"""A conversation on the page: what is said and answered, as it streams and when it is whole."""

from pathlib import Path

from playwright.async_api import expect

from tests.browser.tabs import Tabs
from tests.support.house import settings_for
from tests.support.live import listening
from tests.support.scripted_model import Finish, Gate, Say, ScriptedModel, Usage, stream, text


async def test_what_is_said_is_answered_and_the_address_names_the_session(tabs: Tabs, tmp_path: Path) -> None:
    async with (
        ScriptedModel([text("Good ", "day to ", "you.")]) as model,
        listening(settings_for(tmp_path, model)) as live,
    ):
        chat = await tabs.open(live.http)
        await expect(chat.line).to_contain_text("A session begins with your first message")
        await chat.say("hello")
        await expect(chat.answers).to_have_text("Good day to you.")
        await chat.idle()
        assert await live.manager.verify_session_access(chat.session_id, "local")
        await chat.shows_the_journal(live.http)


async def test_an_answer_is_seen_while_it_streams(tabs: Tabs, tmp_path: Path) -> None:
    gate = Gate()
    script = [stream(Say("One, two, "), gate, Say("three."), Finish(), Usage())]
    async with ScriptedModel(script) as model, listening(settings_for(tmp_path, model)) as live:
        chat = await tabs.open(live.http)
        await chat.say("count")
        await expect(chat.answers).to_have_text("One, two,")
        await expect(chat.button("Stop", exact=False)).to_be_visible()
        gate.open()
        await expect(chat.answers).to_have_text("One, two, three.")
        await chat.idle()
        await expect(chat.button("Stop", exact=False)).to_be_hidden()
        await chat.shows_the_journal(live.http)
