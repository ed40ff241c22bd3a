"""Approvals on the page: calls are shown, edited, rejected with a reason, and answered together or one by one, also by keyboard.

Each test is one conversation, whose turns are the functions that it calls.
"""

from pathlib import Path

from playwright.async_api import Locator, expect

from protocol.content import ToolMessage
from protocol.view import View
from tests.browser.support.scene import Scene, scene
from tests.browser.support.tabs import TALL, Tabs
from tests.faults.harness.lengths import few
from tests.support.models.scripted_model import Answer, Call, calls, text

LONG = "\n".join(f"line {number}" for number in range(1, 30))


def write(number: int, content: str = "a note") -> Call:
    return Call("write", {"path": f"note-{number}.txt", "content": content}, id=f"call_{number}")


def states(view: View) -> list[str]:
    return [message.state for message in view.messages if isinstance(message, ToolMessage)]


async def request_approvals(at: Scene, *answers: Answer, count: int = 1) -> None:
    """A turn that waits for so many; `answers` are the model's."""
    at.model.extend(*answers)
    await at.chat.say("write")
    await expect(at.chat.approvals).to_have_count(count)


async def file_of(at: Scene, name: str) -> str:
    answer = await at.chat.page.request.get(f"{at.live.http}/api/sessions/{at.chat.session_id}/files/{name}")
    return await answer.text()


def state(at: Scene) -> Locator:
    """Of the last call."""
    return at.chat.tools.last.locator(".tool-state")


async def test_a_call_is_shown_and_then_approved_edited_rejected_or_abandoned(tabs: Tabs, tmp_path: Path) -> None:
    async with scene(tabs, tmp_path, viewport=TALL) as at:
        await a_waiting_call_is_shown_readably_and_what_was_shown_is_what_runs(at)
        await arguments_are_edited_before_they_are_approved(at)
        await a_rejection_with_feedback_reaches_the_model(at)
        await saying_something_else_abandons_what_waits(at)


async def a_waiting_call_is_shown_readably_and_what_was_shown_is_what_runs(at: Scene) -> None:
    await request_approvals(at, calls(write(1, LONG)), text("Done."))
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
    assert await file_of(at, "note-1.txt") == LONG


async def arguments_are_edited_before_they_are_approved(at: Scene) -> None:
    await request_approvals(at, calls(write(2)), text("Done as you wrote it."))
    await at.chat.approvals.get_by_role("button", name="Edit…").click()
    await at.chat.approvals.get_by_label("content").fill("my own words")
    await at.chat.approvals.get_by_role("button", name="Approve as edited").click()
    await expect(at.chat.answers.last).to_have_text("Done as you wrote it.")
    await at.at_rest()
    assert await file_of(at, "note-2.txt") == "my own words"
    card = at.chat.tools.last
    await card.locator("summary").click()
    await expect(card).to_contain_text("Changed by a person before it ran.")
    await expect(card).to_contain_text("my own words")


async def a_rejection_with_feedback_reaches_the_model(at: Scene) -> None:
    await request_approvals(at, calls(write(3)), text("As you like."))
    await at.chat.approvals.get_by_role("button", name="Reject…").click()
    await at.chat.page.get_by_label("Why not").fill("use another name")
    await at.chat.approvals.get_by_role("button", name="Reject", exact=True).click()
    await expect(at.chat.answers.last).to_have_text("As you like.")
    await expect(state(at)).to_have_text("rejected, not run")
    assert states(await at.at_rest()) == ["completed", "completed", "rejected"]
    assert "use another name" in str(at.model.requests[-1].messages[-1]["content"])


async def saying_something_else_abandons_what_waits(at: Scene) -> None:
    await request_approvals(at, calls(write(4)), text("Never mind."))
    await at.chat.say("leave it")
    await expect(at.chat.answers.last).to_have_text("Never mind.")
    await expect(at.chat.approvals).to_have_count(0)
    await expect(state(at)).to_have_text("not answered, not run")
    await at.at_rest()


async def test_many_calls_are_answered_one_by_one_at_once_and_by_keyboard(tabs: Tabs, tmp_path: Path) -> None:
    async with scene(tabs, tmp_path, viewport=TALL) as at:
        await many_are_answered_one_by_one(at)
        for button, answered in few([("Approve all 3", "completed"), ("Reject all", "rejected")], 2):
            await many_are_answered_at_once(at, button, answered)
        await the_keyboard_answers_without_leaving_the_field(at)


async def ask_for_three(at: Scene, end: str) -> None:
    first = len(at.model.requests) * 3
    await request_approvals(at, calls(*(write(first + number) for number in (1, 2, 3))), text(end), count=3)


async def three_are(at: Scene, *wanted: str) -> None:
    """At rest, the last three calls are in these states."""
    assert states(await at.at_rest())[-3:] == [*wanted]


async def many_are_answered_one_by_one(at: Scene) -> None:
    await ask_for_three(at, "Done one by one.")
    await at.chat.approvals.nth(1).get_by_role("button", name="Reject…").click()
    await at.chat.approvals.nth(1).get_by_role("button", name="Reject", exact=True).click()
    await expect(at.chat.approvals).to_have_count(2)
    for left in (1, 0):
        await at.chat.approvals.first.get_by_role("button", name="Approve", exact=True).click()
        await expect(at.chat.approvals).to_have_count(left)
    await expect(at.chat.answers.last).to_have_text("Done one by one.")
    await three_are(at, "completed", "rejected", "completed")


async def many_are_answered_at_once(at: Scene, button: str, answered: str) -> None:
    await ask_for_three(at, f"Done by {button}.")
    await at.chat.button(button).click()
    await expect(at.chat.answers.last).to_have_text(f"Done by {button}.")
    await three_are(at, *[answered] * 3)


async def the_keyboard_answers_without_leaving_the_field(at: Scene) -> None:
    await ask_for_three(at, "Done by keyboard.")
    await at.chat.field.press("Alt+y")
    await expect(at.chat.approvals).to_have_count(2)
    await at.chat.field.press("Alt+n")
    await expect(at.chat.approvals).to_have_count(1)
    await at.chat.field.press("Alt+Shift+Y")
    await expect(at.chat.answers.last).to_have_text("Done by keyboard.")
    await three_are(at, "completed", "rejected", "completed")
