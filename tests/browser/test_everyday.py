"""Everyday use: nothing that is shown moves away, nothing that is written is lost, and nothing happens that was not meant.

The tests share one server and one model, which answers by the first word that it is sent; each has a session of its own.
"""

import contextlib
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.browser.support.chat import Chat
from tests.browser.support.scrolling import scroller
from tests.browser.support.tabs import Tabs
from tests.faults.harness.lengths import in_the_long_form
from tests.support.application import settings_for
from tests.support.live import Live, listening
from tests.support.models.scripted_model import (
    Answer,
    Call,
    Finish,
    Gate,
    Reason,
    Request,
    ScriptedModel,
    Text,
    Usage,
    calls,
    stream,
    text,
)
from tests.support.network.http_client import http_client

LONG = "\n\n".join(f"Paragraph {number}." for number in range(60))
FRAMES = "() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))"
SIZE = "document.documentElement.scrollHeight - innerHeight + document.documentElement.scrollWidth - innerWidth"
"""How much larger the document is than the window, in pixels."""
KEY = "([key, code, more]) => dispatchEvent(new KeyboardEvent('keydown', { key, code, cancelable: true, ...more }))"


def answer_to(request: Request) -> Answer:
    """By the first word of what was said last."""
    word, _, rest = request.last_user_text.partition(" ")
    if request.messages[-1].get("role") == "tool" or word == "brief":
        return text("Done.")
    if word == "hold":
        return stream(Text("Held "), Gate(), Finish(), Usage())
    if word == "empty":
        return stream(Finish(), Usage())
    if word == "write":
        return calls(*(Call("write", {"path": f"{n}.txt", "content": "a"}, id=f"{rest}{n}", index=n) for n in (1, 2)))
    return stream(Reason("Thought of it."), Text(LONG), Finish(), Usage()) if word == "long" else text(rest)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def live(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Live]:
    """The server of these tests."""
    folder = tmp_path_factory.mktemp("everyday")
    async with ScriptedModel(answer_to) as model, listening(settings_for(folder, model)) as server:
        yield server


@contextlib.asynccontextmanager
async def still(chat: Chat) -> AsyncIterator[None]:
    """Neither the conversation nor the message field moves, and the document is no larger than the window."""
    where = "() => ['.main', '.header', '#message'].map((one) => JSON.stringify(document.querySelector(one).getBoundingClientRect()))"
    before = await chat.page.evaluate(where)
    yield
    await chat.page.evaluate(FRAMES)
    assert await chat.page.evaluate(where) == before
    assert await chat.page.evaluate(SIZE) == 0


async def test_the_page_keeps_its_place(live: Live, tabs: Tabs) -> None:
    chat = await tabs.open(live.http)
    page = chat.page
    for said in ("long story", "long tale"):
        await chat.say(said)
        await chat.idle()
        await expect(chat.answers.last).to_contain_text("Paragraph 59.")
    await chat.idle()
    async with still(chat):
        await scroller(chat).hover()
        await page.mouse.wheel(0, 4000)
    search = page.get_by_role("searchbox", name="Search sessions")
    async with still(chat):
        await page.keyboard.press("Control+k")
        await expect(search).to_be_focused()
    # The field grows with its text, and is as small as before when the text is gone.
    async with still(chat):
        await chat.field.fill("one\n" * 9)
        assert await chat.field.evaluate("(field) => field.offsetHeight") > 200
        await chat.field.fill("")
    await chat.of_session("long story", "Rename")
    saves = page.locator(".naming button")
    await expect(saves).to_be_in_viewport(ratio=1)
    edges = "(button) => button.closest('nav').getBoundingClientRect().right - button.getBoundingClientRect().right"
    assert await saves.evaluate(edges) >= 4
    await page.get_by_role("textbox", name="Title").press("Escape")
    # What is typed into the search is about the search: the turn goes on. Enter opens what is found.
    await chat.button("New session").click()
    await chat.say("hold on")
    await expect(chat.answers).to_have_text("Held")
    await search.fill("story")
    await expect(chat.sessions).to_have_count(1)
    await search.press("Escape")
    await expect(search).to_have_value("")
    await expect(chat.sessions).to_have_count(2)
    await search.press("ArrowDown")
    await expect(chat.sessions.first.get_by_role("link")).to_be_focused()
    await expect(chat.button("Stop")).to_be_visible()
    await search.fill("story")
    await search.press("Enter")
    await expect(chat.answers.last).to_contain_text("Paragraph 59.")


async def test_what_was_written_and_opened_stays_and_notes_stand_where_they_belong(live: Live, tabs: Tabs) -> None:
    chat = await tabs.open(live.http)
    page = chat.page
    await chat.say("long one")
    await chat.idle()
    await chat.say("long other")
    await chat.idle()
    # Far away a row is not in the document; when it is there again it is as it was left.
    feed = scroller(chat)
    await feed.evaluate("(list) => { list.scrollTop = 0; }")
    await chat.rows.first.hover()
    await chat.rows.first.get_by_role("button", name="Edit").click()
    changed = page.get_by_role("textbox", name="Say instead")
    await changed.fill("something better")
    await chat.rows.nth(1).get_by_text("Reasoning").click()
    await feed.evaluate("(list) => { list.scrollTop = list.scrollHeight; }")
    await expect(changed).to_have_count(0)
    await feed.evaluate("(list) => { list.scrollTop = 0; }")
    await expect(changed).to_have_value("something better")
    await expect(chat.rows.nth(1)).to_contain_text("Thought of it.")
    await chat.say("hold this")
    await expect(chat.answers.last).to_have_text("Held")
    await chat.say("echo x")
    await chat.field.press("Escape")
    await chat.idle()
    await expect(chat.answers.last).to_have_text("x")
    kinds = await chat.rows.evaluate_all("(rows) => rows.map((row) => row.dataset.kind).slice(-5)")
    assert kinds == ["user", "assistant", "note", "user", "assistant"]
    await page.reload()
    await expect(chat.rows.nth(-2).locator("time")).to_be_attached()
    await expect(chat.rows.nth(-3)).to_contain_text("Stopped by you.")
    # On a German keyboard the key that is third in the upper row types z.
    await chat.say("write german")
    await expect(chat.approvals).to_have_count(2)
    await page.evaluate(KEY, ["z", "KeyY", {"altKey": True}])
    await expect(chat.approvals).to_have_count(2)
    await page.evaluate(KEY, ["y", "KeyZ", {"altKey": True}])
    await expect(chat.approvals).to_have_count(1)
    await page.evaluate(KEY, ["n", "KeyN", {"altKey": True}])
    await chat.idle()
    states = chat.tools.locator(".tool")
    await expect(states.nth(-2)).to_have_attribute("data-state", "completed")
    await expect(states.nth(-1)).to_have_attribute("data-state", "rejected")
    await chat.say("empty")
    await chat.idle()
    await expect(chat.notes.last).to_contain_text("gave no answer")
    await expect(chat.notes.last.get_by_role("button", name="Try again")).to_be_visible()


async def test_files_are_kept_all_is_printed_and_an_end_is_asked_for(live: Live, tabs: Tabs) -> None:
    tabs.expects("status of 412")
    chat = await tabs.open(live.http)
    page = chat.page
    await chat.drop("same.txt", "first")
    await expect(chat.button("Send")).to_be_enabled()
    await chat.drop("same.txt", "second")
    added = page.get_by_role("list", name="Files added").get_by_role("listitem")
    await expect(added.filter(has_text="same (2).txt")).to_contain_text("Replace same.txt")
    await chat.button("Send").click()
    await expect(chat.messages.first).to_have_text("(In the workspace: `same.txt`, `same (2).txt`)")
    await chat.drop("same.txt", "third")
    await chat.button("Replace same.txt").click()
    await expect(added).to_have_text(["same.txt5 B"])
    await chat.idle()
    for said in ("long story", "long tale", "long saga"):
        await chat.say(said)
        await chat.idle()
    await expect(chat.rows).not_to_have_count(8)
    await page.emulate_media(media="print")
    await page.evaluate("() => void dispatchEvent(new Event('beforeprint'))")
    assert await chat.rows.count() == 8
    assert await page.evaluate("document.documentElement.scrollHeight > 4 * innerHeight")
    await expect(page.locator(".sidebar")).to_be_hidden()
    await expect(page.locator(".dock")).to_be_hidden()
    await page.emulate_media(media="screen")
    await page.evaluate("() => void dispatchEvent(new Event('afterprint'))")
    await expect(chat.rows).not_to_have_count(8)
    await chat.more("End this session…")
    await chat.button("Go on with it").click()
    await expect(chat.field).to_be_visible()
    await chat.more("End this session…")
    await chat.button("End it").click()
    await expect(chat.line).to_have_text("Ended. Nothing more happens here.")
    await expect(chat.field).to_have_count(0)


WATCHED = """
window.away = false;
window.notified = [];
Object.defineProperty(Document.prototype, "hidden", { get: () => window.away });
window.Notification = class extends Notification {
  constructor(title, more) { super(title, more); notified.push(title + ": " + more.body); }
};
"""
LEAVE = "(away) => { window.away = away; document.dispatchEvent(new Event('visibilitychange')); }"
PASTE = """(field, text) => {
  const data = new DataTransfer();
  data.setData("text/plain", text);
  field.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
}"""


async def test_settings_hold_and_who_looks_away_is_told(live: Live, tabs: Tabs) -> None:
    chat = await tabs.open(live.http, script=WATCHED, permissions=["notifications"])
    page = chat.page
    await chat.button("Settings").click()
    settings = page.get_by_role("dialog", name="Settings")
    await settings.get_by_label("Colours").select_option("Dark")
    await settings.get_by_label("Enter").select_option(label="Makes a new line; Ctrl+Enter sends")
    await settings.get_by_label("Notify me").check()
    await chat.button("Close").click()
    await page.reload()
    await expect(page.locator("body")).to_have_css("background-color", "rgb(24, 24, 22)")
    await chat.field.fill("echo")
    await chat.field.press("Enter")
    await chat.field.press_sequentially("x")
    await expect(chat.field).to_have_value("echo\nx")
    await chat.field.fill("echo one")
    await chat.field.press("Control+Enter")
    await expect(chat.answers).to_have_text("one")
    await chat.idle()
    # What was said before comes back, and what is written is not lost to it.
    await chat.field.press("ArrowUp")
    await expect(chat.field).to_have_value("echo one")
    await chat.field.press("ArrowDown")
    await expect(chat.field).to_have_value("")
    await chat.field.fill("half a thought")
    await chat.field.press("ArrowUp")
    await expect(chat.field).to_have_value("half a thought")
    await chat.field.evaluate(PASTE, "long text " * 1_000)
    await expect(page.get_by_role("list", name="Files added").get_by_role("listitem")).to_contain_text("pasted-")
    await expect(chat.field).to_have_value("half a thought")
    await page.evaluate(LEAVE, True)
    await chat.field.fill("echo two")
    await chat.field.press("Control+Enter")
    await expect(page).to_have_title("✓ echo one · Holdfast")
    await expect(page.locator("link[rel=icon]")).to_have_attribute("href", re.compile("icon-done.svg"))
    mine = await page.evaluate("notified.filter((told) => told.startsWith('echo'))")  # other tests' sessions end too
    assert mine == ["echo one: The answer is complete."]
    await page.evaluate(LEAVE, False)
    await expect(page).to_have_title("echo one · Holdfast")


FOUND = """() => {
  const [range] = CSS.highlights.get("found-now") ?? [];
  const { top, bottom } = range.getBoundingClientRect();
  return [range.toString(), top > 0 && bottom < innerHeight];
}"""


async def test_words_messages_and_commands_are_reached(live: Live, tabs: Tabs) -> None:
    chat = await tabs.open(live.http, permissions=["clipboard-read", "clipboard-write"])
    page = chat.page
    for said in ("long story", "long tale", "long saga"):
        await chat.say(said)
        await chat.idle()
    await page.keyboard.press("Control+f")
    sought = page.get_by_role("textbox", name="Find in this conversation")
    await sought.fill("PARAGRAPH 7.")
    status = page.get_by_role("search").get_by_role("status")
    for place in ("1 of 3", "2 of 3", "3 of 3", "1 of 3"):
        await expect(status).to_have_text(place)
        await expect(chat.rows.filter(has_text="Paragraph 7.").first).to_be_visible()
        await page.evaluate(FRAMES)
        assert await page.evaluate(FOUND) == ["Paragraph 7.", True]
        await sought.press("Enter")
    # What is found in the part of a long message that is not shown is shown.
    await chat.say("brief " + "many words " * 500 + "and the needle")
    await chat.idle()
    await expect(chat.messages.nth(-2)).not_to_contain_text("needle")
    await sought.fill("needle")
    await expect(status).to_have_text("1 of 1")
    await expect(chat.messages.nth(-2)).to_contain_text("needle")
    await sought.fill("nowhere")
    await expect(status).to_have_text("Nothing found")
    await sought.press("Escape")
    await expect(chat.field).to_be_focused()
    await expect(sought).to_have_count(0)
    await page.wait_for_function("() => !CSS.highlights.size")
    await scroller(chat).evaluate("(list) => { list.scrollTop = 0; }")
    await chat.rows.first.get_by_role("button", name="Link to this message").click()
    link = await page.evaluate("navigator.clipboard.readText()")
    other = await tabs.open(link, beside=chat)
    await expect(other.rows.filter(has_text="long story")).to_be_focused()
    await expect(other.rows.filter(has_text="long story")).to_be_in_viewport()
    async with http_client(live.http) as http:
        path = f"/api/sessions/{chat.session_id}/files/.holdfast/prompts/review.md"
        assert (await http.put(path, content=b"Review all that changed.\n")).status_code == 201
    await chat.field.press_sequentially("/rev")
    listed = page.get_by_role("listbox", name="Commands and prompts")
    await expect(listed.get_by_role("option")).to_have_text([re.compile("^/review")])
    await chat.field.press("Enter")
    await expect(chat.field).to_have_value("Review all that changed.")
    await expect(page.get_by_text("Copied.")).to_have_count(0)
    await chat.field.fill("/copy")
    await chat.field.press("Enter")
    await expect(page.get_by_text("Copied.")).to_be_visible()
    copied = await page.evaluate("navigator.clipboard.readText()")
    assert copied.count("Paragraph 59.") == 3 and "## You\n\nlong story" in copied
    await chat.field.fill("/set")
    await expect(listed.get_by_role("option")).to_have_text([re.compile("^/settings")])
    await chat.field.press("Enter")
    await expect(page.get_by_role("dialog", name="Settings")).to_be_visible()
    await expect(chat.field).to_have_value("")


@in_the_long_form
async def test_sessions_that_were_opened_leave_the_memory(live: Live, tabs: Tabs) -> None:
    chat = await tabs.open(live.http)
    for number in range(4):
        await chat.button("New session").click()
        await expect(chat.line).to_contain_text("A session begins")
        await chat.say(f"long {number}")
        await expect(chat.answers).to_contain_text("Paragraph 59.")
        await chat.idle()
    devtools = await chat.page.context.new_cdp_session(chat.page)

    async def switch(times: int) -> tuple[int, int]:
        """Open one session after the other; the bytes and the listeners then."""
        for number in range(times):
            await chat.sessions.filter(has_text=f"long {number % 4}").first.get_by_role("link").click()
            await chat.live()
            await expect(chat.answers).to_contain_text("Paragraph 59.")
        await devtools.send("HeapProfiler.collectGarbage")
        counters = await devtools.send("Memory.getDOMCounters")
        return (await devtools.send("Runtime.getHeapUsage"))["usedSize"], counters["jsEventListeners"]

    first, listeners = await switch(20)
    last, listeners_then = await switch(100)
    assert last < first + 1_000_000, f"{first} bytes became {last}"
    assert listeners_then <= listeners
