"""Tool calls on the page: arguments, progress and result in a card; the plan; files that were made and deleted.

The first test is a conversation, whose turns are the functions that it calls.
"""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

from playwright.async_api import WebSocketRoute, expect

from tests.browser.support.scene import Scene, scene
from tests.browser.support.tabs import TALL, Tabs
from tests.faults.harness.lengths import in_the_long_form
from tests.support.models.scripted_model import Call, Finish, Gate, Text, Usage, calls, stream, text
from tests.support.polling import PATIENCE_S

BOUND = {"workspace": {"upload_bytes_max": 1_024}}
FREE: dict[str, object] = {"policy": {"rules": []}}
PLAN = [
    {"text": "Look", "status": "completed"},
    {"text": "Build", "status": "in_progress"},
    {"text": "Tell", "status": "pending"},
]


def holding(gate: Gate) -> Callable[[WebSocketRoute], None]:
    """What the server says by its socket waits for the gate; all else goes its way."""

    def hold(socket: WebSocketRoute) -> None:
        async def later(frame: str | bytes) -> None:
            await gate.passed()
            socket.send(frame)

        socket.connect_to_server().on_message(later)

    return hold


async def test_a_card_shows_each_call_and_files_come_and_go_beside_it(tabs: Tabs, tmp_path: Path) -> None:
    async with scene(tabs, tmp_path, settings={**FREE, **BOUND}, viewport=TALL) as at:
        await a_dropped_file_is_in_the_workspace_before_the_first_message(at)
        await a_card_shows_the_request_the_outcome_and_the_duration(at)
        await a_file_that_the_agent_made_can_be_taken(at)
        await the_plan_is_a_checklist_with_progress(at)
        await the_page_says_that_a_call_wrote_the_notes_of_the_project(at)
        await a_sub_agent_s_steps_are_seen_inside_of_its_call_while_it_works(at)
        await at.chat.button("New session").click()
        await a_file_that_is_too_large_is_refused_with_its_bound(at)
        await a_file_may_be_there_before_the_socket_of_the_session_it_began(at)


async def a_dropped_file_is_in_the_workspace_before_the_first_message(at: Scene) -> None:
    at.model.extend(calls(Call("read", {"path": "drop me.txt"})), text("I have read it."))
    await at.chat.drop("drop me.txt", "what was dropped")
    await expect(at.chat.page.get_by_label("Files added")).to_contain_text("drop me.txt")
    await at.chat.say("read it")
    await expect(at.chat.answers).to_have_text("I have read it.")
    await at.chat.tools.locator("summary").click()
    await expect(at.chat.tools.get_by_label("Result")).to_contain_text("what was dropped")
    await at.at_rest()


async def a_card_shows_the_request_the_outcome_and_the_duration(at: Scene) -> None:
    at.model.extend(
        calls(Call("write", {"path": "a.txt", "content": "one\ntwo"}, id="a"), before="I write."), text("Done.")
    )
    await at.chat.say("write")
    await expect(at.chat.answers).to_have_text(["I have read it.", "I write.", "Done."])
    card = at.chat.tools.last
    await expect(card.locator(".tool-name")).to_have_text("write")
    await expect(card.locator(".tool-gist")).to_have_text("a.txt")
    await expect(card.locator(".tool-state")).to_contain_text("done")
    await expect(card.get_by_label("Result")).to_have_count(0)
    await expect(card.get_by_label("Beginning of a.txt")).to_have_text("one\ntwo")
    await card.locator("summary").press("Enter")
    await expect(card.get_by_label("Beginning of a.txt")).to_be_hidden()
    await expect(card.get_by_label("Result")).to_contain_text("wrote a.txt")
    await expect(card.get_by_label("Text of a.txt")).to_have_text("one\ntwo")
    await at.at_rest()


async def a_file_that_the_agent_made_can_be_taken(at: Scene) -> None:
    name = "über uns & <b>.txt"
    at.model.extend(calls(Call("write", {"path": f"notes/{name}", "content": "a note"}, id="b")), text("It is there."))
    await at.chat.say("write a note")
    await expect(at.chat.answers.last).to_have_text("It is there.")
    async with at.chat.page.expect_download() as started:
        await at.chat.tools.get_by_role("link", name=name).click()
    taken = await started.value
    assert Path(await taken.path()).read_text() == "a note"
    assert taken.suggested_filename.endswith(".txt")
    await at.chat.idle()


async def the_plan_is_a_checklist_with_progress(at: Scene) -> None:
    at.model.extend(calls(Call("plan", {"items": PLAN}, id="c")), text("So be it."))
    await at.chat.say("plan")
    await expect(at.chat.answers.last).to_have_text("So be it.")
    plan = at.chat.page.get_by_role("region", name="Plan")
    await expect(plan).to_contain_text("1 of 3 done: Build")
    await expect(plan.get_by_role("listitem")).to_have_text(["done: Look", "under way: Build", "to do: Tell"])
    await at.at_rest()


async def the_page_says_that_a_call_wrote_the_notes_of_the_project(at: Scene) -> None:
    at.model.extend(calls(Call("write", {"path": "AGENTS.md", "content": "Be brief."}, id="d")), text("Noted."))
    await at.chat.say("take a note")
    await at.chat.button("Approve").click()
    await expect(at.chat.answers.last).to_have_text("Noted.")
    await expect(at.chat.notes).to_contain_text("A call of write wrote AGENTS.md.")
    await at.at_rest()


async def a_sub_agent_s_steps_are_seen_inside_of_its_call_while_it_works(at: Scene) -> None:
    gate = Gate()
    at.model.extend(
        calls(Call("research", {"task": "What lies in the workspace?"}, id="e")),
        calls(Call("list", {"path": "."}, id="inner")),
        stream(gate, Text("Some files lie there."), Finish(), Usage()),
        text("It has some."),
    )
    await at.chat.say("look")
    await gate.reached.wait()
    card = at.chat.tools.filter(has_text="research")
    await expect(card).to_have_count(1)
    step = card.get_by_role("list", name="Steps").get_by_role("listitem")
    await expect(step).to_contain_text("list")
    await expect(step.locator(".tool-state")).to_contain_text("done")
    gate.open()
    await expect(at.chat.answers.last).to_have_text("It has some.")
    await expect(card.locator(".tool-brief")).to_have_text("1 step")
    await expect(card).to_contain_text("Some files lie there.")
    await at.at_rest()
    await at.chat.page.reload()
    await card.locator("summary").first.click()
    await expect(step).to_contain_text("list")


async def a_file_that_is_too_large_is_refused_with_its_bound(at: Scene) -> None:
    await at.chat.drop("large.txt", "x" * 2_000)
    await expect(at.chat.page.get_by_label("Files added")).to_contain_text("large.txt")
    await expect(at.chat.page.get_by_role("alert")).to_contain_text("not taken: it has 2.0 kB, the server takes 1.0 kB")


async def a_file_may_be_there_before_the_socket_of_the_session_it_began(at: Scene) -> None:
    at.model.extend(calls(Call("read", {"path": "early.txt"})), text("I have read it."))
    gate = Gate()
    await at.chat.page.route_web_socket(re.compile("/ws"), holding(gate))
    await at.chat.page.reload()  # Playwright routes the sockets of pages that are opened from now on
    await at.chat.drop("early.txt", "what was dropped")
    await expect(at.chat.page.get_by_label("Files added").get_by_role("link", name="early.txt")).to_be_visible()
    await at.chat.say("read it")
    await asyncio.wait_for(gate.reached.wait(), PATIENCE_S)
    gate.open()
    await expect(at.chat.answers).to_have_text("I have read it.")
    await at.at_rest()


@in_the_long_form
async def test_a_failed_call_is_expanded_and_shows_the_reason(tabs: Tabs, tmp_path: Path) -> None:
    async with scene(tabs, tmp_path, [calls(Call("read", {"path": "none.txt"})), text("Not there.")]) as at:
        await at.chat.say("read")
        await expect(at.chat.answers).to_have_text("Not there.")
        await expect(at.chat.tools.locator(".tool-state")).to_contain_text("failed")
        await expect(at.chat.tools.get_by_label("Result")).to_contain_text("none.txt")
        await at.at_rest()


@in_the_long_form
async def test_arguments_that_are_no_json_are_shown_as_the_model_wrote_them(tabs: Tabs, tmp_path: Path) -> None:
    async with scene(tabs, tmp_path, [calls(Call("read", '{"path": "a.t')), text("Sorry.")]) as at:
        await at.chat.say("read")
        await expect(at.chat.answers).to_have_text("Sorry.")
        await expect(at.chat.tools).to_contain_text("The model wrote arguments that are no JSON object:")
        await expect(at.chat.tools.locator("pre").first).to_have_text('{"path": "a.t')
        await at.at_rest()


@in_the_long_form
async def test_files_are_chosen_by_the_button_too(tabs: Tabs, tmp_path: Path) -> None:
    async with scene(tabs, tmp_path) as at:
        async with at.chat.page.expect_file_chooser() as opened:
            await at.chat.button("Add files").click()
        note = tmp_path / "chosen.txt"
        note.write_text("chosen")
        await (await opened.value).set_files(note)
        await expect(at.chat.page.get_by_label("Files added")).to_contain_text("chosen.txt")
