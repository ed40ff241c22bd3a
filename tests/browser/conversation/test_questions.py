"""Questions of MCP servers: the page shows the form that a running call asks for, and sends what is filled in."""

import json
from pathlib import Path
from typing import Any

from playwright.async_api import expect

from protocol.content import ToolMessage
from tests.browser.support.scene import scene
from tests.browser.support.tabs import Tabs
from tests.support.models.scripted_model import Call, calls, text
from tests.support.polling import eventually
from tests.unit.agent.tools.mcp.servers import everything

TOOL = "trigger-elicitation-request"
SIDES = "(label) => [...label.children].map((each) => each.getBoundingClientRect().toJSON())"


async def test_a_form_of_the_reference_server_is_filled_in_and_answered(tabs: Tabs, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"mcp_servers": {"everything": everything()}}
    async with scene(tabs, tmp_path, [calls(Call(TOOL, {})), text("Thank you.")], settings=settings) as at:

        async def up() -> bool:
            status = await at.chat.page.request.get(f"{at.live.http}/api/config")
            return bool((await status.json())["mcp"][0]["state"] == "up")

        await eventually(up, "the server")
        await at.chat.say("ask me")
        await at.chat.approvals.get_by_role("button", name="Approve", exact=True).click()
        form = at.chat.page.get_by_role("region", name="Questions of running calls")
        await expect(form).to_be_visible()
        box, words = await form.locator("label.check").first.evaluate(SIDES)
        assert abs(box["y"] - words["y"]) < 20
        assert box["right"] <= words["x"] <= box["right"] + 16, "a box stands beside what it asks for"
        await expect(at.chat.page.locator(".header .state")).to_have_text("waits for you")
        await expect(at.chat.page).to_have_title("● ask me · Holdfast")
        await expect(at.chat.tools.locator(".tool-state")).to_have_text("waits for you")
        await form.get_by_label("Name").fill("Ada")
        many = form.get_by_role("group", name="Untitled Multiple")
        await many.get_by_label("Piano").check()
        await many.get_by_label("Guitar").uncheck()
        await form.get_by_role("button", name="Answer").click()
        await expect(at.chat.answers.last).to_have_text("Thank you.")
        await expect(form).to_have_count(0)
        view = await at.at_rest()
        (said,) = [message.output for message in view.messages if isinstance(message, ToolMessage)]
        assert json.loads(said.partition("Raw result:")[2])["content"]["untitledMultipleSelectEnum"] == ["Piano"]
