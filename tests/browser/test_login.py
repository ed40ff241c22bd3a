"""Logins in the browser: what other ports of the machine get, what other tabs have, and links that log somebody else in."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Locator, expect
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from server.auth.backends.api_tokens import new_token, tokens_path, write_tokens
from server.auth.login_codes import new_code
from tests.browser.support.axe import nothing_grave
from tests.browser.support.chat import Chat
from tests.browser.support.tabs import NETWORK, Tabs
from tests.faults.harness.lengths import in_the_long_form
from tests.support.application import settings_for
from tests.support.live import Live, listening
from tests.support.models.scripted_model import Call, ScriptedModel, calls, text
from tests.support.network.http_client import http_client
from tests.support.openid_provider import CLIENT_ID, CLIENT_SECRET, openid_provider


@contextlib.asynccontextmanager
async def local(tabs: Tabs, folder: Path, *script: object) -> AsyncIterator[tuple[Live, str]]:
    """A server in local mode, and its token."""
    async with ScriptedModel(list(script)) as model:  # type: ignore[arg-type]  # of answers
        async with listening(settings_for(folder, model, auth={"local_token": True})) as live:
            try:
                yield live, (folder / "token").read_text().strip()
            finally:
                await tabs.close()


@contextlib.asynccontextmanager
async def another_port() -> AsyncIterator[tuple[int, list[bytes]]]:
    """A program that listens on another port of this machine, and the heads of the requests that it gets."""
    heads: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        body = b"<!doctype html><title>another</title>"
        head = f"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], heads


def cookies_in(heads: list[bytes]) -> str:
    lines = b"".join(heads).decode().split("\r\n")
    return next(line.partition(": ")[2] for line in lines if line.lower().startswith("cookie: "))


async def test_a_login_holds_in_all_tabs_of_the_page_for_nobody_else_and_until_it_is_ended(
    tabs: Tabs, tmp_path: Path
) -> None:
    """One login."""
    write = Call("write", {"path": "note.txt", "content": "a note"})
    async with local(tabs, tmp_path, text("First."), calls(write), text("Written.")) as (live, token):
        chat = await tabs.open(f"{live.http}/#token={token}")
        await a_program_on_another_port_gets_the_cookie_and_can_do_nothing_with_it(tabs, live, chat)
        second, third = await new_tabs_reloads_uploads_and_downloads_work_with_a_login(tabs, live, chat, tmp_path)
        tabs.check()
        tabs.expects("status of 401", NETWORK)
        await logging_out_takes_the_key_out_of_the_browser(second, third)


async def a_program_on_another_port_gets_the_cookie_and_can_do_nothing_with_it(
    tabs: Tabs, live: Live, chat: Chat
) -> None:
    async with another_port() as (port, heads):
        await chat.say("hello")
        await expect(chat.answers).to_have_text("First.")
        other = await tabs.open(f"http://127.0.0.1:{port}/", beside=chat)
        assert await other.page.evaluate("JSON.stringify(localStorage) + JSON.stringify(sessionStorage)") == "{}{}"
        stolen = {"Cookie": cookies_in(heads), "Origin": live.http}
        assert f"holdfast-{live.port}=" in stolen["Cookie"]
        assert b"hfk_" not in b"".join(heads)
        async with http_client(live.http, headers=stolen) as http:
            for path in ("/api/me", "/api/sessions", f"/api/sessions/{chat.session_id}"):
                assert (await http.get(path)).status_code == 401, path
            assert (await http.post("/api/sessions")).status_code == 401
        for path in ("", f"/{chat.session_id}"):
            with pytest.raises(InvalidStatus) as refused:
                await connect(f"{live.ws}{path}", additional_headers=stolen)
            assert refused.value.response.status_code == 401
        await other.page.close()


async def new_tabs_reloads_uploads_and_downloads_work_with_a_login(
    tabs: Tabs, live: Live, chat: Chat, folder: Path
) -> tuple[Chat, Chat]:
    """Gives the tabs that are still open."""
    await chat.say("write a note")
    await chat.approvals.get_by_role("button", name="Approve", exact=True).click()
    await expect(chat.answers.last).to_have_text("Written.")
    await chat.page.reload()
    await expect(chat.answers.last).to_have_text("Written.")
    second = await tabs.open(chat.page.url, beside=chat)
    await second.live()
    await expect(second.answers.last).to_have_text("Written.")
    await chat.page.close()
    third = await tabs.open(live.http, beside=second)
    await expect(third.field).to_be_visible()
    await second.button("Files").click()
    uploaded = folder / "up.txt"
    uploaded.write_text("uploaded")
    async with second.page.expect_file_chooser() as chosen:
        await second.button("Add files…").click()
    await (await chosen.value).set_files(uploaded)
    for name, content in (("note.txt", b"a note"), ("up.txt", b"uploaded")):
        link = second.page.get_by_role("list", name="Files in the workspace").get_by_role("link", name=name)
        async with second.page.expect_download() as started:
            await link.click()
        assert Path(await (await started.value).path()).read_bytes() == content
    await second.page.keyboard.press("Escape")
    return second, third


async def logging_out_takes_the_key_out_of_the_browser(chat: Chat, second: Chat) -> None:
    await chat.button("Log out").click()
    await expect(chat.page.get_by_label("Token")).to_be_visible()
    for tab in (chat, second):
        assert "hfk_" not in await stored(tab)


async def stored(chat: Chat) -> str:
    """What a tab has in the storage of its origin."""
    return str(await chat.page.evaluate("JSON.stringify(sessionStorage) + JSON.stringify(localStorage)"))


async def test_the_key_ends_with_the_last_tab_and_the_next_asks_and_says_how_to_get_in(
    tabs: Tabs, tmp_path: Path
) -> None:
    async with local(tabs, tmp_path) as (live, token):
        chat = await tabs.open(f"{live.http}/#token={token}")
        await expect(chat.field).to_be_visible()
        assert "hfk_" in await chat.page.evaluate("JSON.stringify(sessionStorage)")
        assert "hfk_" not in await chat.page.evaluate("JSON.stringify(localStorage)")
        last = await tabs.open(live.http, beside=chat)
        await expect(last.field).to_be_visible()
        await chat.page.close()
        await last.page.reload()
        await expect(last.field).to_be_visible()
        context = last.page.context
        await last.page.goto("about:blank")
        assert [cookie["name"] for cookie in await context.cookies()] == [f"holdfast-{live.port}"]
        first = await tabs.open(live.http, beside=last)
        await expect(first.page.get_by_role("main")).to_contain_text("Run holdfast login-link on the server's machine")
        beside = await tabs.open(live.http, beside=first)
        await beside.page.get_by_label("Token").fill(token)
        await beside.button("Log in").click()
        for tab in (beside, first):  # the other one needs no login of its own
            await expect(tab.field).to_be_visible()


async def test_the_printed_link_works_once_and_then_says_how_to_get_another(tabs: Tabs, tmp_path: Path) -> None:
    tabs.expects("status of 401")
    async with local(tabs, tmp_path) as (live, token):
        link = f"{live.http}/#token={new_code(token, time.time())}"
        first = await tabs.open(link)
        await expect(first.field).to_be_visible()
        assert first.page.url == f"{live.http}/"
        other = await tabs.open(link)
        alert = other.page.get_by_role("alert")
        await expect(alert).to_contain_text("this link was used already, is older than 10 minutes")
        await expect(alert).to_contain_text("`holdfast login-link` on the server's machine prints a new one")
        await nothing_grave(other.page)
        # Where the page is open already, the browser follows the link without loading it.
        await other.page.evaluate(
            "(link) => void (location.href = link)", f"{live.http}/#token={new_code(token, time.time())}"
        )
        await expect(other.field).to_be_visible()
        again = await tabs.open(link, beside=first)
        await expect(again.field).to_be_visible()
        await expect(again.page.get_by_role("alert")).to_contain_text("You are still logged in.")


@contextlib.asynccontextmanager
async def two_users(tabs: Tabs, folder: Path) -> AsyncIterator[tuple[Live, dict[str, str], Chat]]:
    """A server with two users, their tokens, and a tab in which ada is logged in."""
    settings = settings_for(folder, auth={"mode": "tokens"})
    made = {user: new_token(user, ["sessions"], time.time()) for user in ("ada", "eve")}
    folder.mkdir(parents=True, exist_ok=True)
    write_tokens(tokens_path(settings), [kept for kept, _ in made.values()])
    async with listening(settings) as live:
        tokens = {user: secret for user, (_, secret) in made.items()}
        try:
            chat = await tabs.open(f"{live.http}/#token={tokens['ada']}")
            await expect(who(chat)).to_have_text("ada")
            yield live, tokens, chat
        finally:
            await tabs.close()


async def test_a_login_at_a_provider_keeps_its_key_and_does_not_show_it_in_the_address(
    tabs: Tabs, tmp_path: Path
) -> None:
    tabs.expects("status of 401")  # the page that asks has no icon, and browsers look for one
    async with openid_provider() as provider, another_port() as (port, _):
        how = {"provider_url": provider.url, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        async with listening(settings_for(tmp_path, auth={"mode": "oauth", "oauth": how})) as live:
            chat = await tabs.open(live.http)
            await chat.page.get_by_role("link", name="Log in with Hugging Face").click()
            await expect(who(chat)).to_have_text("ada")
            assert chat.page.url == f"{live.http}/"
            await chat.page.reload()
            await expect(who(chat)).to_have_text("ada")
            provider.subject, provider.name = "user-2", "eve"
            await chat.page.goto(f"http://localhost:{port}/")
            await chat.page.evaluate("(url) => void (location.href = url)", f"{live.http}/auth/login")
            await expect(chat.page.get_by_role("heading", name="Log in?")).to_be_visible()
            await chat.page.goto(live.http)
            await expect(who(chat)).to_have_text("ada")
            await tabs.close()


def who(chat: Chat) -> Locator:
    return chat.page.locator(".who bdi")


ROOM = (
    "(button) => document.querySelector('main').getBoundingClientRect().bottom - button.getBoundingClientRect().bottom"
)


async def test_a_link_of_another_user_asks_where_somebody_is_logged_in(tabs: Tabs, tmp_path: Path) -> None:
    async with two_users(tabs, tmp_path) as (live, tokens, chat):
        page = chat.page
        link = f"{live.http}/#token={tokens['eve']}"
        await page.evaluate("(link) => void (location.href = link)", link)
        await expect(page.get_by_role("main")).to_contain_text("You are here as ada.")
        await expect(page.get_by_role("main")).to_contain_text("would make you eve")
        assert tokens["eve"] not in page.url
        await nothing_grave(page)
        await expect(chat.field).to_have_count(0)
        # The ring around the button that has the focus is seen whole.
        assert await chat.button("Stay as I am").evaluate(ROOM) >= 5
        await chat.button("Stay as I am").click()
        await expect(who(chat)).to_have_text("ada")
        await page.reload()
        await expect(who(chat)).to_have_text("ada")
        other = await tabs.open(link, beside=chat)
        await other.button("Use the link").click()
        await expect(who(other)).to_have_text("eve")
        await page.reload()
        await expect(who(chat)).to_have_text("eve")


@in_the_long_form
async def test_a_link_of_the_same_user_and_a_wrong_one_ask_nothing(tabs: Tabs, tmp_path: Path) -> None:
    tabs.expects("status of 401")
    async with two_users(tabs, tmp_path) as (live, tokens, chat):
        same = await tabs.open(f"{live.http}/#token={tokens['ada']}", beside=chat)
        await expect(who(same)).to_have_text("ada")
        wrong = await tabs.open(f"{live.http}/#token=hft_wrong", beside=chat)
        await expect(wrong.page.get_by_role("alert")).to_contain_text("You are still logged in.")
        await expect(who(wrong)).to_have_text("ada")
        broken = await tabs.open(f"{live.http}/#key=hfk_wrong", beside=chat)
        await expect(who(broken)).to_have_text("ada")
        await broken.page.reload()
        await expect(who(broken)).to_have_text("ada")


@in_the_long_form
async def test_a_guest_is_asked_before_another_link_takes_the_place_of_theirs(tabs: Tabs, tmp_path: Path) -> None:
    async with two_users(tabs, tmp_path) as (live, tokens, chat):
        links: list[str] = []
        own = {"Authorization": f"Bearer {tokens['eve']}"}
        async with http_client(live.http, headers=own) as http:
            for _ in range(2):
                session_id = (await http.post("/api/sessions")).json()["session_id"]
                made = await http.post(f"/api/sessions/{session_id}/shares", json={"access": "read"})
                links.append(made.json()["link"])
        beside = await tabs.open(links[0], beside=chat)
        await expect(who(beside)).to_have_text("ada")
        await expect(beside.page.get_by_text("You may read this session.", exact=True)).to_be_visible()
        guest = await tabs.open(links[0])
        await expect(who(guest)).to_have_text("Guest")
        again = await tabs.open(links[0], beside=guest)
        await expect(who(again)).to_have_text("Guest")
        await guest.page.goto(links[1])
        await expect(guest.page.get_by_role("main")).to_contain_text("would make you a guest of another session")
        await guest.button("Use the link").click()
        await expect(guest.page.get_by_text("You may read this session.", exact=True)).to_be_visible()
        assert guest.page.url == links[1].partition("#")[0]
