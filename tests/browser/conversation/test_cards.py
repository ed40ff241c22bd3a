"""Cards of tool calls: each has a form for its tool, and a call that was approved for the session does not ask again."""

from pathlib import Path
from typing import Any

from playwright.async_api import expect

from tests.browser.support.scene import Scene, scene
from tests.browser.support.tabs import Tabs
from tests.faults.harness.lengths import in_the_long_form
from tests.support.models.scripted_model import Call, calls, text

FREELY: dict[str, Any] = {"policy": {}}

MIDDLE = "(one) => (({ top, height }) => top + height / 2)(one.getBoundingClientRect())"


def write(path: str, content: str, id: str = "call_1") -> Call:
    return Call("write", {"path": path, "content": content}, id=id)


async def test_changes_are_diffs_and_written_files_highlighted(tabs: Tabs, tmp_path: Path) -> None:
    async with scene(tabs, tmp_path, settings=FREELY) as at:
        await a_change_is_a_diff_with_its_counts(at)
        await a_written_file_is_highlighted_with_its_whole_text(at)


async def a_change_is_a_diff_with_its_counts(at: Scene) -> None:
    edit = Call("edit", {"path": "a.py", "old_string": "return 1", "new_string": "return 2"}, id="call_2")
    at.model.extend(calls(write("a.py", "def f():\n    return 1\n")), calls(edit), text("Done."))
    await at.chat.say("change it")
    card = at.chat.tools.filter(has_text="edit")
    await expect(card.locator(".tool-brief")).to_contain_text("+1 −1")
    change = card.get_by_role("group", name="Change")
    await expect(change.locator(".old")).to_have_text("−removed:     return 1")
    await expect(change.locator(".new")).to_have_text("+added:     return 2")
    await at.at_rest()


async def a_written_file_is_highlighted_with_its_whole_text(at: Scene) -> None:
    code = 'def hello(name: str) -> None:\n    print(f"hello {name}")\n'
    at.model.extend(calls(write("hello.py", code, "call_3")), text("Written."))
    await at.chat.say("write it")
    await expect(at.chat.answers.last).to_have_text("Written.")
    card = at.chat.tools.last
    await card.locator("summary").click()
    shown = card.get_by_role("group", name="Text of hello.py")
    await expect(shown.locator(".hl-keyword").first).to_have_text("def")
    assert await shown.inner_text() == code
    link = card.get_by_role("link", name="hello.py")
    await expect(link).to_be_visible()
    # What the row says is not said again; what can be taken and copied stands in one line.
    await expect(card.get_by_text("hello.py", exact=True)).to_have_count(1)
    copying = card.get_by_role("button", name="Copy output")
    assert abs(await link.evaluate(MIDDLE) - await copying.evaluate(MIDDLE)) < 3
    await at.at_rest()


async def test_a_call_is_approved_as_it_is_and_for_the_session(tabs: Tabs, tmp_path: Path) -> None:
    async with scene(tabs, tmp_path) as at:
        await characters_without_looks_are_shown_before_a_call_is_approved(at)
        await a_grant_for_the_session_needs_no_second_approval(at)


async def characters_without_looks_are_shown_before_a_call_is_approved(at: Scene) -> None:
    hidden = "x = '\u202eadmin\u2066\u3164\U000e0041' \U0001f469\u200d\U0001f680"
    at.model.extend(calls(write("x.txt", hidden)), text("Done."))
    await at.chat.say("write")
    await expect(at.chat.approvals).to_contain_text(
        "x = '⟨U+202E⟩admin⟨U+2066⟩⟨U+3164⟩⟨U+E0041⟩' \U0001f469\u200d\U0001f680"
    )
    await at.chat.button("Approve").click()
    await expect(at.chat.answers).to_have_text("Done.")
    await at.chat.idle()


async def a_grant_for_the_session_needs_no_second_approval(at: Scene) -> None:
    at.model.extend(calls(write("a.txt", "1", "call_2")), calls(write("b.txt", "2", "call_3")), text("Both."))
    await at.chat.say("write two")
    await at.chat.approvals.get_by_role("button", name="Approve for this session: write").click()
    await expect(at.chat.answers.last).to_have_text("Both.")
    await expect(at.chat.line).to_contain_text("Runs without asking: write")
    view = await at.at_rest()
    assert view.grants == ["write"]
    await at.chat.page.reload()
    await expect(at.chat.line).to_contain_text("Runs without asking: write")
    await at.chat.line.get_by_role("button", name="Ask again for write").click()
    await expect(at.chat.line).not_to_contain_text("Runs without asking")
    assert (await at.at_rest()).grants == []


@in_the_long_form
async def test_an_edit_that_failed_counts_no_lines(tabs: Tabs, tmp_path: Path) -> None:
    edit = Call("edit", {"path": "a.py", "old_string": "return 1", "new_string": "return 2"})
    async with scene(tabs, tmp_path, [calls(edit), text("There is no such file.")], settings=FREELY) as at:
        await at.chat.say("change it")
        await expect(at.chat.answers).to_have_text("There is no such file.")
        card = at.chat.tools.locator(".tool")
        await expect(card).to_have_attribute("data-state", "failed")
        await card.locator("summary").click()
        await expect(card.locator(".tool-output, pre").first).to_be_hidden()
        await expect(card.locator(".tool-brief")).to_have_count(0)
        await at.at_rest()


@in_the_long_form
async def test_rows_are_a_table(tabs: Tabs, tmp_path: Path) -> None:
    rows = '[{"name": "oak", "height": 21}, {"name": "<b>ash</b>", "height": null}]'
    script = [calls(write("trees.json", rows)), calls(Call("read", {"path": "trees.json"}, id="call_2")), text("Two.")]
    async with scene(tabs, tmp_path, script, settings=FREELY) as at:
        await at.chat.say("which trees?")
        await expect(at.chat.answers).to_have_text("Two.")
        card = at.chat.tools.filter(has_text="read")
        await card.locator("summary").click()
        table = card.get_by_role("table")
        await expect(table.get_by_role("columnheader")).to_have_text(["name", "height"])
        await expect(table.get_by_role("cell")).to_have_text(["oak", "21", "<b>ash</b>", ""])


@in_the_long_form
async def test_a_sub_agents_steps_are_nested_in_its_call(tabs: Tabs, tmp_path: Path) -> None:
    script = [
        calls(Call("research", {"task": "look around"})),
        calls(Call("list", {"path": "."}, id="call_2")),
        text("It is **empty**."),
        text("Nothing there."),
    ]
    async with scene(tabs, tmp_path, script, settings=FREELY) as at:
        await at.chat.say("research it")
        await expect(at.chat.answers.last).to_have_text("Nothing there.")
        await at.chat.page.reload()
        card = at.chat.tools
        await expect(card.locator(".tool-brief")).to_have_text("1 step")
        await card.locator("summary").click()
        step = card.get_by_role("list", name="Steps").get_by_role("listitem")
        await step.locator("summary").click()
        await expect(step.get_by_role("group", name="Result")).to_contain_text("the folder is empty")
        await expect(card.get_by_role("group", name="Report").locator("strong")).to_have_text("empty")


@in_the_long_form
async def test_answering_by_keyboard_moves_to_the_next_call(tabs: Tabs, tmp_path: Path) -> None:
    script = [calls(write("a.txt", "1"), write("b.txt", "2", "call_2")), text("Both.")]
    async with scene(tabs, tmp_path, script) as at:
        await at.chat.say("write two")
        approve = at.chat.button("Approve")
        await approve.first.press("Enter")
        await expect(approve).to_have_count(1)
        await expect(approve).to_be_focused()
        await approve.press("Enter")
        await expect(at.chat.field).to_be_focused()
        await at.at_rest()
