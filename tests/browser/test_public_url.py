"""Public URL: the page below a path, as behind a proxy that gives the server a part of its host, and a page whose script does not load."""

from pathlib import Path

import msgspec
from playwright.async_api import expect

from tests.browser.support.tabs import NETWORK, Tabs
from tests.support.application import settings_for
from tests.support.live import listening
from tests.support.models.scripted_model import Call, ScriptedModel, calls, text
from tests.support.network.ports import free_port


async def test_all_of_the_page_works_below_a_path(tabs: Tabs, tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/hub/user/ann%40x.org/agent"
    write = Call("write", {"path": "note.txt", "content": "a note"})
    async with ScriptedModel([calls(write), text("Written.")]) as model:
        settings = settings_for(tmp_path, model, auth={"local_token": True}, policy={})
        server = msgspec.structs.replace(settings.server, port=port, public_url=url)
        async with listening(msgspec.structs.replace(settings, server=server)):
            token = (tmp_path / "token").read_text().strip()
            requests: list[str] = []
            chat = await tabs.open(f"{url}/#token={token}", requests=requests, worker=True)
            await chat.say("write a note")
            await expect(chat.answers).to_have_text("Written.")
            assert chat.page.url == f"{url}/s/{chat.session_id}"
            await chat.page.reload()
            await expect(chat.answers).to_have_text("Written.")
            await expect(chat.sessions.get_by_role("link")).to_have_attribute(
                "href", f"{url}/s/{chat.session_id}".removeprefix(f"http://127.0.0.1:{port}")
            )
            await chat.button("Files").click()
            link = chat.page.get_by_role("list", name="Files in the workspace").get_by_role("link", name="note.txt")
            async with chat.page.expect_download() as started:
                await link.click()
            assert Path(await (await started.value).path()).read_text() == "a note"
            await chat.page.keyboard.press("Escape")
            cookies = await chat.page.context.cookies(f"{url}/")
            assert [cookie["path"] for cookie in cookies] == ["/hub/user/ann%40x.org/agent/"]
            assert await chat.page.context.cookies(f"http://127.0.0.1:{port}/hub/user/bob") == []
            scope = await chat.page.evaluate("navigator.serviceWorker.ready.then((worker) => worker.scope)")
            assert scope == f"{url}/", "the worker is for the page, not for what else the host has"
            devtools = await chat.page.context.new_cdp_session(chat.page)
            app = await devtools.send("Page.getAppManifest")
            assert (app["errors"], app["manifest"]["startUrl"], app["manifest"]["scope"]) == ([], f"{url}/", f"{url}/")
            tabs.check()
            tabs.expects("status of 401", NETWORK)
            await chat.button("Log out").click()
            await expect(chat.page.get_by_label("Token")).to_be_visible()
            assert chat.page.url == f"{url}/"
            asked = [address for address in requests if address.startswith("http")]
            assert all(address.startswith(f"{url}/") for address in asked), "nothing is asked for above the path"
            await tabs.close()


async def test_a_page_whose_script_does_not_load_says_so(tabs: Tabs, tmp_path: Path) -> None:
    tabs.expects(NETWORK)
    async with listening(settings_for(tmp_path)) as live:
        context = await tabs.context()
        await context.route("**/static/page.js*", lambda route: route.abort())
        page = await context.new_page()
        await page.goto(live.http)
        said = page.get_by_text("This page's script did not load.")
        await expect(said).to_be_hidden()
        await expect(said).to_be_visible()
        await expect(page.get_by_text("HOLDFAST_PUBLIC_URL")).to_be_visible()
        whole = await tabs.open(live.http)
        await expect(whole.field).to_be_visible()
        await expect(whole.page.locator("#not-loaded")).to_have_count(0)
        await tabs.close()
