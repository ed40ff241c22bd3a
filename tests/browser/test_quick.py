"""Quick hands: sessions are switched before they are drawn, the list is asked for often, and an input method takes its Enter."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.browser.support.tabs import Tabs
from tests.support.application import settings_for
from tests.support.live import Live, listening
from tests.support.models.scripted_model import Answer, Request, ScriptedModel, text

LONG = "\n\n".join(f"Paragraph {number}." for number in range(60))

SWITCH = """async (times) => {
  const links = [...document.querySelectorAll("li.session > a")];
  for (let number = 0; number < times; number += 1) {
    links[number % links.length].click();
    document.querySelector(".scroller")?.scrollTo(0, number % 2 ? 0 : 1e6);
    if (number % 4 === 1) await new Promise(requestAnimationFrame);
    if (number % 4 === 3) await new Promise((drawn) => setTimeout(drawn, number % 30));
  }
}"""
"""To each session in turn: at once, after a frame, and after what comes with a socket."""

LOOK = "() => void document.dispatchEvent(new Event('visibilitychange'))"
"""The page asks for the list when it is looked at again."""


def answer_to(request: Request) -> Answer:
    return text(LONG if request.last_user_text.startswith("long") else "Short.")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def live(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Live]:
    """The server of these tests."""
    folder = tmp_path_factory.mktemp("quick")
    async with ScriptedModel(answer_to) as model, listening(settings_for(folder, model)) as server:
        yield server


async def test_sessions_are_switched_faster_than_they_are_drawn(live: Live, tabs: Tabs) -> None:
    tabs.expects("WebSocket is closed before the connection is established")
    chat = await tabs.open(live.http)
    for said in ("long one", "short", "long two"):
        await chat.button("New session").click()
        await chat.say(said)
        await expect(chat.answers).to_have_count(1)
        await chat.idle()
    await chat.page.evaluate(SWITCH, 90)
    await chat.sessions.filter(has_text="short").get_by_role("link").click()
    await expect(chat.answers).to_have_text("Short.")
    await chat.live()
    tabs.check()
    # A list that is as it was is neither sent nor drawn again.
    kept = await chat.sessions.first.element_handle()
    assert kept is not None
    async with chat.page.expect_response(lambda answer: answer.url.endswith("/api/sessions")) as asked:
        await chat.page.evaluate(LOOK)
    assert (await asked.value).status == 304
    assert await kept.evaluate("(entry) => entry.isConnected")


async def test_the_enter_of_an_input_method_sends_nothing(live: Live, tabs: Tabs) -> None:
    chat = await tabs.open(live.http)
    await chat.field.fill("にほん")
    # As Safari tells of it: the composition has ended already.
    enter = "(field, keyCode) => void field.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', keyCode, bubbles: true, cancelable: true }))"
    await chat.field.evaluate(enter, 229)
    await expect(chat.field).to_have_value("にほん")
    await chat.field.evaluate(enter, 13)
    await expect(chat.messages.first).to_have_text("にほん")
    await chat.idle()
