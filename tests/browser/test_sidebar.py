"""Sidebar: the list of sessions with titles, states and waiting approvals; search, rename, delete with undo, export; addresses; login."""

import json
from pathlib import Path

from playwright.async_api import expect

from tests.browser.support.axe import nothing_grave
from tests.browser.support.scene import Scene, scene
from tests.browser.support.tabs import NETWORK, PHONE, Tabs
from tests.faults.harness.lengths import in_the_long_form
from tests.support.application import settings_for
from tests.support.live import listening
from tests.support.models.scripted_model import Call, Finish, Gate, Text, Usage, calls, stream, text
from tests.support.network.http_client import http_client

BELOW = "(both) => { const [one, other] = both.map((name) => document.querySelector(name).getBoundingClientRect()); return one.top >= other.bottom; }"
WRITE = Call("write", {"path": "note.txt", "content": "a note"})


async def begin(at: Scene, prompt: str, answer: str) -> str:
    """Another session, with one turn; its id."""
    await at.chat.button("New session").click()
    await expect(at.chat.line).to_contain_text("A session begins with your first message")
    await at.chat.say(prompt)
    await expect(at.chat.answers).to_have_text(answer)
    await at.chat.idle()
    return at.chat.session_id


async def test_sessions_are_listed_by_their_titles_and_the_address_follows(tabs: Tabs, tmp_path: Path) -> None:
    async with scene(tabs, tmp_path, [text("First."), text("Second.")]) as at:
        one = await begin(at, "tell me of anchors", "First.")
        other = await begin(at, "tell me of buoys", "Second.")
        assert one != other
        await expect(at.chat.sessions).to_have_count(2)
        await at.chat.sessions.filter(has_text="anchors").get_by_role("link").click()
        await expect(at.chat.answers).to_have_text("First.")
        assert at.chat.session_id == one
        await expect(at.chat.page).to_have_title("tell me of anchors · Holdfast")
        await at.chat.page.go_back()
        await expect(at.chat.answers).to_have_text("Second.")
        assert at.chat.session_id == other
        await at.chat.page.reload()
        await expect(at.chat.answers).to_have_text("Second.")
        await at.at_rest()
        # What is pinned stands first, what is archived apart, and both stay so.
        days = at.chat.page.locator(".days")
        await at.chat.of_session("tell me of anchors", "Pin")
        await expect(days).to_have_text(["Pinned", "Today"])
        await expect(at.chat.sessions).to_contain_text(["anchors", "buoys"])
        await at.chat.say("/archive")
        await expect(at.chat.sessions).to_have_count(1)
        await at.chat.page.reload()
        await expect(at.chat.answers).to_have_text("Second.")
        await expect(days).to_have_text(["Pinned"])
        await at.chat.button("Archive (1)").click()
        await expect(days).to_have_text(["Pinned", "Archive"])
        search = at.chat.page.get_by_role("searchbox", name="Search sessions")
        await search.fill("buoys")
        await expect(at.chat.sessions).to_contain_text(["archived"])
        await search.fill("")
        await at.chat.of_session("tell me of buoys", "Take out of the archive")
        await at.chat.of_session("tell me of anchors", "Unpin")
        await expect(days).to_have_text(["Today"])
        await expect(at.chat.sessions).to_contain_text(["buoys", "anchors"])


async def test_the_session_list_shows_what_works_and_what_waits(tabs: Tabs, tmp_path: Path) -> None:
    gate = Gate()
    script = [stream(Text("One, "), gate, Text("two."), Finish(), Usage()), calls(WRITE)]
    async with scene(tabs, tmp_path, script) as at:
        await at.chat.say("count")
        await expect(at.chat.answers).to_have_text("One,")
        entry = at.chat.sessions.filter(has_text="count")
        await expect(entry).to_contain_text("working")
        gate.open()
        await at.chat.idle()
        await expect(entry).not_to_contain_text("working")
        await at.chat.button("New session").click()
        await at.chat.say("write")
        await expect(at.chat.approvals).to_have_count(1)
        await expect(at.chat.sessions.filter(has_text="write")).to_contain_text("1 waiting for you")
        await expect(at.chat.page.locator(".days")).to_have_text(["Today"])
        waits = at.chat.session_id
        await at.chat.button("New session").click()
        await expect(at.chat.page).to_have_title("(1) New session · Holdfast")
        await at.chat.button("1 call waits for your approval").click()
        panel = at.chat.page.get_by_role("dialog", name="Waiting for you (1)")
        await panel.get_by_role("region", name="write").get_by_role("link").click()
        await expect(at.chat.approvals).to_have_count(1)
        assert at.chat.session_id == waits


@in_the_long_form
async def test_sessions_are_sought_by_their_titles(tabs: Tabs, tmp_path: Path) -> None:
    async with scene(tabs, tmp_path, [text("First."), text("Second.")]) as at:
        await begin(at, "tell me of anchors", "First.")
        await begin(at, "tell me of buoys", "Second.")
        await at.chat.page.keyboard.press("Control+k")
        search = at.chat.page.get_by_role("searchbox", name="Search sessions")
        await expect(search).to_be_focused()
        await search.fill("ANCH")
        await expect(at.chat.sessions).to_have_count(1)
        await expect(at.chat.sessions).to_contain_text("anchors")
        await search.fill("nothing like it")
        await expect(at.chat.page.get_by_text("Nothing was found.")).to_be_visible()


@in_the_long_form
async def test_a_session_is_renamed(tabs: Tabs, tmp_path: Path) -> None:
    async with scene(tabs, tmp_path, [text("First.")]) as at:
        await begin(at, "tell me of anchors", "First.")
        await at.chat.of_session("tell me of anchors", "Rename")
        field = at.chat.page.get_by_role("textbox", name="Title")
        await field.fill("Anchors")
        await field.press("Enter")
        await expect(at.chat.sessions).to_contain_text("Anchors")
        await expect(at.chat.page.get_by_role("heading", level=1)).to_have_text("Anchors")
        await at.at_rest()


@in_the_long_form
async def test_a_title_that_cannot_be_sent_stays_in_its_field_with_a_message(tabs: Tabs, tmp_path: Path) -> None:
    tabs.expects(NETWORK)
    async with scene(tabs, tmp_path, [text("First.")]) as at:
        await begin(at, "tell me of anchors", "First.")
        await at.chat.of_session("tell me of anchors", "Rename")
        field = at.chat.page.get_by_role("textbox", name="Title")
        await field.fill("Anchors")
        await at.chat.page.context.set_offline(True)
        await field.press("Enter")
        await expect(at.chat.page.get_by_role("alert")).to_contain_text("The server did not confirm the new name")
        await expect(field).to_have_value("Anchors")
        await at.chat.page.context.set_offline(False)
        await field.press("Enter")
        await expect(at.chat.sessions).to_contain_text("Anchors")


async def test_a_deletion_can_be_undone_for_a_while(tabs: Tabs, tmp_path: Path) -> None:
    tabs.expects("status of 404", "WebSocket connection to")
    async with scene(tabs, tmp_path, [text("First.")]) as at:
        session_id = await begin(at, "tell me of anchors", "First.")
        await at.chat.page.clock.install()
        await at.chat.of_session("tell me of anchors", "Delete")
        await expect(at.chat.sessions).to_have_count(0)
        await at.chat.button("Undo").click()
        await expect(at.chat.sessions).to_have_count(1)
        await expect(at.chat.answers).to_have_text("First.")
        await at.chat.page.clock.run_for(10_000)
        await expect(at.chat.sessions).to_have_count(1)
        await at.chat.of_session("tell me of anchors", "Delete")
        async with at.chat.page.expect_response(lambda answer: answer.request.method == "DELETE"):
            await at.chat.page.clock.run_for(10_000)
        async with http_client(at.live.http) as http:
            assert (await http.get(f"/api/sessions/{session_id}")).status_code == 404
        await at.chat.page.goto(f"{at.live.http}/s/{session_id}")
        await expect(at.chat.line).to_contain_text("This session is not there any more.")


@in_the_long_form
async def test_a_session_is_exported_whole(tabs: Tabs, tmp_path: Path) -> None:
    async with scene(tabs, tmp_path, [text("First, with ```ticks```.")]) as at:
        await at.chat.say("tell me of anchors")
        await at.chat.idle()
        await expect(at.chat.answers).to_contain_text("First")
        async with at.chat.page.expect_download() as started:
            await at.chat.more("Export as Markdown")
        taken = await started.value
        assert taken.suggested_filename == "tell-me-of-anchors.md"
        assert (
            "## You\n\ntell me of anchors\n\n## Assistant\n\nFirst, with ```ticks```."
            in Path(await taken.path()).read_text()
        )
        async with at.chat.page.expect_download() as started:
            await at.chat.more("Export as JSON")
        whole = json.loads(Path(await (await started.value).path()).read_text())
        assert [message["role"] for message in whole["messages"]] == ["user", "assistant"]


@in_the_long_form
async def test_on_a_phone_the_list_opens_over_the_conversation_and_closes(tabs: Tabs, tmp_path: Path) -> None:
    async with scene(tabs, tmp_path, [text("First.")], viewport=PHONE, has_touch=True, is_mobile=True) as at:
        await at.chat.say("tell me of anchors")
        await expect(at.chat.answers).to_have_text("First.")
        page = at.chat.page
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        await expect(at.chat.sessions).not_to_be_in_viewport()
        await at.chat.button("Sessions").tap()
        await expect(at.chat.sessions).to_be_in_viewport()
        # What is told covers neither the list nor what is above it.
        await at.chat.of_session("tell me of anchors", "Delete")
        await at.chat.button("Sessions").tap()
        await expect(page.locator(".notice")).to_contain_text("will be deleted")
        assert await page.evaluate(BELOW, [".notice", ".sessions > li:last-child"])
        await at.chat.button("Undo").tap()
        await at.chat.button("Sessions").tap()
        await at.chat.sessions.get_by_role("link").tap()
        await expect(at.chat.sessions).not_to_be_in_viewport()
        await at.at_rest()


async def test_a_token_or_its_link_logs_in_and_axe_finds_nothing_grave_where_it_is_asked_for(
    tabs: Tabs, tmp_path: Path
) -> None:
    tabs.expects("status of 401")
    async with listening(settings_for(tmp_path, auth={"local_token": True})) as live:
        token = (tmp_path / "token").read_text().strip()
        chat = await tabs.open(live.http)
        await expect(chat.page.get_by_label("Token")).to_be_visible()
        await nothing_grave(chat.page)
        await chat.page.get_by_label("Token").fill("wrong")
        await chat.button("Log in").click()
        await expect(chat.page.get_by_role("alert")).to_be_visible()
        await chat.page.get_by_label("Token").fill(token)
        await chat.button("Log in").click()
        await expect(chat.field).to_be_visible()
        other = await tabs.open(f"{live.http}/#token={token}")
        await expect(other.field).to_be_visible()
        assert other.page.url == f"{live.http}/"
        await other.button("Log out").click()
        await expect(other.page.get_by_label("Token")).to_be_visible()
        await tabs.close()
