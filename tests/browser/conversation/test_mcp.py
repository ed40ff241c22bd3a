"""MCP servers on the page: their prompts and resources are slash commands, and a running call may ask for a form to be filled in."""

import json
import re
from pathlib import Path
from typing import Any

from playwright.async_api import expect

from protocol.content import ToolMessage
from tests.browser.support.axe import grave_faults
from tests.browser.support.scene import Scene, scene
from tests.browser.support.tabs import TALL, Tabs
from tests.faults.harness.lengths import in_the_long_form
from tests.support.models.scripted_model import Call, calls, text
from tests.support.polling import eventually
from tests.unit.agent.tools.mcp.servers import everything

TOOL = "trigger-elicitation-request"
SIDES = "(label) => [...label.children].map((each) => each.getBoundingClientRect().toJSON())"


async def up(at: Scene) -> None:
    async def is_up() -> bool:
        status = await at.chat.page.request.get(f"{at.live.http}/api/config")
        return bool((await status.json())["mcp"][0]["state"] == "up")

    await eventually(is_up, "the server", look_s=0.1)


async def test_prompts_resources_and_questions_of_the_reference_server(tabs: Tabs, tmp_path: Path) -> None:
    """One conversation, whose turns are these functions."""
    settings: dict[str, Any] = {"mcp_servers": {"everything": everything()}}
    async with scene(tabs, tmp_path, settings=settings, viewport=TALL) as at:
        await up(at)
        await a_form_is_filled_in_and_answered(at)
        await a_prompt_is_found_by_its_name_asks_for_its_arguments_and_is_sent(at)
        await a_resource_is_put_into_the_message_and_what_is_no_prompt_is_said_as_it_is(at)


async def a_form_is_filled_in_and_answered(at: Scene) -> None:
    at.model.extend(calls(Call(TOOL, {})), text("Thank you."))
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


async def a_prompt_is_found_by_its_name_asks_for_its_arguments_and_is_sent(at: Scene) -> None:
    at.model.extend(text("Sunny."))
    page = at.chat.page
    await at.chat.field.press_sequentially("/arg")
    listed = page.get_by_role("listbox", name="Commands and prompts")
    await expect(listed.get_by_role("option").first).to_contain_text("/args-prompt")
    await expect(listed.get_by_role("option", selected=True)).to_have_count(1)
    assert not await grave_faults(page)
    await at.chat.field.press("Enter")
    asked = page.get_by_role("region", name="Arguments of /args-prompt")
    city = asked.get_by_role("textbox").first
    await expect(city).to_be_focused()
    assert not await grave_faults(page)
    await asked.get_by_role("button", name="Use prompt").click()
    await expect(city).to_be_focused()
    await city.fill("Paris")
    await city.press("Enter")
    await expect(at.chat.field).to_have_value("What's weather in Paris?")
    await expect(asked).to_have_count(0)
    await expect(at.chat.field).to_be_focused()
    await at.chat.field.press("Enter")
    await expect(at.chat.answers.last).to_have_text("Sunny.")
    assert at.model.requests[-1].last_user_text == "What's weather in Paris?"
    await at.at_rest()


async def a_resource_is_put_into_the_message_and_what_is_no_prompt_is_said_as_it_is(at: Scene) -> None:
    at.model.extend(text("Read."), text("Fine."))
    page = at.chat.page
    await at.chat.field.press_sequentially("/architecture")
    option = page.get_by_role("listbox").get_by_role("option").first
    await expect(option).to_contain_text("resource")
    await option.click()
    await expect(at.chat.field).to_have_value(re.compile("saved in the workspace as mcp/architecture"))
    await at.chat.field.press("Enter")
    await expect(at.chat.answers.last).to_have_text("Read.")
    await at.chat.field.press_sequentially("/a")
    await expect(page.get_by_role("listbox")).to_be_visible()
    await at.chat.field.press("Escape")
    await expect(page.get_by_role("listbox")).to_have_count(0)
    await at.chat.field.press_sequentially("bcxyz")
    await at.chat.field.press("Enter")
    await expect(at.chat.answers.last).to_have_text("Fine.")
    assert at.model.requests[-1].last_user_text == "/abcxyz"
    await at.at_rest()


@in_the_long_form
async def test_a_template_asks_for_its_values_and_is_read(tabs: Tabs, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"mcp_servers": {"everything": everything()}}
    async with scene(tabs, tmp_path, [text("Read.")], settings=settings) as at:
        page = at.chat.page
        await up(at)
        await at.chat.field.press_sequentially("/dynamic")
        option = page.get_by_role("listbox").get_by_role("option", name="Dynamic Text Resource")
        await expect(option).to_contain_text("template")
        await option.click()
        asked = page.get_by_role("region", name="Arguments of Dynamic Text Resource")
        await asked.get_by_role("textbox").fill("7")
        await asked.get_by_role("button", name="Read resource").click()
        await expect(at.chat.field).to_have_value(re.compile("Resource 7: This is a plaintext resource"))
        await at.chat.field.press("Enter")
        await expect(at.chat.answers).to_have_text("Read.")
        await at.at_rest()
