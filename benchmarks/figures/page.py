"""Page: its first paint in Chromium, its frames and CPU while a long answer streams in, and what many sessions cost it."""

import contextlib
from collections.abc import AsyncIterator
from statistics import median

import httpx
from playwright.async_api import Browser, Page

from benchmarks.browser import LISTED, Kept, answered, first_paint_ms, frames, kept, longest_task_ms, renderer_cpu_s
from benchmarks.processes import Server, server
from benchmarks.table import Row
from tests.support.chromium import MISSING, browsing, chromium
from tests.support.models.scripted_model import Answer, Finish, ScriptedModel, Step, Text, Usage, stream

LOADS = 7
PAINT_MAX_MS = 1_000.0
FRAME_MAX_MS = 50.0
TOKENS = 50_000
TOKEN_CHARS = 4
BURST, BURST_S = 20, 0.01
"""Tokens that come together, and the time between two such bursts: some twenty times the speed of a fast model."""
SESSIONS = 1_000
TASK_MAX_MS = 16.0
LOOKS = 7
SWITCHES = 300
OPENED = 8
"""Sessions between which one switches; each has a short conversation."""
HEAP_MAX_KIB = 1_024.0
MODEL = "hosted_vllm/scripted"

PASSAGE = """## What holds a ship

A cable of *hemp* is made fast to the **bitts**, and what is paid out is `five times` the depth of the water: the
weight of the cable lies on the ground and takes the shock of every sea before the anchor feels it.

- the anchor holds by its flukes;
- the cable holds by its weight, see [the table](https://example.org/cables).

| depth | cable |
|---|---|
| 10 m | 50 m |

```python
def paid_out(depth: float, sea: float) -> float:
    return depth * (5.0 if sea < 2.0 else 7.0)  # more in a swell
```

"""
PARAGRAPH = (
    "A cable of *hemp* is made fast to the **bitts**, and what is paid out is `five times` the depth of the water: the weight of "
    "the cable lies on the ground and takes the shock of every sea before the anchor feels it, see [the table](https://example.org/cables). "
)
HEAD = "| n | a | b | c |\n|---|---|---|---|\n"
ROW = "| 1204 | 77192 | 604811 | 31 |\n"


SWITCH = """async (times) => {
  const links = [...document.querySelectorAll("li.session > a")];
  for (let number = 0; number < times; number += 1) {
    links[number % links.length].click();
    const shown = () => document.querySelector(".row[data-kind=assistant]") && location.href === links[number % links.length].href;
    while (!shown()) await new Promise(requestAnimationFrame);
    await new Promise((drawn) => setTimeout(drawn, 30));
  }
}"""
"""Each in turn, until its conversation is drawn."""


async def measure(
    loads: int = LOADS, tokens: int = TOKENS, sessions: int = SESSIONS, switches: int = SWITCHES
) -> list[Row]:
    """Nothing where there is no Chromium. The model lives here, because its answer is made for this."""
    if chromium() is None:
        print(MISSING, end=" ", flush=True)
        return []
    async with browsing() as browser:
        async with (
            ScriptedModel(
                [
                    answer(tokens, PASSAGE),
                    answer(tokens, ROW, HEAD),
                    answer(tokens, PARAGRAPH),
                    answer(tokens, PASSAGE),
                ]
            ) as model,
            server(model.api_base, MODEL) as target,
        ):
            paints = [await first_paint_ms(browser, target.address) for _ in range(loads)]
            prose = await frames(browser, target.address)
            table = await frames(browser, target.address)
            paragraph = await frames(browser, target.address)
            cpu_s = await renderer_cpu_s(browser, target.address)
        before, after = await switched(browser, switches)
        same, changed = await listed(browser, sessions)
    return [
        Row(
            figure="the page: from its address to its first paint, nothing kept by the browser",
            ours=median(paints),
            unit="ms",
            bound=f"< {PAINT_MAX_MS:g} ms",
            within=median(paints) < PAINT_MAX_MS,
        ),
        frames_row("", tokens, prose),
        frames_row("one table of ", tokens, table),
        frames_row("one paragraph of ", tokens, paragraph),
        Row(figure=f"the page: CPU of its process for {tokens:,} tokens, all threads", ours=cpu_s, unit="s"),
        Row(
            figure=f"the page: what {switches} switches between {OPENED} sessions add to its scripts' heap",
            ours=(after.heap_bytes - before.heap_bytes) / 1024,
            unit="KiB",
            bound=f"≤ {HEAP_MAX_KIB:g} KiB, no listener ({after.listeners - before.listeners})",
            within=after.heap_bytes - before.heap_bytes <= HEAP_MAX_KIB * 1024 and after.listeners <= before.listeners,
        ),
        task_row("nothing of which changed", sessions, same),
        task_row("one of which changed", sessions, changed),
    ]


def frames_row(what: str, tokens: int, seen: tuple[float, int, int]) -> Row:
    """The longest frame, how many were over the bound, and how many there were."""
    longest, over, count = seen
    return Row(
        figure=f"the page: the longest of {count:,} frames, while {what}{tokens:,} tokens stream in",
        ours=longest,
        unit="ms",
        bound=f"≤ {FRAME_MAX_MS:g} ms ({over} over)",
        within=longest <= FRAME_MAX_MS,
    )


def task_row(what: str, sessions: int, tasks: list[float]) -> Row:
    """The longest task of each look at the list."""
    return Row(
        figure=f"the page: the longest task of a look at {sessions:,} sessions, {what}",
        ours=median(tasks),
        unit="ms",
        bound=f"≤ {TASK_MAX_MS:g} ms (largest {max(tasks):.1f})",
        within=median(tasks) <= TASK_MAX_MS,
    )


def answer(tokens: int, passage: str, before: str = "") -> Answer:
    """So many tokens of a passage, again and again."""
    text = before + passage * (tokens * TOKEN_CHARS // len(passage) + 1)
    size = BURST * TOKEN_CHARS
    steps: list[Step] = [Text(text[at : at + size], BURST_S) for at in range(0, tokens * TOKEN_CHARS, size)]
    return stream(*steps, Finish(), Usage())


async def switched(browser: Browser, switches: int) -> tuple[Kept, Kept]:
    """What the page keeps before and after so many switches; each session was opened once before."""
    async with _page([answer(400, PASSAGE)] * OPENED, browser) as (_, page):
        for _ in range(OPENED):
            await page.get_by_role("button", name="New session").click()
            await page.get_by_role("textbox", name="Message").fill("tell me")
            await page.keyboard.press("Enter")
            await answered(page)
        await page.evaluate(SWITCH, 2 * OPENED)
        before = await kept(page)
        await page.evaluate(SWITCH, switches)
        return before, await kept(page)


async def listed(browser: Browser, sessions: int) -> tuple[list[float], list[float]]:
    """The longest task of each look at the list of so many sessions, in ms: where nothing changed, and where one did."""
    async with _page([], browser) as (target, page), httpx.AsyncClient(base_url=target.address) as client:
        made = [(await client.post("/api/sessions")).json()["session_id"] for _ in range(sessions)]
        await page.evaluate(LISTED)

        async def look() -> float:
            return await longest_task_ms(browser, page, lambda: page.evaluate(LISTED))

        same = [await look() for _ in range(LOOKS)]
        changed = []
        for number in range(LOOKS):
            answer = await client.patch(f"/api/sessions/{made[number]}", json={"listed": "pinned"})
            answer.raise_for_status()
            changed.append(await look())
    return same, changed


@contextlib.asynccontextmanager
async def _page(answers: list[Answer], browser: Browser) -> AsyncIterator[tuple[Server, Page]]:
    """A server with a model that answers so, and its page."""
    async with ScriptedModel(answers) as model, server(model.api_base, MODEL) as target:
        context = await browser.new_context()
        page = await context.new_page()
        await page.goto(target.address)
        await page.get_by_role("textbox", name="Message").wait_for()
        yield target, page
        await context.close()
