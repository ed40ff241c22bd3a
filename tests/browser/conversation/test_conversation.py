"""Conversation on the page: messages and answers, while they stream and when they are complete."""

from pathlib import Path

from playwright.async_api import expect

from tests.browser.support.scene import scene
from tests.browser.support.tabs import Tabs
from tests.support.models.scripted_model import Finish, Gate, Text, Usage, stream, text


async def test_a_message_is_answered_and_the_address_names_the_session(tabs: Tabs, tmp_path: Path) -> None:
    async with scene(tabs, tmp_path, [text("Good ", "day to ", "you.")]) as at:
        await expect(at.chat.line).to_contain_text("A session begins with your first message")
        await at.chat.say("hello")
        await expect(at.chat.answers).to_have_text("Good day to you.")
        assert await at.live.manager.verify_session_access(at.chat.session_id, "local")
        await at.at_rest()


async def test_an_answer_is_seen_while_it_streams(tabs: Tabs, tmp_path: Path) -> None:
    gate = Gate()
    async with scene(tabs, tmp_path, [stream(Text("One, two, "), gate, Text("three."), Finish(), Usage())]) as at:
        await at.chat.say("count")
        await expect(at.chat.answers).to_have_text("One, two,")
        await expect(at.chat.button("Stop")).to_be_visible()
        gate.open()
        await expect(at.chat.answers).to_have_text("One, two, three.")
        await at.at_rest()
        await expect(at.chat.button("Stop")).to_be_hidden()
