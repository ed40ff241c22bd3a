"""Files, versions and search on the page: images that the model is shown, what an edit leaves behind, and where something was said.

The tests share one server; the model says what it was sent.
"""

import asyncio
import re
import zipfile
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Route, expect

from tests.browser.support.chat import Chat
from tests.browser.support.frames import REACHES
from tests.browser.support.tabs import NETWORK, Tabs
from tests.support.application import settings_for
from tests.support.live import Live, listening
from tests.support.models.images import png
from tests.support.models.scripted_model import Answer, Request, ScriptedModel, text
from tests.support.network.http_client import http_client

GIF = bytes.fromhex("47494638396101000100800000000000ffffff2c00000000010001000002024401003b")
"""One pixel."""
TOP = "(element) => element.getBoundingClientRect().top"
LOCKED = f"/ID[<00><00>]/Encrypt<</Filter/Standard/V 1/R 2/P -4/O<{'00' * 32}>/U<{'00' * 32}>>>"
"""Of a PDF file that asks for a password."""


def pdf(pages: int, trailer: str = "") -> bytes:
    """A PDF file whose pages say their number."""
    kids = " ".join(f"{3 + 2 * at} 0 R" for at in range(pages))
    objects = ["<</Type/Catalog/Pages 2 0 R>>", f"<</Type/Pages/Count {pages}/Kids[{kids}]>>"]
    font = "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
    for at in range(pages):
        drawn = f"1 0 0 rg 0 0 200 50 re f 0 g BT /F 20 Tf 20 60 Td (Sheet {at + 1}) Tj ET"
        resources = f"/Resources<</Font<</F {font}>>>>"
        objects.append(f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]{resources}/Contents {4 + 2 * at} 0 R>>")
        objects.append(f"<</Length {len(drawn)}>>stream\n{drawn}\nendstream")
    text, offsets = "%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(text))
        text += f"{number} 0 obj{body}endobj\n"
    entries = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    size = len(objects) + 1
    table = f"xref\n0 {size}\n0000000000 65535 f \n{entries}trailer<</Size {size}/Root 1 0 R{trailer}>>\n"
    return f"{text}{table}startxref\n{len(text)}\n%%EOF".encode()


def what_it_sees(request: Request) -> Answer:
    content = request.messages[-1]["content"]
    if content == "show":
        return text("Here: ![plot](plots/red.png) ![moving](dot.gif) and ![away](../x.png)")
    return text(f"seen: {', '.join(part['type'] for part in content) if isinstance(content, list) else content}")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def live(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Live]:
    """The server of these tests."""
    folder = tmp_path_factory.mktemp("workspace")
    async with ScriptedModel(what_it_sees) as model, listening(settings_for(folder, model)) as server:
        yield server


async def test_files_are_added_looked_at_and_shown_to_the_model(live: Live, tabs: Tabs) -> None:
    """One visit; each of these functions begins a session."""
    chat = await tabs.open(live.http)
    await an_image_that_is_added_reaches_the_model_and_is_shown_with_the_message(live, chat)
    await a_file_that_the_browser_makes_no_picture_of_has_the_icon_of_a_file(live, chat)
    await files_are_looked_at_where_they_are_and_in_answers(live, chat)
    tabs.check()
    tabs.expects(NETWORK)
    await a_message_waits_for_its_files_and_stays_in_the_field_where_one_was_not_taken(live, chat)
    tabs.check()
    tabs.expects("Content Security Policy", "connect-src was breached", "Connecting to")
    await the_pages_of_a_pdf_are_shown_in_a_frame_that_reaches_nothing(live, chat)


async def an_image_that_is_added_reaches_the_model_and_is_shown_with_the_message(live: Live, chat: Chat) -> None:
    await chat.button("New session").click()
    await expect(chat.line).to_contain_text("A session begins")
    picture = {"name": "red.png", "mimeType": "image/png", "buffer": png(8, 8)}
    await chat.page.locator("input[type=file]").set_input_files(picture)  # type: ignore[arg-type]  # a FilePayload
    added = chat.page.get_by_role("list", name="Files added")
    await expect(added).to_contain_text("red.png")
    await expect(added.locator("img.thumbnail")).to_have_js_property("naturalWidth", 8)
    await chat.say("What is it?")
    await expect(chat.answers).to_have_text("seen: image_url, text")
    shown = chat.page.get_by_role("list", name="Images").get_by_role("img", name="red.png")
    await expect(shown).to_have_js_property("naturalWidth", 8)
    await chat.page.reload()
    await expect(shown).to_have_js_property("naturalWidth", 8)
    await chat.live()


async def a_file_that_the_browser_makes_no_picture_of_has_the_icon_of_a_file(live: Live, chat: Chat) -> None:
    await chat.button("New session").click()
    await expect(chat.line).to_contain_text("A session begins")
    broken = {"name": "odd.png", "mimeType": "image/png", "buffer": b"no image"}
    await chat.page.locator("input[type=file]").set_input_files(broken)  # type: ignore[arg-type]  # a FilePayload
    added = chat.page.get_by_role("list", name="Files added").get_by_role("listitem")
    await expect(added.locator("> svg")).to_have_count(1)
    await chat.live()  # who leaves a session before it is connected reads of it in the console


async def files_are_looked_at_where_they_are_and_in_answers(live: Live, chat: Chat) -> None:
    await chat.button("New session").click()
    await expect(chat.line).to_contain_text("A session begins")
    await chat.say("begin")
    await expect(chat.answers).to_have_text("seen: begin")
    base = f"{live.http}/api/sessions/{chat.session_id}/files"
    async with http_client(live.http) as http:
        for path, data in (
            ("plots/red.png", png(8, 8)),
            ("notes.csv", b"a,b\n1,2\n"),
            ("raw.bin", bytes(range(256))),
            ("wide.png", png(600, 300)),
            ("dot.gif", GIF),
            ("drawn.svg", b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"),
        ):
            assert (await http.put(f"{base}/{path}", content=data)).status_code == 201
    await chat.say("show")
    drawn = chat.answers.last.get_by_role("img")
    await expect(drawn).to_have_count(2)
    for number, width in enumerate((8, 1)):
        await expect(drawn.nth(number)).to_have_js_property("naturalWidth", width)
    await expect(chat.answers.last).to_have_text("Here:   and away")
    await chat.field.fill("/files")
    await chat.field.press("Enter")
    panel = chat.page.get_by_role("dialog", name="Files")
    small = panel.get_by_role("listitem").filter(has_text="wide.png").locator("img.thumbnail")
    await expect(small).to_have_js_property("naturalWidth", 256)
    await panel.get_by_role("button", name="Show notes.csv").click()
    await expect(panel.get_by_label("What is in notes.csv")).to_have_text("ab12")
    line = panel.get_by_role("listitem").filter(has_text="notes.csv")
    name, acts = [await line.locator(one).evaluate(TOP) for one in ("a", ".file-acts")]
    assert abs(name - acts) < 16, "what is shown moves the buttons away from their file"
    await panel.get_by_role("button", name="Show plots/red.png").click()
    await expect(panel.get_by_role("img", name="plots/red.png")).to_have_js_property("naturalWidth", 8)
    await panel.get_by_role("button", name="Show drawn.svg").click()
    await expect(panel.get_by_label("What is in drawn.svg")).to_contain_text("<script>alert(1)</script>")
    await panel.get_by_role("button", name="Show raw.bin").click()
    await expect(panel.get_by_text("It is no text")).to_be_visible()
    async with chat.page.expect_download() as zipped:
        await panel.get_by_role("link", name="All as a zip").click()
    archive = await zipped.value
    assert archive.suggested_filename.endswith(".zip")
    with zipfile.ZipFile(await archive.path()) as opened:
        assert opened.namelist() == ["dot.gif", "drawn.svg", "notes.csv", "plots/red.png", "raw.bin", "wide.png"]
    await chat.page.keyboard.press("Escape")
    await expect(panel).to_have_count(0)


async def a_message_waits_for_its_files_and_stays_in_the_field_where_one_was_not_taken(live: Live, chat: Chat) -> None:
    await chat.button("New session").click()
    await expect(chat.line).to_contain_text("A session begins")
    goes_on = asyncio.Event()

    async def held(route: Route) -> None:
        await goes_on.wait()
        await (route.abort() if "lost" in route.request.url else route.continue_())

    await chat.page.route("**/files/*.png", held)
    waits = chat.page.get_by_text("The message is sent when its files are there.")
    field = chat.page.locator("input[type=file]")
    await field.set_input_files({"name": "lost.png", "mimeType": "image/png", "buffer": png(8, 8)})
    await chat.say("What is it?")
    await expect(waits).to_be_visible()
    goes_on.set()
    await expect(chat.page.get_by_role("list", name="Files added")).to_contain_text("not taken")
    await expect(chat.field).to_have_value("What is it?")
    goes_on.clear()
    await field.set_input_files({"name": "red.png", "mimeType": "image/png", "buffer": png(8, 8)})
    await chat.say("And this?")
    await expect(waits).to_be_visible()
    await expect(chat.field).to_have_value("And this?")
    goes_on.set()
    await expect(chat.answers).to_have_text("seen: image_url, text")
    await expect(chat.field).to_have_value("")


async def the_pages_of_a_pdf_are_shown_in_a_frame_that_reaches_nothing(live: Live, chat: Chat) -> None:
    await chat.button("New session").click()
    await expect(chat.line).to_contain_text("A session begins")
    await chat.say("begin")
    await expect(chat.answers).to_have_text("seen: begin")
    base = f"{live.http}/api/sessions/{chat.session_id}/files"
    async with http_client(live.http) as http:
        for path, data in (("long.pdf", pdf(22)), ("locked.pdf", pdf(1, LOCKED)), ("broken.pdf", b"no PDF")):
            assert (await http.put(f"{base}/{path}", content=data)).status_code == 201
    await chat.field.fill("/files")
    await chat.field.press("Enter")
    panel = chat.page.get_by_role("dialog", name="Files")
    await panel.get_by_role("button", name="Show long.pdf").click()
    frame = panel.frame_locator("iframe[title='What is in long.pdf']")
    await expect(frame.get_by_role("region", name="Page 2 of 22")).to_contain_text("Sheet 2")
    await expect(frame.get_by_text("These are the first 20 of 22 pages")).to_be_attached()
    await expect(frame.locator("canvas")).to_have_count(20)
    colours = "canvas => [0.25, 0.95].map(at => canvas.getContext('2d').getImageData(9, canvas.height * at, 1, 1).data.join())"
    assert await frame.locator("canvas").last.evaluate(colours) == ["255,255,255,255", "255,0,0,255"]
    (inner,) = [one for one in chat.page.frames if one.parent_frame]
    assert await inner.evaluate("() => origin") == "null"
    assert await inner.evaluate(REACHES) == "false,false,false,false,false"
    await panel.get_by_role("button", name="Show long.pdf").click()
    await expect(panel.locator("iframe")).to_have_count(0)
    await panel.get_by_role("button", name="Show locked.pdf").click()
    await expect(panel.get_by_text("It is protected by a password: download it to see it.")).to_be_visible()
    await panel.get_by_role("button", name="Show broken.pdf").click()
    await expect(panel.get_by_text("It is no PDF, or it is damaged")).to_be_visible()
    await expect(panel.locator("iframe")).to_have_count(0)


async def test_versions_of_a_session_what_was_said_in_it_and_its_instructions_are_found_again(
    live: Live, tabs: Tabs
) -> None:
    """One visit; each of these functions begins a session."""
    chat = await tabs.open(live.http)
    await a_session_is_found_by_what_was_said_in_it_and_opened_there(live, chat)
    await what_an_edit_takes_away_stays_as_an_earlier_version_that_one_can_go_back_to(live, chat)
    await instructions_are_kept_by_the_server_and_a_session_shows_those_it_was_made_with(live, chat)


async def a_session_is_found_by_what_was_said_in_it_and_opened_there(live: Live, chat: Chat) -> None:
    await chat.button("New session").click()
    await expect(chat.line).to_contain_text("A session begins")
    await chat.say("Of birds")
    await chat.idle()
    await chat.say("The owl hoots")
    await expect(chat.answers).to_have_text(["seen: Of birds", "seen: The owl hoots"])
    url = chat.page.url
    await chat.button("New session").click()
    await chat.page.get_by_role("searchbox", name="Search sessions").fill("hoots")
    await expect(chat.sessions).to_have_count(1)
    await expect(chat.sessions.locator("mark")).to_have_text("hoots")
    await chat.sessions.get_by_role("link").click()
    await expect(chat.page).to_have_url(re.compile(f"^{re.escape(url)}#at=msg-"))
    await expect(chat.rows.locator("xpath=self::*[@data-linked]")).to_contain_text("seen: The owl hoots")
    await chat.page.get_by_role("searchbox", name="Search sessions").fill("")


async def what_an_edit_takes_away_stays_as_an_earlier_version_that_one_can_go_back_to(live: Live, chat: Chat) -> None:
    await chat.button("New session").click()
    await expect(chat.line).to_contain_text("A session begins")
    await chat.say("one way")
    await expect(chat.answers).to_have_text("seen: one way")
    await chat.idle()
    listed = await chat.sessions.count()
    await chat.rows.first.get_by_role("button", name="Edit").click()
    await chat.page.get_by_role("textbox", name="Say instead").fill("another way")
    await chat.button("Send").first.click()
    await expect(chat.answers).to_have_text("seen: another way")
    newer = chat.page.url
    await chat.button("Earlier version").click()
    await expect(chat.answers).to_have_text("seen: one way")
    assert chat.page.url != newer
    await chat.idle()
    await chat.say("further")
    await expect(chat.answers).to_have_text(["seen: one way", "seen: further"])
    await chat.button("Go to the newer version").click()
    await expect(chat.answers).to_have_text("seen: another way")
    assert chat.page.url == newer
    await chat.page.reload()
    await expect(chat.button("Earlier version")).to_be_visible()
    await expect(chat.sessions).to_have_count(listed)
    sought = chat.page.get_by_role("searchbox", name="Search sessions")
    await sought.fill("one way")
    await expect(chat.sessions.locator(".session-found")).to_have_text(["seen: one way"])
    await expect(chat.sessions).to_have_count(2)
    await sought.fill("another")
    await expect(chat.sessions.locator(".session-found")).to_have_text(["seen: another way"])
    await expect(chat.sessions).to_have_count(1)
    await sought.fill("")
    await chat.field.fill("/fork")
    await chat.field.press("Enter")
    await expect(chat.page).not_to_have_url(newer)
    await expect(chat.answers).to_have_text("seen: another way")
    await expect(chat.sessions).to_have_count(listed + 1)


async def instructions_are_kept_by_the_server_and_a_session_shows_those_it_was_made_with(
    live: Live, chat: Chat
) -> None:
    await chat.button("New session").click()
    await expect(chat.line).to_contain_text("A session begins")
    settings = chat.page.get_by_role("dialog", name="Settings")
    await chat.button("Settings").click()
    await settings.get_by_label("Instructions").fill("Be short.")
    await settings.get_by_role("button", name="Save").click()
    await expect(settings).to_contain_text("Saved.")
    await chat.button("Close").click()
    await chat.say("one")
    await expect(chat.answers).to_have_text("seen: one")
    await chat.idle()
    await chat.page.reload()
    await chat.button("Settings").click()
    await expect(settings.get_by_label("Instructions")).to_have_value("Be short.")
    await settings.get_by_text("What this session was made with").click()
    await expect(settings.locator("pre")).to_have_text("Be short.")
