"""Diagrams on the page: mermaid is drawn when somebody asks for it, in a frame that can reach nothing."""

from pathlib import Path

from playwright.async_api import expect

from tests.browser.support.frames import REACHES
from tests.browser.support.scene import Scene, scene
from tests.browser.support.tabs import Tabs
from tests.support.models.scripted_model import text

DIAGRAM = "```mermaid\ngraph TD\n  A[Asked] --> B[Answered]\n```\n"
BROKEN = "```mermaid\nno diagram at all\n```\n"


async def test_a_diagram_is_drawn_on_request_and_what_is_none_stays_as_it_was_written(
    tabs: Tabs, tmp_path: Path
) -> None:
    async with scene(tabs, tmp_path, [text(BROKEN), text(DIAGRAM)]) as at:
        await what_is_no_diagram_says_so_and_stays_as_it_was_written(at)
        tabs.check()
        tabs.expects("Content Security Policy", "connect-src was breached", "Connecting to")
        await a_diagram_is_drawn_on_request_in_a_frame_that_reaches_nothing(at)


async def what_is_no_diagram_says_so_and_stays_as_it_was_written(at: Scene) -> None:
    await at.chat.say("draw it")
    await at.chat.button("Diagram").click()
    await expect(at.chat.page.get_by_text("The diagram could not be drawn: No diagram type detected")).to_be_visible()
    await expect(at.chat.page.locator("iframe")).to_have_count(0)
    await expect(at.chat.answers.locator("code")).to_contain_text("no diagram at all")
    await at.chat.idle()


async def a_diagram_is_drawn_on_request_in_a_frame_that_reaches_nothing(at: Scene) -> None:
    await at.chat.say("draw it better")
    answer = at.chat.answers.nth(1)
    await expect(answer).to_contain_text("Answered")
    await at.chat.idle()
    assert await at.chat.page.locator("iframe").count() == 0
    button = answer.get_by_role("button", name="Diagram", exact=True)
    await button.click()
    frame = at.chat.page.frame_locator("iframe[title=Diagram]")
    await expect(frame.locator("svg")).to_contain_text("Asked")
    await expect(at.chat.page.locator("iframe[data-drawn]")).to_be_visible()
    # It is drawn anew in other colours.
    await expect(frame.locator("html")).to_have_css("color-scheme", "light")
    await at.chat.page.emulate_media(color_scheme="dark")
    await expect(frame.locator("html")).to_have_css("color-scheme", "dark")
    await expect(frame.locator("svg")).to_contain_text("Asked")
    (inner,) = [one for one in at.chat.page.frames if one.parent_frame]
    assert await inner.evaluate("() => origin") == "null"
    assert await inner.evaluate(REACHES) == "false,false,false,false,false"
    await button.click()
    await expect(at.chat.page.locator("iframe")).to_have_count(0)
    await expect(answer.locator("code")).to_contain_text("Asked")
