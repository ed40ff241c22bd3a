"""Conversation on the page: messages and answers, while they stream, when they are complete, and when they fail or break off."""

from pathlib import Path

from playwright.async_api import expect

from tests.browser.support.scene import Scene, scene
from tests.browser.support.tabs import Tabs
from tests.support.models.scripted_model import Cut, Finish, Gate, Refusal, Text, Usage, stream, text


async def test_messages_are_answered_in_one_session_also_after_a_failure(tabs: Tabs, tmp_path: Path) -> None:
    """One conversation, whose turns are these functions."""
    async with scene(tabs, tmp_path) as at:
        await a_failure_shows_its_reason_and_a_remedy_and_can_be_retried(at)
        await a_message_is_answered_and_the_address_names_the_session(at)
        await an_answer_is_seen_while_it_streams(at)
        await an_answer_that_broke_off_is_marked(at)


async def a_failure_shows_its_reason_and_a_remedy_and_can_be_retried(at: Scene) -> None:
    at.model.extend(Refusal(401, "wrong key"), text("Now it works."))
    await expect(at.chat.line).to_contain_text("A session begins with your first message")
    await at.chat.say("hello")
    await expect(at.chat.notes).to_contain_text("Set OPENAI_API_KEY in the environment")
    await at.chat.notes.get_by_role("button", name="Try again").click()
    await expect(at.chat.answers).to_have_text("Now it works.")
    view = await at.at_rest()
    assert len(view.messages) == 2


async def a_message_is_answered_and_the_address_names_the_session(at: Scene) -> None:
    at.model.extend(text("Good ", "day to ", "you."))
    await at.chat.say("hello")
    await expect(at.chat.answers.last).to_have_text("Good day to you.")
    assert await at.live.manager.verify_session_access(at.chat.session_id, "local")
    await at.at_rest()


async def an_answer_is_seen_while_it_streams(at: Scene) -> None:
    gate = Gate()
    at.model.extend(stream(Text("One, two, "), gate, Text("three."), Finish(), Usage()))
    await at.chat.say("count")
    await expect(at.chat.answers.last).to_have_text("One, two,")
    await expect(at.chat.button("Stop")).to_be_visible()
    gate.open()
    await expect(at.chat.answers.last).to_have_text("One, two, three.")
    await at.at_rest()
    await expect(at.chat.button("Stop")).to_be_hidden()


async def an_answer_that_broke_off_is_marked(at: Scene) -> None:
    at.model.extend(stream(Text("Three, four, "), Cut()))
    await at.chat.say("count on")
    await expect(at.chat.page.get_by_text("Cut short here: the rest was never said.")).to_be_visible()
    await expect(at.chat.notes.last).to_contain_text("Try again")
    await at.at_rest()
