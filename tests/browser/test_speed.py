"""Speed: round trips until one can write, what is kept of sessions that are left, and what of a list is drawn again. Counted, not timed."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from benchmarks.browser import LISTED, kept
from tests.browser.support.tabs import Tabs
from tests.support.application import settings_for
from tests.support.live import Live, listening
from tests.support.models.scripted_model import Answer, Request, ScriptedModel, text

LATENCY_MS = 400
"""So much longer than all else that requests stand in waves."""
ROUND_TRIPS = 3
SESSIONS = 3
SWITCH = """async (times) => {
  const links = [...document.querySelectorAll("li.session > a")];
  for (let number = 0; number < times; number += 1) {
    const link = links[number % links.length];
    link.click();
    while (location.href !== link.href || !document.querySelector(".row[data-kind=assistant] .actions")) await new Promise(requestAnimationFrame);
  }
}"""


def answer_to(request: Request) -> Answer:
    return text(f"About {request.last_user_text}: **yes**.")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def live(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Live]:
    """The server of these tests."""
    folder = tmp_path_factory.mktemp("speed")
    async with ScriptedModel(answer_to) as model, listening(settings_for(folder, model)) as server:
        yield server


async def round_trips(page: Page, address: str) -> int:
    """How many waves of requests go over the network, one after the end of another, until one can write."""
    session = await page.context.new_cdp_session(page)
    sent: dict[str, float] = {}
    spans: list[tuple[float, float]] = []

    def cached(event: dict[str, Any]) -> None:
        sent.pop(event["requestId"], None)

    def ended(event: dict[str, Any]) -> None:
        if event["requestId"] in sent:
            spans.append((sent[event["requestId"]], event["timestamp"]))

    def begun(event: dict[str, Any]) -> None:
        # Icons, the manifest, and the list of sessions are asked for beside, and nobody waits for them.
        waited_for = event["type"] in ("Document", "Stylesheet", "Script", "Fetch")
        if waited_for and not event["request"]["url"].endswith("/api/sessions"):
            sent[event["requestId"]] = event["timestamp"]

    session.on("Network.requestWillBeSent", begun)
    session.on("Network.requestServedFromCache", cached)
    session.on("Network.loadingFinished", ended)
    await session.send("Network.enable")
    conditions = {"offline": False, "latency": LATENCY_MS, "downloadThroughput": -1, "uploadThroughput": -1}
    await session.send("Network.emulateNetworkConditions", conditions)
    await page.goto(address, wait_until="commit")
    await expect(page.get_by_role("textbox", name="Message")).to_be_visible()
    waves = 0
    over = 0.0
    for start, end in sorted((start, end) for start, end in spans if end - start > LATENCY_MS / 2_000):
        if start >= over:
            waves += 1
            over = end
    await session.detach()
    return waves


async def test_one_can_write_after_three_round_trips_the_first_time_and_later(live: Live, browser: Browser) -> None:
    context = await browser.new_context()
    page = await context.new_page()
    assert 2 <= await round_trips(page, live.http) <= ROUND_TRIPS
    # What the browser keeps is not asked for again: one may be enough then.
    assert 1 <= await round_trips(page, live.http) <= ROUND_TRIPS
    await context.close()


async def test_nothing_is_kept_of_sessions_that_were_left(live: Live, tabs: Tabs) -> None:
    tabs.expects("WebSocket is closed before the connection is established")
    chat = await tabs.open(live.http)
    for number in range(SESSIONS):
        await chat.button("New session").click()
        await chat.say(f"session {number}")
        await expect(chat.answers).to_have_count(1)
        await chat.idle()
    await chat.page.evaluate(SWITCH, 2 * SESSIONS)
    before = await kept(chat.page)
    await chat.page.evaluate(SWITCH, 10 * SESSIONS)
    after = await kept(chat.page)
    assert after.listeners - before.listeners < SESSIONS
    assert after.nodes - before.nodes < 100
    assert after.heap_bytes - before.heap_bytes < 500_000


async def test_a_session_that_moves_in_the_list_leaves_the_lines_of_the_others_as_they_were(
    live: Live, tabs: Tabs
) -> None:
    chat = await tabs.open(live.http)
    async with httpx.AsyncClient(base_url=live.http) as client:
        made = [(await client.post("/api/sessions")).json()["session_id"] for _ in range(3)]
        await chat.page.evaluate(LISTED)
        lines = [await chat.sessions.nth(at).element_handle() for at in range(3)]
        await client.patch(f"/api/sessions/{made[0]}", json={"listed": "pinned"})
        await chat.page.evaluate(LISTED)
        await expect(chat.page.get_by_text("Pinned", exact=True)).to_be_visible()
        for line in lines:
            assert line is not None
            assert await line.evaluate("(one) => one.isConnected")
