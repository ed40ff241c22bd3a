"""Files on the page: images that the model is shown. The tests share one server; the model says what it was sent."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.browser.support.tabs import Tabs
from tests.support.application import settings_for
from tests.support.live import Live, listening
from tests.support.models.images import png
from tests.support.models.scripted_model import Answer, Request, ScriptedModel, text


def what_it_sees(request: Request) -> Answer:
    content = request.messages[-1]["content"]
    return text(f"seen: {', '.join(part['type'] for part in content) if isinstance(content, list) else content}")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def live(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Live]:
    """The server of these tests."""
    folder = tmp_path_factory.mktemp("workspace")
    async with ScriptedModel(what_it_sees) as model, listening(settings_for(folder, model)) as server:
        yield server


async def test_an_image_that_is_added_reaches_the_model_and_is_shown_with_the_message(live: Live, tabs: Tabs) -> None:
    chat = await tabs.open(live.http)
    picture = {"name": "red.png", "mimeType": "image/png", "buffer": png(8, 8)}
    await chat.page.locator("input[type=file]").set_input_files(picture)  # type: ignore[arg-type]  # a FilePayload
    await expect(chat.page.get_by_role("list", name="Files added")).to_contain_text("red.png")
    await chat.say("What is it?")
    await expect(chat.answers).to_have_text("seen: image_url, text")
    shown = chat.page.get_by_role("list", name="Images").get_by_role("img", name="red.png")
    await expect(shown).to_have_js_property("naturalWidth", 8)
    await chat.page.reload()
    await expect(shown).to_have_js_property("naturalWidth", 8)
