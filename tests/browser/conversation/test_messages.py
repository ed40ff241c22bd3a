"""Messages of the model on the page: markdown while it streams, code, tables, formulas, reasoning, usage."""

import re
from pathlib import Path

from playwright.async_api import expect

from tests.browser.support.scene import Scene, scene
from tests.browser.support.tabs import Tabs
from tests.faults.harness.lengths import in_the_long_form
from tests.support.models.scripted_model import Finish, Gate, Reason, Text, Usage, stream, text

CODE = "def f(x):\n    return x + 1\n"
WHOLE = f"""# Heading

Some **bold**, *slanted* and `inline` words, and a [link](https://example.org/a).

- one
- two

| name | size |
|---|---|
| a.txt | 12 |
| b.txt | 7 |

```python
{CODE}```

The end."""


async def test_markdown_is_made_while_it_streams_and_copied_as_it_was_written(tabs: Tabs, tmp_path: Path) -> None:
    """One conversation, whose turns are these functions."""
    async with scene(tabs, tmp_path, permissions=["clipboard-read", "clipboard-write"]) as at:
        await markdown_is_made_while_it_streams_and_is_the_same_as_history(at)
        await code_and_answers_are_copied_as_they_were_written(at)
        await notes_tasks_alerts_and_later_definitions_of_a_text_that_streams(at)
        await formulas_become_mathml_and_what_is_none_stays_as_it_was_written(at)


async def markdown_is_made_while_it_streams_and_is_the_same_as_history(at: Scene) -> None:
    """In pieces of three characters: every mark is cut in two somewhere."""
    half, gate = WHOLE.index("| name") + 1, Gate()
    first, rest = ([part[at : at + 3] for at in range(0, len(part), 3)] for part in (WHOLE[:half], WHOLE[half:]))
    at.model.extend(stream(*map(Text, first), gate, *map(Text, rest), Finish(), Usage()))
    await at.chat.say("show me")
    answers = at.chat.answers
    await expect(answers.get_by_role("heading", name="Heading")).to_be_visible()
    await expect(answers.get_by_role("listitem")).to_have_text(["one", "two"])
    gate.open()
    await at.chat.idle()
    await expect(answers.get_by_role("link", name="link")).to_have_attribute("href", "https://example.org/a")
    await expect(answers.get_by_role("columnheader")).to_have_text(["name", "size"])
    await expect(answers.get_by_role("cell")).to_have_text(["a.txt", "12", "b.txt", "7"])
    await expect(answers.locator("strong")).to_have_text("bold")
    await expect(answers.locator("pre code")).to_have_text(CODE.strip())
    await expect(answers.locator("pre code .hl-keyword")).to_have_text(["def", "return"])
    streamed = await answers.inner_html()
    await at.chat.page.reload()
    await expect(answers.locator("pre code .hl-keyword")).to_have_text(["def", "return"])
    assert await answers.inner_html() == streamed


async def code_and_answers_are_copied_as_they_were_written(at: Scene) -> None:
    page = at.chat.page
    await at.chat.answers.get_by_role("button", name="Copy").click()
    await expect(at.chat.answers.get_by_role("button", name="Copied")).to_be_visible()
    assert (await page.evaluate("navigator.clipboard.readText()")).strip() == CODE.strip()
    await at.chat.rows.last.locator(".actions").get_by_role("button", name="Copy").click()
    await expect(at.chat.rows.last.locator(".actions").get_by_role("button", name="Copied")).to_be_visible()
    assert await page.evaluate("navigator.clipboard.readText()") == WHOLE


async def notes_tasks_alerts_and_later_definitions_of_a_text_that_streams(at: Scene) -> None:
    gate = Gate()
    first = "See [the docs][d] and list[int] and this[^1].\n\n- [x] done\n- [ ] open\n\n> [!WARNING]\n> Hot.\n\n"
    last = "| left | right |\n|:--|--:|\n| a | b |\n\n[d]: https://example.org/d\n[^1]: The note.\n"
    at.model.extend(stream(Text(first), gate, Text(last), Finish(), Usage()))
    await at.chat.say("show me more")
    answer = at.chat.answers.nth(1)
    await expect(answer.locator("p").first).to_have_text("See [the docs][d] and list[int] and this[^1].")
    await expect(answer.get_by_role("checkbox")).to_have_count(2)
    gate.open()
    await at.chat.idle()
    await expect(answer.locator("p").first).to_have_text("See the docs and list[int] and this1.")
    await expect(answer.get_by_role("link", name="the docs")).to_have_attribute("href", "https://example.org/d")
    await expect(answer.get_by_role("checkbox", name="done")).to_be_checked()
    await expect(answer.locator(".alert")).to_have_text("Hot.")
    await expect(answer.get_by_role("cell", name="b")).to_have_css("text-align", "right")
    await answer.get_by_role("button", name="note 1").click()
    await expect(answer.locator(".footnote")).to_be_focused()


async def formulas_become_mathml_and_what_is_none_stays_as_it_was_written(at: Scene) -> None:
    hostile = r"\(\href{javascript:pwned=1}{y} \includegraphics{https://evil.example/x.png}\)"
    at.model.extend(
        text(rf"Inline \(x^2\), $HOME and $n = 1$.{chr(10)}{chr(10)}\[\frac{{a}}{{b}}\]{chr(10)}{chr(10)}{hostile}")
    )
    await at.chat.say("show me formulas")
    answer = at.chat.answers.nth(2)
    await expect(answer.locator("math")).to_have_count(3)
    await at.chat.idle()
    await expect(answer.locator("p").first).to_contain_text("$HOME and ")
    await expect(answer.locator("math mfrac")).to_be_visible()
    await expect(answer.locator("p").last).to_contain_text("includegraphics")
    assert await answer.locator(":is(a, img)").count() == 0


@in_the_long_form
async def test_reasoning_is_folded_and_opens(tabs: Tabs, tmp_path: Path) -> None:
    gate = Gate()
    answer = stream(Reason("First this, "), gate, Reason("then that."), Text("Done."), Finish(), Usage())
    async with scene(tabs, tmp_path, [answer]) as at:
        await at.chat.say("think")
        await expect(at.chat.page.get_by_text("Thinking…")).to_be_visible()
        gate.open()
        await expect(at.chat.answers).to_have_text("Done.")
        thought = at.chat.page.get_by_text("First this, then that.")
        await expect(thought).to_have_count(0)
        await at.chat.page.get_by_text("Reasoning").click()
        await expect(thought).to_be_visible()
        await at.at_rest()


@in_the_long_form
async def test_usage_cost_and_context_are_shown(tabs: Tabs, tmp_path: Path) -> None:
    async with scene(tabs, tmp_path, [stream(Text("Yes."), Finish(), Usage(1_500, 40, 500))]) as at:
        await at.chat.say("hello")
        await at.chat.button(re.compile("^Usage: context 1% full")).click()
        facts = at.chat.page.get_by_role("group", name="Usage")
        await expect(facts).to_contain_text("1% full: 1.5k of 128k tokens")
        await expect(facts).to_contain_text("1.5k tokens, 500 of them cached")
        await expect(facts).to_contain_text("40 tokens")
