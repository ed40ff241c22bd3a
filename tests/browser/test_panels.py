"""Panels: files, keyboard shortcuts, the server's state, the model of a new session; all are reached by keyboard."""

import re
from pathlib import Path
from typing import Any

from playwright.async_api import FilePayload, expect

from tests.browser.support.journal import view_of
from tests.browser.support.scene import Scene, scene
from tests.browser.support.tabs import Tabs
from tests.faults.harness.lengths import in_the_long_form
from tests.support.models.scripted_model import Call, Finish, Gate, Hang, Text, Usage, calls, stream, text

FREELY: dict[str, Any] = {"policy": {}}


async def test_the_server_the_files_and_the_mode_are_seen_and_changed_in_panels(tabs: Tabs, tmp_path: Path) -> None:
    """One conversation, whose turns are these functions."""
    async with scene(tabs, tmp_path, settings=FREELY) as at:
        await the_page_shows_what_the_agent_can_do(at)
        await files_that_were_added_are_named_to_the_model(at)
        await the_files_of_the_workspace_are_listed_and_can_be_taken(at)
        await a_file_is_deleted_after_a_second_press(at)
        await the_owner_chooses_the_mode_of_a_session(at)
        await a_reader_scrolled_up_sees_a_note_about_new_messages(at)


async def the_page_shows_what_the_agent_can_do(at: Scene) -> None:
    await at.chat.button("About this server").click()
    about = at.chat.page.get_by_role("dialog", name="About this server")
    await expect(about).to_contain_text("openai/scripted")
    await expect(about).to_contain_text(re.compile("Shell(on|off)"))
    await at.chat.page.keyboard.press("Escape")
    await expect(about).to_be_hidden()


async def files_that_were_added_are_named_to_the_model(at: Scene) -> None:
    at.model.extend(text("I see it."))
    field = at.chat.page.locator("input[type=file]").first
    await field.set_input_files(FilePayload(name="a.csv", mimeType="text/csv", buffer=b"1,2"))
    added = at.chat.page.get_by_role("list", name="Files added")
    await expect(added.get_by_role("link", name="a.csv")).to_be_visible()
    await at.chat.say("look")
    await expect(at.chat.answers).to_have_text("I see it.")
    await expect(added).to_be_hidden()
    assert at.model.requests[0].last_user_text.endswith("(In the workspace: `a.csv`)")
    await expect(at.chat.messages.first).to_contain_text("(In the workspace: `a.csv`)")
    async with at.chat.page.expect_download() as taken:
        await at.chat.messages.first.get_by_role("link", name="a.csv").click()
    assert (await taken.value).suggested_filename == "a.csv"
    await at.chat.idle()


async def the_files_of_the_workspace_are_listed_and_can_be_taken(at: Scene) -> None:
    made = Call("write", {"path": "notes/today.md", "content": "# Today"})
    at.model.extend(calls(made), text("Done."))
    await at.chat.say("write")
    await expect(at.chat.answers.last).to_have_text("Done.")
    await at.chat.button("Files").click()
    panel = at.chat.page.get_by_role("dialog", name="Files")
    line = panel.get_by_role("list", name="Files in the workspace").get_by_role("listitem").last
    link = line.get_by_role("link", name="notes/today.md")
    await expect(line.locator("time")).to_have_text(re.compile(r"^\d\d?:\d\d"))
    async with at.chat.page.expect_download() as taken:
        await link.click()
    assert Path(await (await taken.value).path()).read_text() == "# Today"
    await at.chat.page.keyboard.press("Escape")
    await expect(panel).to_be_hidden()
    await expect(at.chat.button("Files")).to_be_focused()
    await at.chat.idle()


async def a_file_is_deleted_after_a_second_press(at: Scene) -> None:
    at.model.extend(calls(Call("write", {"path": "b.txt", "content": "b"}, id="call_2")), text("Done too."))
    await at.chat.say("write more")
    await expect(at.chat.answers.last).to_have_text("Done too.")
    await at.chat.button("Files").click()
    panel = at.chat.page.get_by_role("dialog", name="Files")
    files = panel.get_by_role("list", name="Files in the workspace").get_by_role("link")
    await at.chat.button("Delete a.csv…").click()
    await expect(at.chat.button("Keep")).to_be_focused()
    await at.chat.button("Keep").click()
    await expect(files).to_have_text(["a.csv", "b.txt", "notes/today.md"])
    await at.chat.button("Delete a.csv…").click()
    await at.chat.button("Delete for good").click()
    await expect(files).to_have_text(["b.txt", "notes/today.md"])
    await at.chat.page.keyboard.press("Escape")
    await expect(panel).to_be_hidden()
    await at.chat.idle()


async def the_owner_chooses_the_mode_of_a_session(at: Scene) -> None:
    mode = at.chat.page.get_by_role("combobox", name="Mode", exact=True)
    await expect(mode).to_have_value("default")
    await mode.select_option("read-only")
    await expect(at.chat.page.locator(".choice-mode .choice-says")).to_have_text("read only")
    await at.chat.idle()
    await at.chat.live()
    assert (await view_of(at.live.http, at.chat.session_id)).mode == "read-only"


async def a_reader_scrolled_up_sees_a_note_about_new_messages(at: Scene) -> None:
    gate = Gate()
    long = "\n\n".join(f"Paragraph {number}." for number in range(60))
    at.model.extend(text(long), stream(gate, Text("Something new."), Finish(), Usage()))
    await at.chat.say("much")
    await expect(at.chat.answers.last).to_contain_text("Paragraph 59.")
    await at.chat.idle()
    await at.chat.say("and more")
    await gate.reached.wait()
    await at.chat.page.get_by_role("feed").hover()
    await at.chat.page.mouse.wheel(0, -600)
    latest = at.chat.page.locator(".to-end")
    await expect(latest).to_be_visible()
    seen = at.chat.page.get_by_text("Paragraph 40.")
    before = await seen.bounding_box()
    gate.open()
    await at.chat.idle()
    assert await seen.bounding_box() == before
    await latest.click()
    await expect(at.chat.answers.last).to_be_in_viewport()


@in_the_long_form
async def test_the_keys_are_listed_and_escape_closes_the_list_alone(tabs: Tabs, tmp_path: Path) -> None:
    gate = Gate()
    async with scene(tabs, tmp_path, [stream(Text("One, "), gate, Text("two."), Finish(), Usage())]) as at:
        await at.chat.say("count")
        await expect(at.chat.answers).to_have_text("One,")
        await at.chat.page.get_by_role("feed").focus()
        await at.chat.page.keyboard.press("?")
        keys = at.chat.page.get_by_role("dialog", name="Keyboard shortcuts")
        await expect(keys).to_contain_text("Stop the turn")
        await at.chat.page.keyboard.press("Escape")
        await expect(keys).to_be_hidden()
        await expect(at.chat.page.get_by_role("feed")).to_be_focused()
        gate.open()
        await expect(at.chat.answers).to_have_text("One, two.")
        await at.at_rest()


@in_the_long_form
async def test_a_session_begins_with_the_model_that_was_chosen_for_it(tabs: Tabs, tmp_path: Path) -> None:
    async with scene(tabs, tmp_path, [text("Hello.")]) as at:
        await at.chat.page.get_by_label("Reasoning effort").select_option("low")
        await at.chat.say("hello")
        await expect(at.chat.answers).to_have_text("Hello.")
        view = await at.at_rest()
        assert view.reasoning_effort == "low"
        assert at.model.requests[0].body["reasoning_effort"] == "low"


@in_the_long_form
async def test_messages_are_walked_by_the_keyboard(tabs: Tabs, tmp_path: Path) -> None:
    async with scene(tabs, tmp_path, [text("First answer."), text("Second answer.")]) as at:
        for prompt, answered in ("one", "First answer."), ("two", "Second answer."):
            await at.chat.say(prompt)
            await expect(at.chat.answers.last).to_have_text(answered)
        await at.at_rest()
        for _ in range(3):
            await at.chat.page.keyboard.press("Alt+ArrowUp")
        await expect(at.chat.rows.nth(1)).to_be_focused()
        await at.chat.page.keyboard.press("Alt+ArrowDown")
        await expect(at.chat.rows.nth(2)).to_be_focused()
        await at.chat.page.keyboard.press("/")
        await expect(at.chat.field).to_be_focused()


@in_the_long_form
async def test_the_skip_links_lead_past_the_list_of_sessions(tabs: Tabs, tmp_path: Path) -> None:
    async with scene(tabs, tmp_path, [text("Hello.")]) as at:
        await at.chat.say("hello")
        await expect(at.chat.answers).to_have_text("Hello.")
        await at.chat.page.get_by_role("link", name="Skip to the conversation").press("Enter")
        await expect(at.chat.page.get_by_role("feed", name="Conversation")).to_be_focused()
        await at.chat.page.get_by_role("link", name="Skip to the message field").press("Enter")
        await expect(at.chat.field).to_be_focused()


@in_the_long_form
async def test_a_draft_is_kept_for_each_session(tabs: Tabs, tmp_path: Path) -> None:
    async with scene(tabs, tmp_path, [text("Hello.")]) as at:
        await at.chat.say("hello")
        await expect(at.chat.answers).to_have_text("Hello.")
        await at.chat.field.fill("half a thought")
        await at.chat.button("New session").click()
        await expect(at.chat.field).to_have_value("")
        await at.chat.page.go_back()
        await expect(at.chat.field).to_have_value("half a thought")
        await at.chat.page.reload()
        await expect(at.chat.field).to_have_value("half a thought")


async def test_a_session_that_cannot_be_created_shows_the_reason_and_starts_later(tabs: Tabs, tmp_path: Path) -> None:
    tabs.expects(r"429 \(Too Many Requests\)")
    settings = {"sessions": {"awake_max_per_user": 1}}
    async with scene(tabs, tmp_path, [stream(Text("One."), Hang()), text("Two.")], settings=settings) as at:
        await at.chat.say("first")
        await expect(at.chat.answers).to_have_text("One.")
        other = await tabs.open(at.live.http, beside=at.chat)
        await other.say("second")
        await expect(other.line).to_contain_text("your 1 sessions are all in use; close one, or try again later")
        await expect(other.rows).to_contain_text("not sent yet")
        await at.live.manager.delete_session(at.chat.session_id)
        await other.button("Try now").click()
        await expect(other.answers).to_have_text("Two.")
