"""Long conversations: with ten thousand messages, or a very long answer, only what is visible is rendered and nothing scrolls by itself."""

from pathlib import Path

from playwright.async_api import Locator, expect

from protocol import events as ev
from tests.browser.support.chat import Chat
from tests.browser.support.history import write_past
from tests.browser.support.journal import happened
from tests.browser.support.scene import scene
from tests.browser.support.scrolling import expect_moved, expect_scrolling_up, scroller, top_of
from tests.browser.support.tabs import Tabs
from tests.faults.harness.lengths import in_the_long_form
from tests.support.models.scripted_model import Finish, Gate, Step, Text, Usage, stream

TURNS = 5_000
ROWS_MAX = 80
"""Rows of a screen of 800 pixels and of what lies ready beyond its edges."""
NODES_MAX = 3_000

COUNT_CHANGES = """() => {
  let changes = 0;
  const observer = new MutationObserver((records) => (changes += records.length));
  observer.observe(document.querySelector("main"), { subtree: true, childList: true, characterData: true, attributes: true });
  globalThis.stopCounting = () => {
    changes += observer.takeRecords().length;
    observer.disconnect();
    return changes;
  };
}"""


async def scroll_to(chat: Chat, part: float) -> None:
    """Take the list's bar to a part of its way."""
    await scroller(chat).evaluate("(list, part) => (list.scrollTop = part * list.scrollHeight)", part)


async def in_view(chat: Chat) -> Locator:
    """A row that is seen, by its key, once there is one: after a long way the rows there are made a moment later."""
    key = await scroller(chat).evaluate(
        """(list) => new Promise((resolve) => {
          const { top, bottom } = list.getBoundingClientRect();
          const look = () => {
            const seen = [...list.querySelectorAll(".row")].find((row) => {
              const place = row.getBoundingClientRect().top;
              return place > top + 100 && place < bottom;
            });
            if (seen) resolve(seen.dataset.key);
            else requestAnimationFrame(look);
          };
          look();
        })"""
    )
    return chat.page.locator(f'.row[data-key="{key}"]')


async def test_of_ten_thousand_messages_only_those_that_are_seen_are_rendered_and_each_can_be_reached(
    tabs: Tabs, tmp_path: Path
) -> None:
    session_id = await write_past(tmp_path, TURNS)
    granted = ["clipboard-read", "clipboard-write"]
    async with scene(tabs, tmp_path, path=f"/s/{session_id}", permissions=granted) as at:
        await expect(at.chat.rows.last).to_have_attribute("aria-setsize", str(2 * TURNS))
        await expect(at.chat.page.get_by_text(f"Question {TURNS}?")).to_be_in_viewport()
        for part, question in ((0.0, "Question 1?"), (0.5, None), (0.25, None), (1.0, f"Question {TURNS}?")):
            await scroll_to(at.chat, part)
            if question is not None:
                await expect(at.chat.page.get_by_text(question, exact=True)).to_be_in_viewport()
            assert await at.chat.rows.count() <= ROWS_MAX
            assert await at.chat.page.evaluate("document.querySelectorAll('*').length") <= NODES_MAX
        # Who selects all of it and copies gets what is not rendered, too.
        await at.chat.field.blur()
        for key in ("Control+a", "Control+c"):
            await at.chat.page.keyboard.press(key)
        copied = await at.chat.page.evaluate("navigator.clipboard.readText()")
        assert [copied.count(f"## {who}\n") for who in ("You", "Assistant")] == [TURNS, TURNS]


@in_the_long_form
async def test_scrolling_up_moves_what_is_read_by_just_as_much(tabs: Tabs, tmp_path: Path) -> None:
    """Rows above have heights that were only guessed; when they are measured nothing jumps."""
    session_id = await write_past(tmp_path, 300)
    async with scene(tabs, tmp_path, path=f"/s/{session_id}") as at:
        await expect(at.chat.page.get_by_text("Question 300?")).to_be_in_viewport()
        await expect_scrolling_up(at.chat, in_view)


@in_the_long_form
async def test_the_reader_s_place_stays_while_text_streams_in(tabs: Tabs, tmp_path: Path) -> None:
    session_id = await write_past(tmp_path, 100)
    gates = [Gate(), Gate()]
    long = " And on it goes." * 200
    answer = stream(Text("It begins."), gates[0], Text(long), gates[1], Text(" It ends."), Finish(), Usage())
    async with scene(tabs, tmp_path, [answer], path=f"/s/{session_id}") as at:
        await at.chat.live()
        await at.chat.say("tell me")
        await gates[0].reached.wait()
        await scroll_to(at.chat, 0.5)
        row = await in_view(at.chat)
        await expect_moved(row, await top_of(row))
        place = await top_of(row)
        gates[0].open()
        await gates[1].reached.wait()
        gates[1].open()
        await happened(at.live, at.chat.session_id, ev.TurnComplete)
        await at.chat.idle()
        await expect_moved(row, place)
        await at.chat.page.locator(".to-end").click()
        await expect(at.chat.answers.last).to_contain_text("It ends.")
        await expect(at.chat.answers.last).to_be_in_viewport()


async def test_the_view_at_the_end_follows_new_messages(tabs: Tabs, tmp_path: Path) -> None:
    session_id = await write_past(tmp_path, 20)
    gate = Gate()
    long = "\n\n".join(f"Paragraph {number}." for number in range(60))
    answer = stream(Text("It begins.\n\n"), gate, Text(f"{long}\n\nIt ends."), Finish(), Usage())
    async with scene(tabs, tmp_path, [answer], path=f"/s/{session_id}") as at:
        await at.chat.live()
        await at.chat.say("tell me")
        await expect(at.chat.answers.last).to_contain_text("It begins.")
        gate.open()
        await expect(at.chat.page.get_by_text("It ends.")).to_be_in_viewport()
        await at.chat.idle()
        await expect(at.chat.page.get_by_text("It ends.")).to_be_in_viewport()


@in_the_long_form
async def test_the_work_for_a_piece_does_not_grow_with_the_message(tabs: Tabs, tmp_path: Path) -> None:
    """Counted in changes of the document: for ten pieces at the beginning of a message, and for ten after 40,000 characters."""
    early, late = ([Gate() for _ in range(11)] for _ in range(2))
    steps: list[Step] = []
    for name, (*gates, counted) in (("early", early), ("late", late)):
        steps += [
            Text(f"{name} begins. "),
            *(step for n, gate in enumerate(gates) for step in (gate, Text(f"{name}{n} "))),
            counted,
        ]
        steps += [Text("And on it goes, **on** and `on`. " * 20 + "\n\n")] * 60
    async with scene(tabs, tmp_path, [stream(*steps, Finish(), Usage())]) as at:
        await at.chat.say("tell me")
        counts = []
        for name, (*gates, counted) in (("early", early), ("late", late)):
            await expect(at.chat.answers).to_contain_text(f"{name} begins.")
            await at.chat.page.evaluate(COUNT_CHANGES)
            for number, gate in enumerate(gates):
                gate.open()
                await expect(at.chat.answers).to_contain_text(f"{name}{number}")
            counts.append(await at.chat.page.evaluate("stopCounting()"))
            counted.open()
        await at.chat.idle()
        assert 0 < counts[1] <= 2 * counts[0], f"changes of the document for ten pieces, early and late: {counts}"
