"""Controls of turns: stop, take back, change, queue, steer, summarise, try again, choose another model."""

from pathlib import Path

from playwright.async_api import expect

from protocol.content import UserMessage
from tests.browser.support.journal import submissions_of
from tests.browser.support.scene import scene
from tests.browser.support.tabs import Tabs
from tests.faults.harness.lengths import in_the_long_form
from tests.support.models.scripted_model import Call, Finish, Gate, Hang, Text, Usage, stream, text


async def test_escape_stops_a_turn(tabs: Tabs, tmp_path: Path) -> None:
    async with scene(tabs, tmp_path, [stream(Text("One, two, "), Hang())]) as at:
        await at.chat.say("count")
        await expect(at.chat.answers).to_have_text("One, two,")
        await at.chat.page.keyboard.press("Escape")
        await expect(at.chat.notes).to_contain_text("Stopped by you.")
        await expect(at.chat.page.get_by_text("Cut short here")).to_be_visible()
        await (await at.model.request(0)).left.wait()
        await at.at_rest()


async def test_the_last_turn_is_undone_and_sent_again(tabs: Tabs, tmp_path: Path) -> None:
    script = [text("First."), text("Second."), text("Again.")]
    async with scene(tabs, tmp_path, script) as at:
        for prompt, answer in (("one", "First."), ("two", "Second.")):
            await at.chat.say(prompt)
            await expect(at.chat.answers.last).to_have_text(answer)
            await at.chat.idle()
        await at.chat.more("Take the last turn back")
        await expect(at.chat.messages).to_have_text(["one", "First."])
        await at.chat.more("Say the last thing again")
        await expect(at.chat.messages).to_have_text(["one", "Again."])
        await at.at_rest()


async def test_an_earlier_message_is_changed_and_the_session_goes_on_from_there(tabs: Tabs, tmp_path: Path) -> None:
    script = [text("First."), text("Second."), text("Anew.")]
    async with scene(tabs, tmp_path, script) as at:
        for prompt, answer in (("one", "First."), ("two", "Second.")):
            await at.chat.say(prompt)
            await expect(at.chat.answers.last).to_have_text(answer)
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


async def test_a_message_during_a_turn_is_queued(tabs: Tabs, tmp_path: Path) -> None:
    gate = Gate()
    script = [stream(Text("One, "), gate, Text("two."), Finish(), Usage()), text("Second.")]
    async with scene(tabs, tmp_path, script) as at:
        await at.chat.say("count")
        await expect(at.chat.answers).to_have_text("One,")
        await at.chat.say("and then?")
        await expect(at.chat.page.get_by_text("waits for its turn")).to_be_visible()
        gate.open()
        await expect(at.chat.messages).to_have_text(["count", "One, two.", "and then?", "Second."])
        await at.at_rest()


async def test_a_steering_input_joins_the_running_turn(tabs: Tabs, tmp_path: Path) -> None:
    gate = Gate()
    script = [
        stream(Text("I look. "), gate, Call("list", {"path": "."}), Finish("tool_calls"), Usage()),
        text("As you say."),
    ]
    async with scene(tabs, tmp_path, script) as at:
        await at.chat.say("look")
        await expect(at.chat.answers).to_have_text("I look.")
        await at.chat.field.fill("in the other folder")
        await at.chat.field.press("Control+Enter")
        await expect(at.chat.page.get_by_text("joins the running turn")).to_be_visible()
        gate.open()
        await expect(at.chat.answers).to_have_text(["I look.", "As you say."])
        view = await at.at_rest()
        assert len({message.turn_id for message in view.messages if isinstance(message, UserMessage)}) == 1
        assert at.model.requests[1].messages[-1]["content"] == "in the other folder"


async def test_the_context_is_summarised_on_demand(tabs: Tabs, tmp_path: Path) -> None:
    long = " ".join(["word"] * 150)
    script = [text(f"First {long}."), text(f"Second {long}."), text("They talked.")]
    async with scene(tabs, tmp_path, script, settings={"turn": {"keep_fraction": 0.001}}) as at:
        for prompt, answer in (("one", "First"), ("two", "Second")):
            await at.chat.say(prompt)
            await expect(at.chat.answers.last).to_contain_text(answer)
            await at.chat.idle()
        await at.chat.more("Compact the context")
        await expect(at.chat.notes).to_contain_text("The older part was summarised for the model")
        await at.chat.notes.get_by_text("Details").click()
        await expect(at.chat.notes).to_contain_text("They talked.")
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
