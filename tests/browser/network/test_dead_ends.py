"""Dead ends: where something cannot be done, the page says so and offers a way on; a draft is not lost."""

from pathlib import Path

from playwright.async_api import expect

from tests.browser.support.scene import Scene, scene
from tests.browser.support.tabs import NETWORK, Tabs
from tests.faults.harness.lengths import in_the_long_form
from tests.support.application import settings_for
from tests.support.live import listening
from tests.support.models.scripted_model import Call, calls, text

LET_GO = """(element) => ["dragover", "drop"].map((kind) => {
  const data = new DataTransfer();
  data.items.add(new File(["a word"], "note.txt"));
  const event = new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true });
  element.dispatchEvent(event);
  return event.defaultPrevented;
})"""


async def test_where_nothing_can_be_done_the_page_says_so_and_does_nothing(tabs: Tabs, tmp_path: Path) -> None:
    async with scene(tabs, tmp_path) as at:
        await a_dropped_folder_is_refused_with_a_message(at, tmp_path)
        await nothing_is_approved_by_a_key_while_something_lies_over_it(at)
        tabs.check()
        tabs.expects(NETWORK)
        await an_address_without_a_session_shows_a_message_and_no_controls(at)


async def a_dropped_folder_is_refused_with_a_message(at: Scene, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    at.model.extend(text("Here."))
    await at.chat.say("hello")
    await at.chat.idle()
    devtools = await at.chat.page.context.new_cdp_session(at.chat.page)
    data = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        await devtools.send("Input.dispatchDragEvent", {"type": kind, "x": 600, "y": 300, "data": data})
    await expect(at.chat.page.get_by_role("alert")).to_have_text(
        "not taken: it is a folder: add the files that are in it"
    )


async def nothing_is_approved_by_a_key_while_something_lies_over_it(at: Scene) -> None:
    at.model.extend(calls(Call("write", {"path": "a.txt", "content": "a"})), text("Done."))
    await at.chat.say("write")
    await expect(at.chat.approvals).to_have_count(1)
    await at.chat.button("Files").click()
    await expect(at.chat.page.get_by_role("dialog")).to_be_visible()
    await at.chat.page.keyboard.press("Alt+y")
    await at.chat.page.keyboard.press("Escape")
    await expect(at.chat.page.get_by_role("dialog")).to_have_count(0)
    await expect(at.chat.approvals).to_have_count(1)
    await at.chat.page.keyboard.press("Alt+y")
    await expect(at.chat.answers.last).to_have_text("Done.")


async def an_address_without_a_session_shows_a_message_and_no_controls(at: Scene) -> None:
    page = at.chat.page
    await page.goto(f"{at.live.http}/s/{'0' * 32}")
    await expect(page.get_by_role("heading", name="This session is not there.")).to_be_visible()
    for gone in (at.chat.field, at.chat.button("Files"), page.get_by_label("More", exact=True)):
        await expect(gone).to_have_count(0)
    await at.chat.button("Begin a new one").click()
    await expect(at.chat.field).to_be_focused()


@in_the_long_form
async def test_a_draft_survives_the_deletion_of_its_session_in_another_tab(tabs: Tabs, tmp_path: Path) -> None:
    tabs.expects(NETWORK)
    async with scene(tabs, tmp_path, [text("First."), text("Second.")]) as at:
        await at.chat.say("one")
        await expect(at.chat.answers).to_have_text("First.")
        await at.chat.field.fill("half a thought")
        await at.chat.page.request.delete(
            f"{at.live.http}/api/sessions/{at.chat.session_id}", headers={"origin": at.live.http}
        )
        await expect(at.chat.line).to_contain_text("This session is not there any more.")
        await expect(at.chat.answers).to_have_text("First.")
        await at.chat.button("Begin a new one").click()
        await expect(at.chat.field).to_have_value("half a thought")
        await at.chat.field.press("Enter")
        await expect(at.chat.answers).to_have_text("Second.")


async def test_an_ended_login_shows_a_message_and_returns_after_the_next_login(tabs: Tabs, tmp_path: Path) -> None:
    tabs.expects(NETWORK)
    async with listening(settings_for(tmp_path, auth={"local_token": True})) as live:
        token = (tmp_path / "token").read_text().strip()
        chat = await tabs.open(f"{live.http}/#token={token}")
        await chat.say("hello")
        await chat.live()
        await chat.idle()
        address = chat.page.url
        await chat.field.fill("half a thought")
        other = await tabs.open(live.http, beside=chat)
        await other.button("Log out").click()
        alert = chat.page.get_by_role("alert")
        await expect(alert).to_have_text("Your login ended. Log in, and you are back where you were.")
        await chat.page.get_by_label("Token").fill(token)
        await chat.page.keyboard.press("Enter")
        await expect(chat.field).to_have_value("half a thought")
        assert chat.page.url == address
        await tabs.close()


@in_the_long_form
async def test_files_let_go_beside_the_conversation_or_where_none_are_taken_do_not_replace_the_page(
    tabs: Tabs, tmp_path: Path
) -> None:
    async with scene(tabs, tmp_path, [text("Here.")]) as at:
        page = at.chat.page
        assert await page.get_by_role("navigation", name="Sessions").evaluate(LET_GO) == [True, True]
        await expect(page.get_by_role("link", name="note.txt")).to_be_visible()
        await at.chat.more("End this session…")
        await at.chat.button("End it").click()
        await expect(page.get_by_text("This session was ended. It can be read.")).to_be_visible()
        assert await page.get_by_role("main").evaluate(LET_GO) == [True, True]
