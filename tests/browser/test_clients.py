"""Clients in a browser: the example of docs/clients asks over a cut, a restart and a session of 5 MB."""

from pathlib import Path

from playwright.async_api import Route, expect

from tests.browser.support.tabs import NETWORK, Tabs
from tests.docs.client_trial import QUESTIONS, SESSION, Finished, try_client
from tests.faults.harness.lengths import in_the_long_form
from tests.support.paths import ROOT

RUN = """async ([session, questions]) => {
  const { ask } = await import("/static/ask-browser.js");
  const shown = document.body.appendChild(document.createElement("ol"));
  globalThis.asked = ask(session, questions, (answer) => (shown.appendChild(document.createElement("li")).textContent = answer));
}"""


@in_the_long_form
async def test_the_example_in_a_page_survives_them(tabs: Tabs, tmp_path: Path) -> None:
    tabs.expects(NETWORK)
    example = (ROOT / "docs" / "clients" / "ask-browser.js").read_text()

    async def serve(route: Route) -> None:
        await route.fulfill(body=example, content_type="text/javascript")

    async def start(port: int, token: str) -> Finished:
        chat = await tabs.open(f"http://127.0.0.1:{port}/#token={token}")
        await expect(chat.field).to_be_visible()
        await chat.page.route("**/static/ask-browser.js", serve)
        await chat.page.evaluate(RUN, [SESSION, QUESTIONS])

        async def finished() -> list[str]:
            await chat.page.evaluate("() => globalThis.asked")
            return await chat.page.locator("body > ol > li").all_text_contents()

        return finished

    await try_client(tmp_path, start)
    await tabs.close()
