"""Markdown in the browser: a text that comes in pieces ends as the same elements as the whole, also if it is one long block."""

import json
from pathlib import Path

from playwright.async_api import Page

from tests.browser.support.scene import scene
from tests.browser.support.tabs import Tabs

EVERYDAY = Path(__file__).parents[2] / "unit" / "clients" / "web" / "markdown" / "everyday.json"
TABLE = "| number | text |\n|---|---|\n" + "".join(f"| {n} | row {n} |\n" for n in range(400)) + "\n\nEnd.\n"
LONG = {
    "a table": TABLE,
    "a list": "".join(f"{n}. item {n}\n" for n in range(1, 301)) + "\nEnd.\n",
    "a list that becomes loose": "".join(f"- item {n}\n" for n in range(200)) + "\n- last\n\nEnd.\n",
    "a fence": "```text\n" + "".join(f"line {n} of the code\n" for n in range(1_500)) + "```\n\nEnd.\n",
    "late definitions": "[a] and [^b]\n\n" * 50 + "- [a]\n" * 100 + "\n[a]: https://example.org\n\n[^b]: note\n",
    "line ends": "one\r\ntwo\rthree\r\n\r\n- four\r\n",
}
SHOW = """async (texts) => {
  const { MarkdownWriter } = await import("/static/app/markdown/writer.js");
  globalThis.shown = texts.map((text, number) => {
    const pair = [text.length, 1 + (number % 5) * 40].map((size) => {
      const root = document.body.appendChild(document.createElement("div"));
      root.className = "markdown";
      const writer = new MarkdownWriter(root, []);
      for (let at = size; at < text.length; at += size) writer.show(text.slice(0, at), false);
      writer.show(text, true);
      return root;
    });
    return { text, pair };
  });
}"""
"""Each text as a whole, and in pieces. Those of the latter come in one frame, so the rest of a long one takes some more."""
REMOVE = "() => { for (const { pair } of shown) for (const root of pair) root.remove(); }"
DIFFERENT = """() => new Promise((resolve) => {
  const html = (root) => root.innerHTML.replace(/ style="[^"]*"/g, "");
  let left = 600;
  const look = () => {
    const different = shown.filter(({ pair: [whole, pieces] }) => html(whole) !== html(pieces) || pieces.querySelector("[data-waiting]"));
    const short = shown.filter(({ text, pair: [whole] }) => text.endsWith("End.\\n") && !whole.textContent.endsWith("End."));
    if ((different.length || short.length) && (left -= 1) > 0) requestAnimationFrame(look);
    else resolve([...different, ...short].map(({ text, pair }) => [text.slice(0, 200), ...pair.map((root) => html(root).slice(0, 2000))]));
  };
  look();
})"""


async def test_a_text_in_pieces_ends_as_the_same_elements_as_the_whole_and_of_a_long_one_only_what_is_near_is_laid_out(
    tabs: Tabs, tmp_path: Path
) -> None:
    async with scene(tabs, tmp_path) as at:
        await a_text_in_pieces_ends_as_the_same_elements_as_the_whole(at.chat.page)
        await at.chat.page.evaluate(REMOVE)
        await a_long_table_list_fence_or_paragraph_is_whole_and_only_what_is_near_is_laid_out(at.chat.page)


async def a_text_in_pieces_ends_as_the_same_elements_as_the_whole(page: Page) -> None:
    texts = [case["markdown"] for case in json.loads(EVERYDAY.read_text())] + list(LONG.values())
    await page.evaluate(SHOW, texts)
    assert await page.evaluate(DIFFERENT) == []


async def a_long_table_list_fence_or_paragraph_is_whole_and_only_what_is_near_is_laid_out(page: Page) -> None:
    await page.evaluate(SHOW, [LONG["a table"], LONG["a list"], LONG["a fence"], f"{'word ' * 12_000}\n\nEnd.\n"])
    assert await page.evaluate(DIFFERENT) == []
    tables, lists, fences, _ = await page.evaluate(
        """() => shown.map(({ pair }) => pair.map((root) => [
          [...root.querySelectorAll("tbody tr, li")].map((each) => each.textContent),
          [...root.querySelectorAll("tbody tr:first-child")].map((row) => Math.round(row.lastElementChild.getBoundingClientRect().left)),
          root.querySelector("code")?.textContent,
          [...root.querySelectorAll(".chunk")].filter((chunk) => chunk.firstChild.checkVisibility?.({ contentVisibilityAuto: true })).length,
        ]))"""
    )
    for rows, edges, _, laid_out in tables:
        assert rows == [f"{n}row {n}" for n in range(400)]
        assert max(edges) - min(edges) <= 1, "the columns of a table that goes on are where they were"
        assert laid_out <= 3
    for items, _, _, _ in lists:
        assert items == [f"item {n}" for n in range(1, 301)]
    for _, _, code, _ in fences:
        assert code == "\n".join(f"line {n} of the code" for n in range(1_500))
