"""Client library in another page: the example of docs/page.md works as it is written."""

import re
from pathlib import Path

from playwright.async_api import Route, expect

from tests.browser.support.scene import scene
from tests.browser.support.tabs import Tabs
from tests.support.models.scripted_model import Call, calls, text

PAGE = Path(__file__).parents[2] / "docs" / "page.md"


async def test_the_example_of_the_docs_talks_and_answers_what_waits(tabs: Tabs, tmp_path: Path) -> None:
    found = re.search(r"```js\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found
    example = found[1]

    async def serve(route: Route) -> None:
        await route.fulfill(body=example, content_type="text/javascript")

    write = Call("write", {"path": "hello.txt", "content": "hello"})
    async with scene(tabs, tmp_path, [calls(write), text("It is written.")]) as at:
        page = at.chat.page
        await page.route("**/static/example.js", serve)
        await page.evaluate("import('/static/example.js').then(() => null)")
        shown = page.locator("body > pre")
        await expect(shown).to_contain_text("assistant: It is written.\n(live, idle)")
        await expect(shown).to_contain_text("user: Write a file, please.")
        await expect(shown).to_contain_text("tool: wrote hello.txt")
