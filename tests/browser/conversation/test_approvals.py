"""Approvals on the page: calls are shown, edited, rejected with a reason, and answered together or one by one, also by keyboard."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from protocol.content import ToolMessage
from protocol.view import View
from tests.browser.support.scene import Scene, scene
from tests.browser.support.tabs import Tabs
from tests.faults.harness.lengths import few
from tests.support.models.scripted_model import Call, calls, text

LONG = "\n".join(f"line {number}" for number in range(1, 30))


def write(number: int, content: str = "a note") -> Call:
    return Call("write", {"path": f"note-{number}.txt", "content": content}, id=f"call_{number}")


def states(view: View) -> list[str]:
    return [message.state for message in view.messages if isinstance(message, ToolMessage)]


async def request_approvals(at: Scene, count: int = 1) -> None:
    await at.chat.say("write")
    await expect(at.chat.approvals).to_have_count(count)


async def test_a_waiting_call_is_shown_readably_and_what_was_shown_is_what_runs(tabs: Tabs, tmp_path: Path) -> None:
    async with scene(tabs, tmp_path, [calls(write(1, LONG)), text("Done.")]) as at:
        await request_approvals(at)
        waiting = at.chat.approvals
        await expect(waiting.get_by_role("heading")).to_contain_text("write")
        await expect(waiting).to_contain_text("note-1.txt")
        await expect(waiting.locator("pre")).to_have_text(LONG)
        await expect(at.chat.tools.locator(".tool-state")).to_have_text("waits for you")
        await expect(at.chat.page).to_have_title("● write · Holdfast")
        await waiting.get_by_role("button", name="Approve", exact=True).click()
        await expect(at.chat.answers).to_have_text("Done.")
        await expect(at.chat.tools.locator(".tool-state")).to_contain_text("done")
        assert states(await at.at_rest()) == ["completed"]
        answer = await at.chat.page.request.get(f"{at.live.http}/api/sessions/{at.chat.session_id}/files/note-1.txt")
        assert await answer.text() == LONG


async def test_arguments_are_edited_before_they_are_approved(tabs: Tabs, tmp_path: Path) -> None:
    async with scene(tabs, tmp_path, [calls(write(1)), text("Done.")]) as at:
        await request_approvals(at)
        await at.chat.approvals.get_by_role("button", name="Edit…").click()
        await at.chat.approvals.get_by_label("content").fill("my own words")
        await at.chat.approvals.get_by_role("button", name="Approve as edited").click()
        await expect(at.chat.answers).to_have_text("Done.")
        await at.at_rest()
        answer = await at.chat.page.request.get(f"{at.live.http}/api/sessions/{at.chat.session_id}/files/note-1.txt")
        assert await answer.text() == "my own words"
        await at.chat.tools.locator("summary").click()
        await expect(at.chat.tools).to_contain_text("Changed by a person before it ran.")
        await expect(at.chat.tools).to_contain_text("my own words")


async def test_a_rejection_with_feedback_reaches_the_model(tabs: Tabs, tmp_path: Path) -> None:
    async with scene(tabs, tmp_path, [calls(write(1)), text("As you like.")]) as at:
        await request_approvals(at)
        await at.chat.approvals.get_by_role("button", name="Reject…").click()
        await at.chat.page.get_by_label("Why not").fill("use another name")
        await at.chat.approvals.get_by_role("button", name="Reject", exact=True).click()
        await expect(at.chat.answers).to_have_text("As you like.")
        await expect(at.chat.tools.locator(".tool-state")).to_have_text("rejected, not run")
        assert states(await at.at_rest()) == ["rejected"]
        assert "use another name" in str(at.model.requests[1].messages[-1]["content"])


async def test_many_are_answered_one_by_one(tabs: Tabs, tmp_path: Path) -> None:
    async with scene(tabs, tmp_path, [calls(write(1), write(2), write(3)), text("Done.")]) as at:
        await request_approvals(at, 3)
        await at.chat.approvals.nth(1).get_by_role("button", name="Reject…").click()
        await at.chat.approvals.nth(1).get_by_role("button", name="Reject", exact=True).click()
        await expect(at.chat.approvals).to_have_count(2)
        for left in (1, 0):
            await at.chat.approvals.first.get_by_role("button", name="Approve", exact=True).click()
            await expect(at.chat.approvals).to_have_count(left)
        await expect(at.chat.answers).to_have_text("Done.")
        assert states(await at.at_rest()) == ["completed", "rejected", "completed"]


@pytest.mark.parametrize(("button", "state"), few([("Approve all 3", "completed"), ("Reject all", "rejected")], 2))
async def test_many_are_answered_at_once(tabs: Tabs, tmp_path: Path, button: str, state: str) -> None:
    async with scene(tabs, tmp_path, [calls(write(1), write(2), write(3)), text("Done.")]) as at:
        await request_approvals(at, 3)
        await at.chat.button(button).click()
        await expect(at.chat.answers).to_have_text("Done.")
        assert states(await at.at_rest()) == [state] * 3


async def test_the_keyboard_answers_without_leaving_the_field(tabs: Tabs, tmp_path: Path) -> None:
    script = [calls(write(1), write(2), write(3)), text("Done.")]
    async with scene(tabs, tmp_path, script) as at:
        await request_approvals(at, 3)
        await at.chat.field.press("Alt+y")
        await expect(at.chat.approvals).to_have_count(2)
        await at.chat.field.press("Alt+n")
        await expect(at.chat.approvals).to_have_count(1)
        await at.chat.field.press("Alt+Shift+Y")
        await expect(at.chat.answers).to_have_text("Done.")
        assert states(await at.at_rest()) == ["completed", "rejected", "completed"]


async def test_saying_something_else_abandons_what_waits(tabs: Tabs, tmp_path: Path) -> None:
    async with scene(tabs, tmp_path, [calls(write(1)), text("Never mind.")]) as at:
        await request_approvals(at)
        await at.chat.say("leave it")
        await expect(at.chat.answers).to_have_text("Never mind.")
        await expect(at.chat.approvals).to_have_count(0)
        await expect(at.chat.tools.locator(".tool-state")).to_have_text("not answered, not run")
        await at.at_rest()
