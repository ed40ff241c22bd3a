"""Layout: controls stay visible in every window size and with much content, and nothing moves by itself."""

import re
from pathlib import Path
from typing import Any

from playwright.async_api import expect

from tests.browser.support.scene import Scene, scene
from tests.browser.support.tabs import DESKTOP, Tabs
from tests.faults.harness.lengths import few, in_the_long_form
from tests.support.models.scripted_model import Call, Refusal, calls, text

STEPS = [{"text": f"step {number}, which takes some words to tell", "status": "pending"} for number in range(12)]
BUSY = [
    calls(
        Call("plan", {"items": STEPS}, id="plan", index=0),
        *(Call("write", {"path": f"{n}.txt", "content": "a\n" * 40}, id=f"call_{n}", index=n) for n in (1, 2, 3)),
    )
]
SCREENS = {"small phone": (320, 568), "phone": (390, 760), "small tablet": (780, 1000), "tablet": (820, 1180)}

SAME_SIDES = """() => {
  const [code, field] = [...document.querySelectorAll(".code"), document.querySelector(".composer")].slice(-2);
  const [one, other] = [code.getBoundingClientRect(), field.getBoundingClientRect()];
  return Math.abs(one.left - other.left) < 1 && Math.abs(one.right - other.right) < 1;
}"""


@in_the_long_form
async def test_a_long_title_gives_way_to_the_names_beside_it(tabs: Tabs, tmp_path: Path) -> None:
    async with scene(tabs, tmp_path, [text("Yes.")]) as at:
        await at.chat.say("a question of many words that goes on for longer than any header is wide " * 3)
        await at.chat.idle()
        names = at.chat.page.locator(".choice-says")
        await expect(names.first).to_be_visible()
        assert await names.evaluate_all("(all) => all.every((one) => one.scrollWidth <= one.clientWidth)")


@in_the_long_form
async def test_writing_many_lines_keeps_the_end_of_the_conversation_in_view(tabs: Tabs, tmp_path: Path) -> None:
    long = text("\n\n".join(f"Paragraph {number}." for number in range(40)))
    async with scene(tabs, tmp_path, [long]) as at:
        await at.chat.say("tell me much")
        await expect(at.chat.answers).to_contain_text("Paragraph 39.")
        await at.chat.idle()
        for _ in range(4):
            await at.chat.field.press("Shift+Enter")
            await at.chat.field.press("a")
            await at.chat.page.evaluate("() => new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)))")
            below = "(list) => list.scrollHeight - list.clientHeight - list.scrollTop"
            assert await at.chat.page.get_by_role("feed").evaluate(below) < 2
        await expect(at.chat.button("Latest")).to_have_count(0)


async def test_all_controls_are_on_the_screen_while_much_waits(tabs: Tabs, tmp_path: Path) -> None:
    async with scene(tabs, tmp_path, BUSY, has_touch=True) as at:
        page = at.chat.page
        await at.chat.say("do a lot, and tell me of it")
        await expect(at.chat.approvals).to_have_count(3)
        for screen in few([*SCREENS]):
            width, height = SCREENS[screen]
            await page.set_viewport_size({"width": width, "height": height})
            await page.reload()
            await expect(at.chat.approvals).to_have_count(3)
            assert await page.evaluate("document.documentElement.scrollWidth") <= width, screen
            for control in (
                page.get_by_label("More", exact=True),
                at.chat.button("Files"),
                at.chat.button("Stop"),
                at.chat.button("Send"),
                at.chat.approvals.first.get_by_role("button", name="Approve", exact=True),
                at.chat.line,
            ):
                await control.scroll_into_view_if_needed()
                await expect(control, screen).to_be_in_viewport(ratio=0.99)
            await expect(page.get_by_role("feed"), screen).to_be_in_viewport()


ARABIC = "| اسم | عدد |\n|---|---|\n| تفاح | 3 |\n| apple | ٤ |"
GAPS = """() => {
  const shown = [...document.querySelectorAll(".bubble, .markdown, .note")].map((one) => one.getBoundingClientRect());
  return shown.slice(1).map((one, at) => Math.round(one.top - shown[at].bottom));
}"""
"""Between what was said, in pixels."""
CELLS = "(answer) => [...answer.querySelectorAll('th, td')].map((cell) => getComputedStyle(cell).textAlign)"
COLOURS = "(part) => { const { color, backgroundColor } = getComputedStyle(part); return [color, backgroundColor]; }"
ASKING = {"rules": [{"tool": "bash", "action": "ask", "arguments": {"command": "push"}}]}


WIDE = """## Ways

All **ways** of the `owls`:

| Configuration | What it does | far | Recommendation | Compatibility | Responsibility |
|---|---|---|---|---|---|
| one | it reads all of the file and tells what is in it | 140 m | use it where order matters more than time | 3.2 | internationalization |
"""
BROKEN = """(head) => [...head.childNodes].flatMap((text) => [...text.data.matchAll(/\\S+/g)].map((word) => {
  const range = new Range();
  range.setStart(text, word.index);
  range.setEnd(text, word.index + word[0].length);
  return range.getClientRects().length;
})).some((lines) => lines > 1)"""
"""Whether a word of this cell stands in more than one line."""
LINES = """(cell) => {
  const range = new Range();
  range.selectNodeContents(cell);
  return range.getClientRects().length;
}"""


async def test_turns_tables_code_and_approvals_keep_their_places_in_every_width(tabs: Tabs, tmp_path: Path) -> None:
    """One conversation, whose turns are these functions."""
    async with scene(tabs, tmp_path) as at:
        await turns_stand_evenly_apart_and_the_newest_answer_shows_what_can_be_done_with_it(at)
        await a_wide_table_scrolls_sideways_and_what_is_found_in_it_is_told_in_plain_text(at)
        await the_field_stands_under_the_column_and_long_code_can_be_folded(at)
        await at.chat.page.set_viewport_size(DESKTOP)
        await an_approval_that_is_edited_leaves_the_reader_at_the_end(at)


async def turns_stand_evenly_apart_and_the_newest_answer_shows_what_can_be_done_with_it(at: Scene) -> None:
    at.model.extend(text("One."), text(ARABIC), Refusal(401, "wrong key"))
    page = at.chat.page
    for said in ("a question of some words", "in Arabic"):
        await at.chat.say(said)
        await at.chat.idle()
    actions = page.locator(".row[data-kind=assistant] .actions")
    await page.mouse.move(0, 0)
    await expect(actions.first).to_have_css("opacity", "0")
    await expect(actions.last).to_have_css("opacity", "1")
    assert set(await at.chat.answers.last.evaluate(CELLS)) == {"right"}
    await at.chat.say("and fail")
    await expect(at.chat.notes).to_have_count(1)
    gaps = await page.evaluate(GAPS)
    assert len(gaps) == 5
    assert all(24 <= gap <= 34 for gap in gaps), gaps
    # Where there is no room beside the title, the model is chosen from the menu.
    await page.set_viewport_size({"width": 800, "height": 800})
    await expect(page.get_by_role("combobox", name="Model")).to_be_hidden()
    title = page.get_by_role("heading", level=1)
    assert await title.evaluate("(one) => one.scrollWidth <= one.clientWidth")
    await at.chat.field.fill("/model")
    await at.chat.field.press("Enter")
    await expect(page.get_by_role("combobox", name="Model")).to_be_focused()
    await page.keyboard.press("Escape")


async def a_wide_table_scrolls_sideways_and_what_is_found_in_it_is_told_in_plain_text(at: Scene) -> None:
    at.model.extend(text(WIDE))
    page = at.chat.page
    await at.chat.say("compare all ways")
    await expect(at.chat.answers.last).to_contain_text("Ways")
    await at.chat.idle()
    for width in (1440, 360):
        await page.set_viewport_size({"width": width, "height": 800})
        block = at.chat.answers.last.locator(".scroll")
        assert await block.evaluate("(one) => one.scrollWidth > one.clientWidth")
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        assert not any([await head.evaluate(BROKEN) for head in await block.locator("th").all()])
        assert await block.get_by_text("140 m").evaluate(LINES) == 1
        assert min(await block.locator("td.long").evaluate_all("(all) => all.map((one) => one.clientWidth)")) >= 190
    await page.set_viewport_size(DESKTOP)
    await page.get_by_role("searchbox", name="Search sessions").fill("owls")
    found = at.chat.sessions.locator(".session-found")
    await expect(found).to_contain_text("Ways All ways of the owls:")
    await expect(found).not_to_contain_text(re.compile(r"[#*`|]{2}|`"))
    await expect(found.locator("mark")).to_have_text("owls")
    await page.get_by_role("searchbox", name="Search sessions").fill("")
    await at.chat.field.press("Control+ArrowUp")
    help_ = page.locator("form.edit > .faint")
    assert await help_.evaluate("(one) => one.clientHeight < 1.9 * parseFloat(getComputedStyle(one).lineHeight)")
    await page.keyboard.press("Escape")
    await expect(help_).to_have_count(0)


async def the_field_stands_under_the_column_and_long_code_can_be_folded(at: Scene) -> None:
    code = "\n".join(f"line {number}" for number in range(60))
    at.model.extend(text(f"```\nshort\n```\n\n```\n{code}\n```"))
    page = at.chat.page
    await at.chat.say("show me code")
    await expect(at.chat.answers.last).to_contain_text("line 59")
    await at.chat.idle()
    short, long = at.chat.answers.last.locator(".code").first, at.chat.answers.last.locator(".code").last
    for width in (1440, 820, 390):
        await page.set_viewport_size({"width": width, "height": 900})
        await page.wait_for_function(SAME_SIDES)
    await expect(short.get_by_role("button", name="Fold")).to_be_hidden()
    whole = await long.evaluate("(one) => one.clientHeight")
    await long.get_by_role("button", name="Fold").click()
    assert await long.evaluate("(one) => one.clientHeight") < whole / 2
    await long.get_by_role("button", name="Fold").click()
    assert await long.evaluate("(one) => one.clientHeight") == whole


async def an_approval_that_is_edited_leaves_the_reader_at_the_end(at: Scene) -> None:
    long = "\n\n".join(f"Paragraph {number}." for number in range(40))
    at.model.extend(text(long), calls(Call("write", {"path": "a.txt", "content": "one line"})))
    await at.chat.say("tell me much")
    await expect(at.chat.answers.last).to_contain_text("Paragraph 39.")
    await at.chat.say("and write")
    for name in ("Edit…", "Cancel", "Reject…", "Cancel"):
        await at.chat.approvals.get_by_role("button", name=name).click()
        await at.chat.page.evaluate("() => new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)))")
        await expect(at.chat.button("Latest")).to_have_count(0)


async def test_on_a_phone_names_and_buttons_stay_whole_and_risks_are_seen_in_the_system_s_colours(
    tabs: Tabs, tmp_path: Path
) -> None:
    tabs.expects("status of 412")  # the name of a file that is there already
    push = Call("bash", {"command": "rm -rf build && git push --force"}, id="push", index=1)
    step = {"text": "a step that takes more words than the row has room for", "status": "in_progress"}
    plan = Call("plan", {"items": [step]}, id="plan", index=2)
    script = [calls(Call("write", {"path": "notes/of-today.md", "content": "a"}, id="write", index=0), push, plan)]
    look: dict[str, Any] = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
    settings = {"policy": ASKING}
    async with scene(tabs, tmp_path, script, settings=settings, forced_colors="active", **look) as at:
        page = at.chat.page
        await at.chat.say("a question")
        await expect(at.chat.approvals).to_have_count(1)
        risks = page.locator(".pending .risk")
        await expect(risks).to_have_text(["rm -rf", "--force"])
        for risk in await risks.all():
            ink, ground = await risk.evaluate(COLOURS)
            assert ink != ground != "rgba(0, 0, 0, 0)"
        answers = at.chat.approvals.get_by_role("button", name=re.compile("^(Approve|Reject…|Edit…)$"))
        tops = {round((await one.bounding_box() or {"y": 0})["y"]) for one in await answers.all()}
        assert len(tops) == 1
        plan_name = page.locator(".plan-name")
        assert (await plan_name.bounding_box() or {"height": 0})["height"] < 36
        await at.chat.button("Files").click()
        for name in ("Show notes/of-today.md", "Delete notes/of-today.md…"):
            assert (await at.chat.button(name).bounding_box() or {"height": 0})["height"] <= 36
        await at.chat.button("Close").tap()
        for content in "ab":
            await at.chat.drop("a file whose name has more words than a phone is wide.txt", content)
        replaces = page.get_by_role("list", name="Files added").get_by_role("listitem").filter(has_text="Replace")
        assert (await replaces.bounding_box() or {"height": 0})["height"] < 48
        # In another session the header says that this one waits; Enter makes a new line there.
        await at.chat.button("Sessions").tap()
        await at.chat.button("New session").tap()
        await expect(at.chat.button("Sessions: 1 waits for you")).to_be_visible()
        sign = "(button) => getComputedStyle(button, '::after').backgroundColor"
        ground = await page.locator(".header").evaluate("(header) => getComputedStyle(header).backgroundColor")
        assert await at.chat.button("Sessions: 1 waits for you").evaluate(sign) not in {ground, "rgba(0, 0, 0, 0)"}
        await at.chat.field.press_sequentially("a")
        await at.chat.field.press("Enter")
        await at.chat.field.press_sequentially("b")
        await expect(at.chat.field).to_have_value("a\nb")
