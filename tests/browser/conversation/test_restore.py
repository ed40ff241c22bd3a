"""Taking back with files: the page offers to restore them after a turn was taken back, and says what was done."""

from pathlib import Path
from typing import Any

from playwright.async_api import expect

from tests.browser.support.scene import scene
from tests.browser.support.tabs import Tabs
from tests.support.models.scripted_model import Call, calls, text

FREE: dict[str, Any] = {"policy": {}}


async def test_the_files_are_restored_after_the_turn_is_taken_back(tabs: Tabs, tmp_path: Path) -> None:
    script = [calls(Call("write", {"path": "made.txt", "content": "new"}, id="c1")), text("Made.")]
    async with scene(tabs, tmp_path, script, settings=FREE) as at:
        await at.chat.say("make a file")
        await expect(at.chat.answers.last).to_have_text("Made.")
        await at.chat.idle()
        (made,) = tmp_path.glob("workspaces/*/made.txt")
        await at.chat.more("Take the last turn back")
        await expect(at.chat.notes.last).to_contain_text("What they are now is saved first.")
        await at.chat.button("Restore the files").click()
        await expect(at.chat.notes.last).to_contain_text("The files are as they were: 0 restored, 1 removed.")
        assert not made.exists()
        await expect(at.chat.button("Restore the files")).to_have_count(0)
        await at.at_rest()


async def test_the_offer_to_restore_the_files_ends_with_the_next_turn(tabs: Tabs, tmp_path: Path) -> None:
    script = [calls(Call("write", {"path": "made.txt", "content": "new"}, id="c1")), text("Made."), text("Hello.")]
    async with scene(tabs, tmp_path, script, settings=FREE) as at:
        await at.chat.say("make a file")
        await expect(at.chat.answers.last).to_have_text("Made.")
        await at.chat.idle()
        await at.chat.more("Take the last turn back")
        await expect(at.chat.button("Restore the files")).to_be_visible()
        await at.chat.say("hello")
        await expect(at.chat.answers.last).to_have_text("Hello.")
        await expect(at.chat.button("Restore the files")).to_have_count(0)
