"""Controls of turns: stop, take back, with its files too, change, queue, steer, summarise, try again, choose another model.

Each of the first tests is one conversation, whose turns are the functions that it calls.
"""

from pathlib import Path

from playwright.async_api import expect

from protocol.content import UserMessage
from tests.browser.support.journal import submissions_of
from tests.browser.support.scene import Scene, scene
from tests.browser.support.tabs import Tabs
from tests.faults.harness.lengths import in_the_long_form
from tests.support.models.scripted_model import Call, Finish, Gate, Hang, Text, Usage, calls, stream, text


async def test_turns_are_stopped_queued_steered_and_summarised(tabs: Tabs, tmp_path: Path) -> None:
    async with scene(tabs, tmp_path, settings={"turn": {"keep_fraction": 0.001}}) as at:
        await escape_stops_a_turn(at)
        await a_message_during_a_turn_is_queued(at)
        await a_steering_input_joins_the_running_turn(at)
        await the_context_is_summarised_on_demand(at)


async def escape_stops_a_turn(at: Scene) -> None:
    at.model.extend(stream(Text("One, two, "), Hang()))
    await at.chat.say("count")
    await expect(at.chat.answers).to_have_text("One, two,")
    await at.chat.page.keyboard.press("Escape")
    await expect(at.chat.notes).to_contain_text("Stopped by you.")
    await expect(at.chat.page.get_by_text("Cut short here")).to_be_visible()
    await (await at.model.request(0)).left.wait()
    await at.at_rest()


async def a_message_during_a_turn_is_queued(at: Scene) -> None:
    gate = Gate()
    at.model.extend(stream(Text("Three, "), gate, Text("four."), Finish(), Usage()), text("Second."))
    await at.chat.say("count on")
    await expect(at.chat.answers.last).to_have_text("Three,")
    await at.chat.say("and then?")
    await expect(at.chat.page.get_by_text("waits for its turn")).to_be_visible()
    gate.open()
    await expect(at.chat.messages).to_have_text(
        ["count", "One, two,", "count on", "Three, four.", "and then?", "Second."]
    )
    await at.at_rest()


async def a_steering_input_joins_the_running_turn(at: Scene) -> None:
    gate = Gate()
    at.model.extend(
        stream(Text("I look. "), gate, Call("list", {"path": "."}), Finish("tool_calls"), Usage()),
        text("As you say."),
    )
    await at.chat.say("look")
    await expect(at.chat.answers.last).to_have_text("I look.")
    await at.chat.field.fill("in the other folder")
    await at.chat.field.press("Control+Enter")
    await expect(at.chat.page.get_by_text("joins the running turn")).to_be_visible()
    gate.open()
    await expect(at.chat.answers).to_have_text(["One, two,", "Three, four.", "Second.", "I look.", "As you say."])
    view = await at.at_rest()
    said = [message for message in view.messages if isinstance(message, UserMessage)]
    assert [message.text for message in said[-2:]] == ["look", "in the other folder"]
    assert len({message.turn_id for message in said[-2:]}) == 1
    assert at.model.requests[-1].messages[-1]["content"] == "in the other folder"


async def the_context_is_summarised_on_demand(at: Scene) -> None:
    long = " ".join(["word"] * 150)
    at.model.extend(text(f"First {long}."), text(f"Last {long}."), text("They talked."))
    for prompt, answer in (("one", "First"), ("two", "Last")):
        await at.chat.say(prompt)
        await expect(at.chat.answers.last).to_contain_text(answer)
        await at.chat.idle()
    await at.chat.more("Compact the context")
    await expect(at.chat.notes.last).to_contain_text("The older part was summarised for the model")
    await at.chat.notes.last.get_by_text("Details").click()
    await expect(at.chat.notes.last).to_contain_text("They talked.")
    await at.at_rest()


async def test_turns_are_undone_sent_again_and_changed_and_their_files_are_restored(tabs: Tabs, tmp_path: Path) -> None:
    async with scene(tabs, tmp_path, settings={"policy": {}}) as at:
        await the_last_turn_is_undone_and_sent_again(at)
        await an_earlier_message_is_changed_and_the_session_goes_on_from_there(at)
        await the_offer_to_restore_the_files_ends_with_the_next_turn(at)
        await the_files_are_restored_after_the_turn_is_taken_back(at, tmp_path)


async def the_last_turn_is_undone_and_sent_again(at: Scene) -> None:
    at.model.extend(text("First."), text("Second."), text("Again."))
    for prompt, answer in (("one", "First."), ("two", "Second.")):
        await at.chat.say(prompt)
        await expect(at.chat.answers.last).to_have_text(answer)
        await at.chat.idle()
    await at.chat.more("Take the last turn back")
    await expect(at.chat.messages).to_have_text(["one", "First."])
    await at.chat.more("Say the last thing again")
    await expect(at.chat.messages).to_have_text(["one", "Again."])
    await at.at_rest()


async def an_earlier_message_is_changed_and_the_session_goes_on_from_there(at: Scene) -> None:
    at.model.extend(text("Third."), text("Anew."))
    await at.chat.say("three")
    await expect(at.chat.answers.last).to_have_text("Third.")
    await at.chat.idle()
    await at.chat.rows.first.get_by_role("button", name="Edit").click()
    field = at.chat.page.get_by_label("Say instead")
    await expect(field).to_be_focused()
    await expect(field).to_have_value("one")
    await field.press("Escape")
    await expect(field).to_have_count(0)
    await at.chat.rows.first.get_by_role("button", name="Edit").click()
    await field.fill("one, please")
    await at.chat.button("Send").first.click()
    await expect(at.chat.messages).to_have_text(["one, please", "Anew."])
    await at.at_rest()


async def the_offer_to_restore_the_files_ends_with_the_next_turn(at: Scene) -> None:
    at.model.extend(calls(write("made.txt")), text("Made."), text("Hello."))
    await at.chat.say("make a file")
    await expect(at.chat.answers.last).to_have_text("Made.")
    await at.chat.idle()
    await at.chat.more("Take the last turn back")
    await expect(at.chat.button("Restore the files")).to_be_visible()
    await at.chat.say("hello")
    await expect(at.chat.answers.last).to_have_text("Hello.")
    await expect(at.chat.button("Restore the files")).to_have_count(0)
    await at.chat.idle()


async def the_files_are_restored_after_the_turn_is_taken_back(at: Scene, folder: Path) -> None:
    at.model.extend(calls(write("other.txt")), text("Made it."))
    await at.chat.say("make another file")
    await expect(at.chat.answers.last).to_have_text("Made it.")
    await at.chat.idle()
    (made,) = folder.glob("workspaces/*/other.txt")
    await at.chat.more("Take the last turn back")
    await expect(at.chat.notes.last).to_contain_text("What they are now is saved first.")
    await at.chat.button("Restore the files").click()
    await expect(at.chat.notes.last).to_contain_text("The files are as they were: 0 restored, 1 removed.")
    assert not made.exists()
    await expect(at.chat.button("Restore the files")).to_have_count(0)
    await at.at_rest()


def write(path: str) -> Call:
    return Call("write", {"path": path, "content": "new"}, id=path)


@in_the_long_form
async def test_control_and_the_arrow_up_in_an_empty_field_change_the_last_message(tabs: Tabs, tmp_path: Path) -> None:
    async with scene(tabs, tmp_path, [text("First."), text("Anew.")]) as at:
        await at.chat.say("one")
        await expect(at.chat.answers).to_have_text("First.")
        await at.chat.idle()
        await at.chat.field.press("Control+ArrowUp")
        field = at.chat.page.get_by_label("Say instead")
        await expect(field).to_be_focused()
        await field.fill("one, please")
        await field.press("Enter")
        await expect(at.chat.messages).to_have_text(["one, please", "Anew."])
        await at.at_rest()


@in_the_long_form
async def test_another_model_is_chosen_and_answers_from_then_on(tabs: Tabs, tmp_path: Path) -> None:
    async with scene(tabs, tmp_path, [text("First.")]) as at:
        await at.chat.say("one")
        await expect(at.chat.answers).to_have_text("First.")
        await at.chat.idle()
        await at.chat.page.get_by_role("combobox", name="Model").select_option("Another…")
        await at.chat.page.get_by_label("Model, as the server names it").fill("demo")
        await at.chat.page.get_by_label("Model, as the server names it").press("Enter")
        await expect(at.chat.notes).to_contain_text("From here on demo answers.")
        await at.chat.say("hello")
        await expect(at.chat.answers.last).to_contain_text("I am Holdfast's demo model")
        await at.chat.idle()
        assert len(at.model.requests) == 1


@in_the_long_form
async def test_two_sends_in_a_row_are_two_messages_in_their_order(tabs: Tabs, tmp_path: Path) -> None:
    """The first of them makes the session, and the second is said before it has a name."""
    async with scene(tabs, tmp_path, [text("First."), text("Second.")]) as at:
        await at.chat.say("one")
        await at.chat.say("two")
        await expect(at.chat.messages).to_have_text(["one", "First.", "two", "Second."])
        await at.at_rest()
        assert await submissions_of(at.live.http, at.chat.session_id) == ["one", "two"]
