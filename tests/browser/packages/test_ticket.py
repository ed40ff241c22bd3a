"""Tickets in a browser: a page on another origin comes in by one, and again after its connection was cut; without one it does not."""

from collections.abc import Callable
from pathlib import Path

import httpx
from playwright.async_api import Route, expect

from tests.browser.packages.page import HTML
from tests.browser.support.tabs import NETWORK, Tabs
from tests.faults.harness.lengths import in_the_long_form
from tests.support.application import settings_for
from tests.support.live import Live, listening
from tests.support.models.scripted_model import ScriptedModel, text
from tests.support.network.http_client import http_client
from tests.support.network.tcp_proxy import TcpProxy

ELSEWHERE = "http://localhost:9"
"""Nothing is there: the test answers what the page asks of its own origin."""


@in_the_long_form
async def test_a_page_elsewhere_talks_by_tickets_and_comes_back(
    tabs: Tabs, tmp_path: Path, bundle: Callable[[str], str]
) -> None:
    tabs.expects(NETWORK)
    script = bundle("ticket.jsx")
    given: list[str] = []

    async with ScriptedModel([text("Hello."), text("Still here.")]) as model:
        auth = {"local_token": True, "allowed_origins": [ELSEWHERE]}
        async with (
            listening(settings_for(tmp_path, model, auth=auth)) as live,
            TcpProxy("127.0.0.1", live.port) as proxy,
        ):

            async def backend(route: Route) -> None:
                if route.request.url.endswith("/ticket"):
                    given.append(await ticket_of(live, tmp_path))
                    await route.fulfill(body=given[-1])
                elif route.request.url.endswith(".js"):
                    await route.fulfill(body=script, content_type="text/javascript")
                else:
                    await route.fulfill(body=HTML, content_type="text/html")

            page = await (await tabs.context()).new_page()
            await page.route(f"{ELSEWHERE}/**", backend)
            await page.goto(f"{ELSEWHERE}/page/?server=http://127.0.0.1:{proxy.port}")
            shown = page.locator("pre")
            await expect(shown).to_have_text("live\nhello\nHello.")
            await proxy.cut()
            await page.evaluate("session.submit({ type: 'user_input', text: 'and now?' }).then(() => null)")
            await expect(shown).to_have_text("live\nhello\nHello.\nand now?\nStill here.")
            assert len(set(given)) == len(given) >= 2
            await tabs.close()


async def ticket_of(live: Live, data: Path) -> str:
    """What the page's backend gets from the server, with the token that the page never sees."""
    headers = {"authorization": f"Bearer {(data / 'token').read_text().strip()}"}
    async with http_client(live.http) as http:
        answer: httpx.Response = await http.post("/api/tickets", headers=headers)
    assert answer.status_code == 201
    return str(answer.json()["ticket"])
