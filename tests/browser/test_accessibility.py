"""Accessibility: axe's findings, keyboard use, what a screen reader gets, reduced motion, text that does not jump."""

from pathlib import Path

from playwright.async_api import Locator, Page, expect

from protocol.content import ToolMessage
from tests.browser.conversation.test_messages import WHOLE
from tests.browser.support.axe import grave_faults, nothing_grave
from tests.browser.support.scene import Scene, scene
from tests.browser.support.tabs import PHONE, TALL, Tabs
from tests.faults.harness.lengths import in_the_long_form
from tests.support.models.scripted_model import (
    Call,
    Finish,
    Gate,
    Hang,
    Reason,
    Refusal,
    Text,
    Usage,
    calls,
    stream,
    text,
)

STEPS = 25
WRITE = Call("write", {"path": "note.py", "content": "print('a note')\n"})
PLAN = Call(
    "plan", {"items": [{"text": "Look", "status": "completed"}, {"text": "Build", "status": "in_progress"}]}, id="p"
)


async def test_axe_finds_nothing_grave_from_the_beginning_of_a_conversation_to_all_that_there_is(
    tabs: Tabs, tmp_path: Path
) -> None:
    """One conversation, whose turns are these functions."""
    async with scene(tabs, tmp_path, viewport=TALL) as at:
        await expect(at.chat.field).to_be_visible()
        await nothing_grave(at.chat.page)
        await axe_finds_nothing_grave_in_a_conversation_with_all_that_there_is(at)
        await axe_finds_nothing_grave_in_dialogs_and_menus(at)


async def axe_finds_nothing_grave_in_a_conversation_with_all_that_there_is(at: Scene) -> None:
    at.model.extend(
        stream(
            Reason("Let me see. "),
            Text(WHOLE),
            PLAN,
            Call("read", {"path": "none.txt"}, id="r", index=1),
            Finish("tool_calls"),
            Usage(),
        ),
        Refusal(401, "wrong key"),
        calls(WRITE, before="I would like to write."),
    )
    await at.chat.say("show me")
    await expect(at.chat.notes).to_have_count(1)
    await at.chat.say("and write")
    await expect(at.chat.approvals).to_have_count(1)
    await expect(at.chat.page.locator(".hl-keyword").first).to_be_visible()
    await at.chat.page.get_by_text("Reasoning").click()
    for card in await at.chat.tools.all():
        if not await card.locator("details").evaluate("(element) => element.open"):
            await card.locator("summary").click()
    await nothing_grave(at.chat.page)
    for button in ("Reject…", "Edit…"):
        await at.chat.approvals.get_by_role("button", name=button).click()
        assert await grave_faults(at.chat.page) == []
        await at.chat.page.keyboard.press("Escape")


async def axe_finds_nothing_grave_in_dialogs_and_menus(at: Scene) -> None:
    """In a new session with little in it: what lies behind a dialog was looked at before."""
    at.model.extend(text("First."))
    await at.chat.button("New session").click()
    await at.chat.say("hello")
    await expect(at.chat.answers).to_have_text("First.")
    await at.chat.idle()
    for button in ("Keyboard shortcuts", "About this server", "Files"):
        await at.chat.button(button).click()
        await expect(at.chat.page.get_by_role("dialog")).to_be_visible()
        await nothing_grave(at.chat.page)
        await at.chat.page.keyboard.press("Escape")
        await expect(at.chat.page.get_by_role("dialog")).to_have_count(0)
    await at.chat.page.get_by_label("More", exact=True).click()
    await nothing_grave(at.chat.page)


@in_the_long_form
async def test_axe_finds_nothing_grave_while_an_answer_streams_and_others_wait(tabs: Tabs, tmp_path: Path) -> None:
    async with scene(tabs, tmp_path, [stream(Text("One, two, "), Hang())]) as at:
        await at.chat.say("count")
        await expect(at.chat.answers).to_have_text("One, two,")
        await at.chat.say("and then?")
        await expect(at.chat.page.get_by_text("waits for its turn")).to_be_visible()
        await nothing_grave(at.chat.page)


@in_the_long_form
async def test_axe_finds_nothing_grave_on_a_phone_with_the_list_open(tabs: Tabs, tmp_path: Path) -> None:
    async with scene(tabs, tmp_path, [calls(WRITE)], viewport=PHONE, has_touch=True, is_mobile=True) as at:
        await at.chat.say("hello")
        await expect(at.chat.approvals).to_have_count(1)
        await nothing_grave(at.chat.page)
        await at.chat.button("Sessions").tap()
        await expect(at.chat.sessions).to_be_in_viewport()
        await nothing_grave(at.chat.page)


async def tab_to(page: Page, goal: Locator, key: str) -> None:
    """Press Tab, or Shift+Tab, until the focus is there: in as many steps as a person would bear."""
    for _ in range(STEPS):
        if await goal.evaluate("(element) => element === document.activeElement"):
            return
        await page.keyboard.press(key)
    raise AssertionError(f"the keyboard does not reach {goal} in {STEPS} steps")


async def test_the_keyboard_alone_holds_a_whole_conversation(tabs: Tabs, tmp_path: Path) -> None:
    """No mouse: say, look at the call, change it, approve it, read the card, stop an answer, change what was said."""
    script = [calls(WRITE), text("Written."), stream(Text("One, two, "), Hang()), text("Good.")]
    async with scene(tabs, tmp_path, script) as at:
        keyboard = at.chat.page.keyboard
        await expect(at.chat.field).to_be_focused()
        await keyboard.type("write")
        await keyboard.press("Enter")
        await expect(at.chat.approvals).to_have_count(1)
        edit = at.chat.approvals.get_by_role("button", name="Edit…")
        await tab_to(at.chat.page, edit, "Shift+Tab")
        await keyboard.press("Enter")
        await tab_to(at.chat.page, at.chat.approvals.get_by_label("content"), "Tab")
        await keyboard.press("Control+a")
        await keyboard.type("print('mine')")
        await tab_to(at.chat.page, at.chat.approvals.get_by_role("button", name="Approve as edited"), "Tab")
        await keyboard.press("Enter")
        await expect(at.chat.answers).to_have_text("Written.")
        await at.chat.idle()
        await expect(at.chat.field).to_be_focused()
        card = at.chat.tools.locator("summary").first
        await tab_to(at.chat.page, card, "Shift+Tab")
        await keyboard.press("Enter")
        await expect(at.chat.tools).to_contain_text("print('mine')")
        await tab_to(at.chat.page, at.chat.field, "Tab")
        await keyboard.type("count")
        await keyboard.press("Enter")
        await expect(at.chat.answers.last).to_have_text("One, two,")
        await keyboard.press("Escape")
        await expect(at.chat.notes).to_contain_text("Stopped by you.")
        await keyboard.press("Control+ArrowUp")
        await expect(at.chat.page.get_by_label("Say instead")).to_be_focused()
        await keyboard.press("Control+a")
        await keyboard.type("be good")
        await keyboard.press("Enter")
        await expect(at.chat.messages).to_have_text(["write", "write", "Written.", "be good", "Good."])
        view = await at.at_rest()
        assert [message.state for message in view.messages if isinstance(message, ToolMessage)] == ["completed"]


async def test_a_screen_reader_announces_each_change_once_and_reduced_motion_is_respected(
    tabs: Tabs, tmp_path: Path
) -> None:
    async with scene(tabs, tmp_path) as at:
        await a_screen_reader_announces_each_change_once(at)
        await reduced_motion_is_respected(at)


async def a_screen_reader_announces_each_change_once(at: Scene) -> None:
    gate = Gate()
    at.model.extend(calls(WRITE), stream(Text("It is "), gate, Text("done."), Finish(), Usage()))
    live_region = at.chat.page.locator("p[aria-live=polite]")
    feed = at.chat.page.get_by_role("feed")
    await at.chat.say("write")
    await expect(live_region).to_contain_text("A call waits for your approval: write.")
    await at.chat.approvals.get_by_role("button", name="Approve", exact=True).click()
    await expect(at.chat.answers).to_have_text("It is")
    await expect(feed).to_have_attribute("aria-busy", "true")
    assert await at.chat.answers.locator("xpath=ancestor::*[@aria-live]").count() == 0
    gate.open()
    await expect(live_region).to_have_text("The answer is complete: It is done.")
    await expect(feed).to_have_attribute("aria-busy", "false")
    for number, row in enumerate(await at.chat.rows.all(), 1):
        await expect(row).to_have_attribute("aria-posinset", str(number))


async def reduced_motion_is_respected(at: Scene) -> None:
    at.model.extend(stream(Text("One, two, "), Hang()))
    await at.chat.say("count")
    await expect(at.chat.answers.last).to_have_text("One, two,")
    moving = "document.getAnimations().map((one) => `${one.effect.target.className} ${one.animationName ?? one.transitionProperty}`)"
    assert await at.chat.page.evaluate(moving) == []
