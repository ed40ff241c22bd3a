"""Long answers: with hundreds of paragraphs a frame's work depends on what is visible, and the content does not move."""

import json
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Locator, expect

from tests.browser.support.chat import Chat
from tests.browser.support.scene import scene
from tests.browser.support.scrolling import expect_scrolling_up, scroller
from tests.browser.support.tabs import DESKTOP, PHONE, Tabs
from tests.faults.harness.lengths import in_the_long_form
from tests.support.models.scripted_model import Finish, Gate, Step, Text, Usage, stream

PARAGRAPHS = 600
WORDS = "The weight of the cable lies on the ground and takes the shock of every sea before the anchor feels it. "
# Parts are settled a frame after they are full.
LAID_OUT = """() => new Promise((resolve) => {
  let left = 120;
  const look = () => {
    const blocks = [...document.querySelectorAll(".markdown .part > *")];
    const laidOut = blocks.filter((block) => block.checkVisibility({ contentVisibilityAuto: true })).length;
    if (laidOut < blocks.length / 2 || (left -= 1) < 0) resolve([laidOut, blocks.length]);
    else requestAnimationFrame(look);
  };
  look();
})"""


def paragraph(number: int) -> str:
    """Of one line or of some, so that each width gives other heights."""
    return f"Paragraph {number}. {WORDS * (number % 4)}\n\n"


def long_answer(*end: Step) -> list[Step]:
    return [*(Text(paragraph(number)) for number in range(1, PARAGRAPHS + 1)), *end]


def paragraph_of(chat: Chat, number: int) -> Locator:
    return chat.answers.locator("p").filter(has_text=f"Paragraph {number}.")


async def in_view(chat: Chat) -> Locator:
    """The first paragraph that is seen whole."""
    found = await chat.page.evaluate(
        """() => {
          const { top } = document.querySelector(".scroller").getBoundingClientRect();
          const paragraphs = [...document.querySelectorAll(".markdown p")];
          return paragraphs.find((each) => each.getBoundingClientRect().top > top).textContent.match(/\\d+/)[0];
        }"""
    )
    return paragraph_of(chat, int(found))


async def settle(chat: Chat) -> None:
    """Until less than half of all paragraphs is laid out."""
    laid_out, paragraphs = await chat.page.evaluate(LAID_OUT)
    assert paragraphs == PARAGRAPHS
    assert laid_out < PARAGRAPHS / 2, f"{laid_out} of {paragraphs} paragraphs are laid out"


async def test_of_a_long_answer_only_what_is_near_the_eye_is_laid_out_and_all_of_it_can_be_read(
    tabs: Tabs, tmp_path: Path
) -> None:
    async with scene(tabs, tmp_path, [stream(*long_answer(Finish(), Usage()))]) as at:
        await at.chat.say("tell me")
        await expect(paragraph_of(at.chat, PARAGRAPHS)).to_be_in_viewport()
        await at.chat.idle()
        await settle(at.chat)
        answer = "".join(paragraph(number).strip() for number in range(1, PARAGRAPHS + 1))
        await expect(at.chat.answers).to_have_text(answer)
        await scroller(at.chat).evaluate("(list) => (list.scrollTop = 0)")
        await expect(paragraph_of(at.chat, 1)).to_be_in_viewport()


@in_the_long_form
async def test_copying_a_long_answer_includes_unrendered_parts(tabs: Tabs, tmp_path: Path) -> None:
    granted = ["clipboard-read", "clipboard-write"]
    async with scene(tabs, tmp_path, [stream(*long_answer(Finish(), Usage()))], permissions=granted) as at:
        await at.chat.say("tell me")
        await expect(paragraph_of(at.chat, PARAGRAPHS)).to_be_in_viewport()
        await settle(at.chat)
        await at.chat.answers.evaluate("(answer) => getSelection().selectAllChildren(answer)")
        await at.chat.page.keyboard.press("Control+C")
        copied = await at.chat.page.evaluate("navigator.clipboard.readText()")
        assert [line.split()[1] for line in copied.splitlines() if line] == [f"{n}." for n in range(1, PARAGRAPHS + 1)]


@in_the_long_form
async def test_scrolling_through_a_long_answer_moves_what_is_read_by_just_as_much(tabs: Tabs, tmp_path: Path) -> None:
    """Also in another width, in which each paragraph has another height."""
    async with scene(tabs, tmp_path, [stream(*long_answer(Finish(), Usage()))]) as at:
        await at.chat.say("tell me")
        await expect(paragraph_of(at.chat, PARAGRAPHS)).to_be_in_viewport()
        for size, number in ((DESKTOP, PARAGRAPHS // 2), (PHONE, PARAGRAPHS // 4)):
            await at.chat.page.set_viewport_size(size)
            await settle(at.chat)
            await paragraph_of(at.chat, number).evaluate("(element) => element.scrollIntoView()")
            await expect_scrolling_up(at.chat, in_view)


@in_the_long_form
async def test_the_end_of_a_long_answer_recomputes_no_style_of_earlier_text(
    browser: Browser, tabs: Tabs, tmp_path: Path
) -> None:
    gate = Gate()
    async with scene(tabs, tmp_path, [stream(*long_answer(gate, Text("It ends."), Finish(), Usage()))]) as at:
        await at.chat.say("tell me")
        await expect(paragraph_of(at.chat, PARAGRAPHS)).to_be_in_viewport()
        await settle(at.chat)
        await browser.start_tracing(page=at.chat.page, categories=["devtools.timeline"])
        gate.open()
        await expect(at.chat.page.get_by_text("It ends.")).to_be_in_viewport()
        await at.chat.idle()
        trace = json.loads(await browser.stop_tracing())
        styled = [elements_styled(event) for event in trace["traceEvents"]]
        assert 0 < max(styled) < PARAGRAPHS / 2


def elements_styled(event: dict[str, Any]) -> int:
    """For how many elements a computation of styles was, by the browser's own trace."""
    return int(event.get("args", {}).get("elementCount", 0)) if event["name"] == "UpdateLayoutTree" else 0
