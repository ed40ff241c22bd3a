"""Panels: files, keyboard shortcuts, the server's state, the model of a new session; all are reached by keyboard."""

import re
from pathlib import Path
from typing import Any

from playwright.async_api import FilePayload, expect

from tests.browser.support.scene import scene
from tests.browser.support.tabs import Tabs
from tests.faults.harness.lengths import in_the_long_form
from tests.support.models.scripted_model import Call, Finish, Gate, Hang, Text, Usage, calls, stream, text

FREELY: dict[str, Any] = {"policy": {}}


async def test_the_files_of_the_workspace_are_listed_and_can_be_taken(tabs: Tabs, tmp_path: Path) -> None:
    made = Call("write", {"path": "notes/today.md", "content": "# Today"})
    async with scene(tabs, tmp_path, [calls(made), text("Done.")], settings=FREELY) as at:
        await at.chat.say("write")
        await expect(at.chat.answers).to_have_text("Done.")
        await at.chat.button("Files").click()
        panel = at.chat.page.get_by_role("dialog", name="Files")
        link = panel.get_by_role("list", name="Files in the workspace").get_by_role("link", name="notes/today.md")
        await expect(panel.get_by_role("listitem").locator("time")).to_have_text(re.compile(r"^\d\d?:\d\d"))
        async with at.chat.page.expect_download() as taken:
            await link.click()
        assert Path(await (await taken.value).path()).read_text() == "# Today"
        await at.chat.page.keyboard.press("Escape")
        await expect(panel).to_be_hidden()
        await expect(at.chat.button("Files")).to_be_focused()


async def test_a_file_is_deleted_after_a_second_press(tabs: Tabs, tmp_path: Path) -> None:
    made = (Call("write", {"path": "a.txt", "content": "a"}), Call("write", {"path": "b.txt", "content": "b"}))
    async with scene(tabs, tmp_path, [calls(*made), text("Done.")], settings=FREELY) as at:
        await at.chat.say("write")
        await expect(at.chat.answers).to_have_text("Done.")
        await at.chat.button("Files").click()
        files = at.chat.page.get_by_role("list", name="Files in the workspace").get_by_role("link")
        await at.chat.button("Delete a.txt…").click()
        await expect(at.chat.button("Keep")).to_be_focused()
        await at.chat.button("Keep").click()
        await expect(files).to_have_text(["a.txt", "b.txt"])
        await at.chat.button("Delete a.txt…").click()
        await at.chat.button("Delete for good").click()
        await expect(files).to_have_text(["b.txt"])


async def test_files_that_were_added_are_named_to_the_model(tabs: Tabs, tmp_path: Path) -> None:
    async with scene(tabs, tmp_path, [text("I see it.")]) as at:
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


async def test_the_page_shows_what_the_agent_can_do(tabs: Tabs, tmp_path: Path) -> None:
    async with scene(tabs, tmp_path) as at:
        await at.chat.button("About this server").click()
        about = at.chat.page.get_by_role("dialog", name="About this server")
        await expect(about).to_contain_text("openai/scripted")
        await expect(about).to_contain_text(re.compile("Shell(on|off)"))


@in_the_long_form
async def test_a_session_begins_with_the_model_that_was_chosen_for_it(tabs: Tabs, tmp_path: Path) -> None:
    async with scene(tabs, tmp_path, [text("Hello.")]) as at:
        await at.chat.page.get_by_label("Reasoning effort").select_option("low")
        await at.chat.say("hello")
        await expect(at.chat.answers).to_have_text("Hello.")
        view = await at.at_rest()
        assert view.reasoning_effort == "low"
        assert at.model.requests[0].body["reasoning_effort"] == "low"


async def test_the_owner_chooses_the_mode_of_a_session(tabs: Tabs, tmp_path: Path) -> None:
    async with scene(tabs, tmp_path, [text("Hello.")]) as at:
        await at.chat.say("hello")
        await expect(at.chat.answers).to_have_text("Hello.")
        mode = at.chat.page.get_by_role("combobox", name="Mode", exact=True)
        await expect(mode).to_have_value("default")
        await mode.select_option("read-only")
        await expect(at.chat.page.locator(".choice-mode .choice-says")).to_have_text("read only")
        assert (await at.at_rest()).mode == "read-only"


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


async def test_a_reader_scrolled_up_sees_a_note_about_new_messages(tabs: Tabs, tmp_path: Path) -> None:
    gate = Gate()
    long = "\n\n".join(f"Paragraph {number}." for number in range(60))
    script = [text(long), stream(gate, Text("Something new."), Finish(), Usage())]
    async with scene(tabs, tmp_path, script) as at:
        await at.chat.say("much")
        await expect(at.chat.answers).to_contain_text("Paragraph 59.")
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
