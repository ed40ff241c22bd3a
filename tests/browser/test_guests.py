"""Guests: who came by a link sees the session and what the link allows, and is offered nothing that would be refused."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import expect

from tests.browser.support.axe import nothing_grave
from tests.browser.support.chat import Chat
from tests.browser.support.scene import scene
from tests.browser.support.tabs import NETWORK, Tabs
from tests.faults.harness.lengths import in_the_long_form
from tests.support.application import settings_for
from tests.support.live import listening
from tests.support.models.scripted_model import Call, ScriptedModel, calls, text
from tests.support.network.http_client import http_client

WRITE = Call("write", {"path": "note.txt", "content": "a note"})


@dataclass
class Shared:
    """A session whose owner waits with an answer, and a link into it."""

    http: str
    owner: Chat
    link: str


@contextlib.asynccontextmanager
async def shared(tabs: Tabs, folder: Path, access: str, may_set_model: bool = False) -> AsyncIterator[Shared]:
    """A server that asks for credentials, one session with a call that waits, and a link into it."""
    async with ScriptedModel([calls(WRITE)]) as model:
        async with listening(settings_for(folder, model, auth={"local_token": True})) as live:
            token = (folder / "token").read_text().strip()
            try:
                owner = await tabs.open(f"{live.http}/#token={token}")
                await owner.say("write a note")
                await expect(owner.approvals).to_have_count(1)
                async with http_client(headers={"authorization": f"Bearer {token}"}) as http:
                    made = await http.post(
                        f"{live.http}/api/sessions/{owner.session_id}/shares",
                        json={"access": access, "may_set_model": may_set_model},
                    )
                yield Shared(live.http, owner, made.json()["link"])
            finally:
                await tabs.close()


async def test_links_for_reading_and_driving_show_what_they_allow_and_are_taken_back(
    tabs: Tabs, tmp_path: Path
) -> None:
    """One session, into which its owner lets one guest after the other."""
    async with shared(tabs, tmp_path, "read") as at:
        await a_link_for_reading_shows_the_session_and_no_control_that_would_be_refused(tabs, at)
        tabs.check()
        tabs.expects("status of 401", NETWORK)
        await the_owner_makes_a_link_on_the_page_and_takes_it_back(tabs, at)


async def a_link_for_reading_shows_the_session_and_no_control_that_would_be_refused(tabs: Tabs, at: Shared) -> None:
    guest = await tabs.open(at.link)
    await guest.live()
    assert guest.page.url == at.owner.page.url
    await expect(guest.page.get_by_text("You may read this session.", exact=True)).to_be_visible()
    await expect(guest.approvals).to_contain_text("note.txt")
    page_wide = ["Settings", "Keyboard shortcuts", "About this server", "Leave"]
    names = [*page_wide, "Usage: context 0% full", "Files", "Copy", "Link to this message"]
    await expect(guest.page.get_by_role("button")).to_have_count(len(names))
    for name in names:
        await expect(guest.button(name)).to_be_attached()
    await expect(guest.page.get_by_role("combobox")).to_have_count(0)
    await expect(guest.page.get_by_role("textbox")).to_have_count(0)
    await guest.page.get_by_label("More", exact=True).click()
    await expect(guest.page.locator(".menu-items button")).to_have_text(["Export as Markdown", "Export as JSON"])
    await guest.page.keyboard.press("Escape")
    await guest.page.keyboard.press("Control+Shift+O")
    await guest.page.keyboard.press("Alt+y")
    await expect(guest.approvals).to_have_count(1)
    assert guest.page.url == at.owner.page.url


async def the_owner_makes_a_link_on_the_page_and_takes_it_back(tabs: Tabs, at: Shared) -> None:
    await at.owner.more("Share…")
    links = at.owner.page.get_by_role("textbox", name="Link: may")
    await expect(links).to_have_count(1)
    await expect(at.owner.page.get_by_role("dialog")).to_contain_text("also what was taken back or replaced later")
    await at.owner.button("Link to drive").click()
    made = at.owner.page.get_by_role("textbox", name="Link: may drive")
    await expect(made).to_have_count(1)
    await expect(links).to_have_count(2)
    await nothing_grave(at.owner.page)
    guest = await tabs.open(await made.input_value())
    await guest.live()
    await expect(guest.approvals.get_by_role("button", name="Approve", exact=True)).to_be_enabled()
    await at.owner.page.get_by_role("listitem").filter(has=made).get_by_role("button", name="Take back").click()
    await expect(made).to_have_count(0)
    await expect(links).to_have_count(1)
    await expect(at.owner.page.get_by_role("dialog")).to_contain_text("The link was taken back.")
    await expect(at.owner.button("Link to read")).to_be_focused()
    await expect(guest.page.get_by_text("The link that you came by was taken back.")).to_be_visible()


async def test_a_server_without_authentication_offers_no_links(tabs: Tabs, tmp_path: Path) -> None:
    async with scene(tabs, tmp_path, [text("First.")]) as at:
        await at.chat.say("tell me")
        await expect(at.chat.answers).to_have_text("First.")
        await at.chat.page.get_by_label("More", exact=True).click()
        await expect(at.chat.button("Export as JSON")).to_be_visible()
        await expect(at.chat.button("Share…")).to_have_count(0)


async def test_a_link_for_driving_lets_one_answer_what_waits(tabs: Tabs, tmp_path: Path) -> None:
    async with shared(tabs, tmp_path, "drive") as at:
        guest = await tabs.open(at.link)
        await guest.live()
        await guest.approvals.get_by_role("button", name="Edit…").click()
        await guest.approvals.get_by_role("button", name="Cancel").click()
        await guest.page.get_by_label("More", exact=True).click()
        await expect(guest.button("Compact the context")).to_be_visible()
        await expect(guest.button("End this session…")).to_have_count(0)
        await guest.page.keyboard.press("Escape")
        await expect(guest.page.get_by_role("combobox")).to_have_count(0)
        await expect(guest.page.get_by_title("Your link does not let you set it.")).to_have_text("openai/scripted")
        await guest.button("Stop").click()
        await expect(at.owner.approvals).to_have_count(0)


@in_the_long_form
async def test_a_guest_sets_the_model_where_the_link_allows_it(tabs: Tabs, tmp_path: Path) -> None:
    async with shared(tabs, tmp_path, "drive", may_set_model=True) as at:
        guest = await tabs.open(at.link)
        await guest.live()
        await guest.page.get_by_role("combobox", name="Reasoning effort").select_option("high")
        await expect(at.owner.page.get_by_role("combobox", name="Reasoning effort")).to_have_value("high")


@in_the_long_form
async def test_a_guest_without_a_session_sees_that_the_link_opens_one(tabs: Tabs, tmp_path: Path) -> None:
    async with shared(tabs, tmp_path, "drive") as at:
        guest = await tabs.open(at.link)
        await guest.live()
        await guest.page.goto(at.http)
        await expect(guest.page.get_by_text("Your link lets you into one session")).to_be_visible()
        await expect(guest.field).to_have_count(0)


@in_the_long_form
async def test_an_incomplete_link_shows_an_error(tabs: Tabs, tmp_path: Path) -> None:
    tabs.expects("Failed to load resource")
    async with shared(tabs, tmp_path, "read") as at:
        guest = await tabs.open(at.link[:-3])
        await expect(guest.page.get_by_role("alert")).to_contain_text("not complete, or it was revoked")
