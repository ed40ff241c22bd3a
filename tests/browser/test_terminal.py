"""Commands on the page: a terminal shows the output while it comes and how the command ended, and has a button to stop it."""

import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from agent.sandbox.local.probe import probe
from tests.browser.support.scene import Scene, scene
from tests.browser.support.tabs import Tabs
from tests.faults.harness.lengths import in_the_long_form
from tests.support.models.scripted_model import Call, calls, text

pytestmark = pytest.mark.skipif(probe().program is None, reason=f"no sandbox on this machine: {probe().why}")

UNTIL_GO = "printf '\\033[31mone\\033[0m\\n'; until [ -e go ]; do sleep 0.02; done; echo two; exit 3"


def bash(command: str) -> Call:
    return Call("bash", {"command": command})


async def go(at: Scene) -> None:
    """Lets a command that waits for it go on."""
    path = f"{at.live.http}/api/sessions/{at.chat.session_id}/files/go"
    put = await at.chat.page.request.put(path, data="now", headers={"origin": at.live.http})
    assert put.ok


@in_the_long_form
async def test_output_is_seen_while_the_command_runs_and_its_exit_code_at_the_end(tabs: Tabs, tmp_path: Path) -> None:
    async with scene(tabs, tmp_path, [calls(bash(UNTIL_GO)), text("It ended.")]) as at:
        await at.chat.say("run it")
        card = at.chat.tools
        await expect(card.locator(".tool-state")).to_contain_text("running")
        output = card.get_by_label("Output")
        await expect(output).to_have_text("one")
        await go(at)
        await expect(at.chat.answers).to_have_text("It ended.")
        await expect(output).to_contain_text("two")
        await expect(output.locator("span").first).to_have_text("one")
        await expect(card.locator(".tool-state")).to_contain_text("failed: exit code 3")
        await expect(card.get_by_label("Command")).to_contain_text("until [ -e go ]")
        await at.at_rest()


async def test_live_output_stays_over_a_reload_and_goes_on(tabs: Tabs, tmp_path: Path) -> None:
    async with scene(tabs, tmp_path, [calls(bash(UNTIL_GO)), text("It ended.")]) as at:
        await at.chat.say("run it")
        await expect(at.chat.tools.get_by_label("Output")).to_have_text("one")
        await at.chat.page.reload()
        await expect(at.chat.tools.get_by_label("Output")).to_have_text("one")
        await go(at)
        # How it ended is said once, in the card's row.
        await expect(at.chat.tools.locator(".tool-state")).to_contain_text("exit code 3")
        await expect(at.chat.tools.get_by_label("Output")).to_have_text(re.compile(r"^one\n+two\n*$"))
        await expect(at.chat.answers).to_have_text("It ended.")
        await at.at_rest()


async def test_a_command_is_stopped_by_escape(tabs: Tabs, tmp_path: Path) -> None:
    async with scene(tabs, tmp_path, [calls(bash(UNTIL_GO))]) as at:
        await at.chat.say("run it")
        await expect(at.chat.tools.get_by_label("Output")).to_have_text("one")
        await at.chat.page.keyboard.press("Escape")
        await expect(at.chat.tools.locator(".tool-state")).to_contain_text("cancelled")
        await expect(at.chat.notes).to_contain_text("Stopped by you.")
        await at.at_rest()
