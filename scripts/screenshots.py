"""Screenshots: makes the README's pictures of the page with a real server and a scripted model: `python -m scripts.screenshots`.

`--all FOLDER [VIEW...]` puts pictures of every view in every look there instead, to be looked at.
"""

import argparse
import asyncio
import contextlib
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import msgspec
from playwright.async_api import Browser, Page, expect

from agent.models.catalog import ModelEntry
from scripts.looks import DARK, HANDHELD, LIGHT, Look, context_of
from scripts.views import take_views
from tests.support.application import settings_for
from tests.support.chromium import MISSING, browsing, chromium
from tests.support.live import listening
from tests.support.models.scripted_model import (
    Answer,
    Call,
    Finish,
    Reason,
    ScriptedModel,
    Step,
    Text,
    Usage,
    stream,
    text,
)

PICTURES = Path(__file__).resolve().parent.parent / "docs" / "screenshots"
TALL = {"width": 1200, "height": 1_250}
MOST_BYTES = 150_000
expect.set_options(timeout=30_000)
USED = Usage(12_400, 310, 9_000)

BEFORE = """def paid_out(depth, sea):
    return depth * 5
"""
CHECK = """from cable import paid_out

assert paid_out(10, sea=1.0) == 50
assert paid_out(10, sea=3.0) == 70, f"in a swell: {paid_out(10, sea=3.0)}"
print("2 checks hold")
"""
PLAN = ["Reproduce the fault", "Mend it, and run the checks", "Send it to your repository"]
SUMMARY = """The swell was ignored: the length was always **five** times the depth. It is seven times now from a sea of \
2 m on, and both checks hold.

| depth | calm sea | swell |
|---|---|---|
| 10 m | 50 m | 70 m |
| 20 m | 100 m | 140 m |

```python
def paid_out(depth, sea):
    return depth * (5 if sea < 2 else 7)
```

I would send it to your repository now."""


def plan(done: int) -> Call:
    """The plan with so many steps behind it."""
    states = ["completed"] * done + ["in_progress"] + ["pending"] * len(PLAN)
    items = [{"text": item, "status": state} for item, state in zip(PLAN, states, strict=False)]
    return Call("plan", {"items": items}, id=f"plan_{done}", index=0)


def asks(*steps: Step) -> Answer:
    """A message that ends in calls."""
    return stream(*steps, Finish("tool_calls"), USED)


STORY: list[Answer] = [
    asks(
        Reason("The checks say what is expected; I run them before I touch anything. "),
        Text("I begin by seeing it fail."),
        plan(0),
        Call("bash", {"command": "python3 check.py"}, id="run_1", index=1),
    ),
    asks(
        Text("The swell makes no difference to the length. That is one line."),
        plan(1),
        Call(
            "edit",
            {"path": "cable.py", "old_string": "depth * 5", "new_string": "depth * (5 if sea < 2 else 7)"},
            id="edit_1",
            index=1,
        ),
        Call("bash", {"command": "python3 check.py"}, id="run_2", index=2),
    ),
    asks(Text(SUMMARY), plan(2), Call("bash", {"command": "git push origin swell"}, id="push", index=1)),
    stream(Text("As you like: it stays here."), Finish(), USED),
]
OTHERS = ["Which of these datasets has French?", "Compare the two training runs", "Tidy up the evaluation notebook"]


@contextlib.asynccontextmanager
async def looking(browser: Browser, look: Look, url: str) -> AsyncIterator[Page]:
    """A page at this address."""
    async with context_of(browser, look) as context:
        page = await context.new_page()
        await page.goto(url)
        yield page


async def send_message(page: Page, words: str) -> None:
    """Write it and send it."""
    field = page.get_by_role("textbox", name="Message")
    await field.fill(words)
    await field.press("Enter")


async def hold_conversation(page: Page, base: str) -> str:
    """Hold the conversation that the pictures are of, beside others; the address of its session."""
    for words in OTHERS:
        await page.goto(base)
        await send_message(page, words)
        await expect(page.locator(".row[data-kind=assistant] .markdown")).to_be_visible()
        await expect(page.get_by_role("button", name="Stop", exact=True)).to_have_count(0)
    session = await (await page.request.post(f"{base}/api/sessions", headers={"origin": base})).json()
    address = f"{base}/api/sessions/{session['session_id']}"
    for name, content in (("cable.py", BEFORE), ("check.py", CHECK)):
        await page.request.put(f"{address}/files/{name}", data=content, headers={"origin": base})
    await page.goto(f"{base}/s/{session['session_id']}")
    await send_message(page, "The cable comes out too short in a swell. Find out why, mend it, and push it.")
    await expect(page.get_by_role("region", name="Waiting for your approval")).to_be_visible()
    return f"{base}/s/{session['session_id']}"


async def take(page: Page, name: str) -> None:
    """One picture. Raises ValueError if it is too large for a README."""
    await page.evaluate("document.fonts.ready")
    path = PICTURES / f"{name}.png"
    size = len(await page.screenshot(path=path, animations="disabled", caret="hide"))
    print(f"{path.name}: {size:,} bytes")
    if size > MOST_BYTES:
        raise ValueError(f"{path.name} has {size:,} bytes, more than {MOST_BYTES:,}")


async def pictures(browser: Browser, base: str) -> None:
    """All of them."""
    async with looking(browser, LIGHT, base) as page:
        address = await hold_conversation(page, base)
    for look in (LIGHT, DARK):
        async with looking(browser, look, address) as page:
            await expect(page.get_by_role("region", name="Waiting for your approval")).to_be_visible()
            await take(page, f"approval-{look.name}")
    for look in HANDHELD:
        async with looking(browser, look, address) as page:
            await expect(page.get_by_role("region", name="Waiting for your approval")).to_be_visible()
            await take(page, f"approval-{look.name}")
            await page.get_by_role("button", name="Sessions", exact=True).click()
            await expect(page.locator("li.session").first).to_be_in_viewport()
            await take(page, f"sessions-{look.name}")
    async with looking(browser, LIGHT, address) as page:
        await expect(page.get_by_role("region", name="Waiting for your approval")).to_be_visible()
        await page.keyboard.press("Alt+n")
        await expect(page.get_by_text("As you like: it stays here.", exact=True)).to_be_visible()
    for look in (LIGHT, DARK):
        async with looking(browser, replace(look, viewport=TALL), address) as page:
            await page.get_by_role("region", name="Plan").locator("summary").click()
            await page.get_by_role("feed").evaluate("(list) => (list.scrollTop = 0)")
            await expect(page.locator(".bubble")).to_be_in_viewport()
            cards = page.locator(".row[data-kind=tool]").filter(has_text="bash").locator("details")
            await cards.evaluate_all("(cards) => cards.forEach((card) => (card.open = true))")
            await expect(page.get_by_role("group", name="Output").first).to_be_visible()
            await take(page, f"tools-{look.name}")


async def main() -> int:
    """Make them; the exit code."""
    parser = argparse.ArgumentParser(prog="screenshots")
    parser.add_argument("--all", type=Path, metavar="FOLDER", help="take every view in every look, into this folder")
    parser.add_argument("views", nargs="*", help="of all views only these")
    given = parser.parse_args()
    if chromium() is None:
        print(f"screenshots: error: {MISSING}", file=sys.stderr)
        return 1
    if given.all:
        given.all.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="holdfast-views-") as folder:
            async with browsing() as browser:
                await take_views(browser, given.all, Path(folder), set(given.views))
        return 0
    PICTURES.mkdir(parents=True, exist_ok=True)
    script = [*(text(f"About this: {words.lower()}") for words in OTHERS), *STORY]
    asking = {"rules": [{"tool": "bash", "action": "ask", "arguments": {"command": "push"}}]}
    with tempfile.TemporaryDirectory(prefix="holdfast-pictures-") as folder:
        async with ScriptedModel(script) as model:
            settings = settings_for(Path(folder), model, policy=asking)
            entry = ModelEntry(name="openai/scripted", label="A model")
            chosen = msgspec.structs.replace(settings.model, models=[entry])
            settings = msgspec.structs.replace(settings, model=chosen)
            async with listening(settings) as live, browsing() as browser:
                await pictures(browser, live.http)
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
