"""Offline: the page opens while its server is away, begins once it is back, and the browser keeps nothing but the page's files."""

from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

from playwright.async_api import Route, expect

from tests.browser.network.test_restarts import standing
from tests.browser.support.tabs import Tabs
from tests.faults.process.process import Zygote
from tests.support.application import settings_for
from tests.support.live import listening
from tests.support.models.scripted_model import text
from tests.support.polling import eventually

KEPT = """async () => {
  const names = await caches.keys();
  const found = await Promise.all(names.map(async (name) => (await caches.open(name)).keys()));
  return found.flat().map(({ url }) => url.slice(location.origin.length)).sort();
}"""
OUTDATE = """async () => {
  const [name] = await caches.keys();
  const store = await caches.open(name);
  await store.put("/", new Response("an older page", { headers: { "content-type": "text/html" } }));
  await store.put("/static/page.js?v=older", new Response("older"));
}"""


async def test_the_page_opens_while_the_server_is_away_and_begins_once_it_is_back(
    tabs: Tabs, zygote: Zygote, tmp_path: Path
) -> None:
    async with standing(tabs, zygote, tmp_path, text("Kept by the server.")) as (chat, server, _):
        page = chat.page
        await chat.say("hello")
        await expect(chat.answers).to_have_text("Kept by the server.")
        address = page.url
        await page.evaluate("navigator.serviceWorker.ready")
        both = f"async () => (await ({KEPT})()).filter((url) => !url.startsWith('/static/')).length === 2"
        await eventually(lambda: page.evaluate(both), "both pages to be kept")
        kept = await page.evaluate(KEPT)
        assert [url for url in kept if not url.startswith("/static/")] == ["/", f"/s/{'0' * 16}"]
        assert all("?v=" in url for url in kept if url.startswith("/static/")), kept
        # A page of another version goes once the server's own was seen, with its files.
        await page.evaluate(OUTDATE)
        await page.goto(f"{server.http}/")
        await expect(chat.sessions).to_have_count(1)
        gone = f"async () => !(await ({KEPT})()).includes('/static/page.js?v=older')"
        await eventually(lambda: page.evaluate(gone), "the other version to go")
        assert await page.evaluate(KEPT) == kept
        await server.kill()
        for away in (f"{server.http}/", address):
            await page.goto(away)
            await expect(page.get_by_role("alert")).to_contain_text("The page asks again by itself.")
        await expect(page.get_by_text("Kept by the server.")).to_have_count(0)
        await server.start()
        await expect(chat.answers).to_have_text("Kept by the server.")
        await chat.live()
        assert await page.evaluate(KEPT) == kept


async def test_a_page_whose_files_come_from_a_server_of_another_version_loads_itself_until_they_are_of_one(
    tabs: Tabs, tmp_path: Path
) -> None:
    tabs.expects("status of 404")
    async with listening(settings_for(tmp_path)) as live:
        context = await tabs.context()
        asked = Counter[str]()

        async def passed_on(route: Route) -> None:
            """As by a proxy to several servers: now and then to one of another version."""
            name = urlsplit(route.request.url).path.rpartition("/")[2]
            asked[name] += 1
            older = asked[name] in {"page.js": (1,), "panels.css": (1, 2, 3)}.get(name, ())
            address = route.request.url.partition("?")[0] + "?v=0123456789abcdef"
            await (route.continue_(url=address) if older else route.continue_())

        await context.route("**/static/**", passed_on)
        page = await context.new_page()
        await page.goto(live.http)
        await expect(page.get_by_role("textbox", name="Message")).to_be_visible()
        assert asked["panels.css"] == 4 and asked["page.js"] > 1
        await tabs.close()
