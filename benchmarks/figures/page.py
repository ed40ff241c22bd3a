"""Page: its first paint in Chromium, and the longest frame while a long answer streams in, one of a table too."""

import asyncio
from statistics import median

from playwright.async_api import Browser, Page

from benchmarks.processes import server
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
MODEL = "hosted_vllm/scripted"
TURN_S = 180.0

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
HEAD = "| n | a | b | c |\n|---|---|---|---|\n"
ROW = "| 1204 | 77192 | 604811 | 31 |\n"
WATCH = """() => {
  const seen = (globalThis.frames = { count: 0, longest: 0, over: 0 });
  const channel = new MessageChannel();
  let began = 0;
  channel.port1.onmessage = () => {
    const took = performance.now() - began;
    seen.count += 1;
    seen.longest = Math.max(seen.longest, took);
    if (took > 50) seen.over += 1;
  };
  // A message posted in a frame's callback is taken once the frame's style, layout and paint are done.
  const frame = () => {
    began = performance.now();
    channel.port2.postMessage(null);
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}"""
ANSWERED = """() => new Promise((resolve) => {
  const field = document.getElementById("message");
  const look = () => field.placeholder === "Say something…" && resolve();
  new MutationObserver(look).observe(field, { attributeFilter: ["placeholder"] });
})"""
"""Asked by role, again and again, the browser would look through the whole answer each time, which is no work of the page's."""
PAINTED = """() => new Promise((resolve) => new PerformanceObserver((list) => {
  for (const { name, startTime } of list.getEntries()) if (name === "first-contentful-paint") resolve(startTime);
}).observe({ type: "paint", buffered: true }))"""


async def measure(loads: int = LOADS, tokens: int = TOKENS) -> list[Row]:
    """Nothing where there is no Chromium. The model lives here, because its answer is made for this."""
    if chromium() is None:
        print(MISSING, end=" ", flush=True)
        return []
    async with (
        ScriptedModel([answer(tokens, PASSAGE), answer(tokens, ROW, HEAD)]) as model,
        server(model.api_base, MODEL) as target,
        browsing() as browser,
    ):
        paints = [await first_paint_ms(browser, target.address) for _ in range(loads)]
        longest, over, count = await frames(browser, target.address)
        table_longest, table_over, table_count = await frames(browser, target.address)
    return [
        Row(
            figure="the page: from its address to its first paint, nothing kept by the browser",
            ours=median(paints),
            unit="ms",
            bound=f"< {PAINT_MAX_MS:g} ms",
            within=median(paints) < PAINT_MAX_MS,
        ),
        Row(
            figure=f"the page: the longest of {count:,} frames, while {tokens:,} tokens stream in",
            ours=longest,
            unit="ms",
            bound=f"≤ {FRAME_MAX_MS:g} ms ({over} over)",
            within=longest <= FRAME_MAX_MS,
        ),
        Row(
            figure=f"the page: the longest of {table_count:,} frames, while one table of {tokens:,} tokens streams in",
            ours=table_longest,
            unit="ms",
            bound=f"≤ {FRAME_MAX_MS:g} ms ({table_over} over)",
            within=table_longest <= FRAME_MAX_MS,
        ),
    ]


def answer(tokens: int, passage: str, before: str = "") -> Answer:
    """So many tokens of a passage, again and again."""
    text = before + passage * (tokens * TOKEN_CHARS // len(passage) + 1)
    size = BURST * TOKEN_CHARS
    steps: list[Step] = [Text(text[at : at + size], BURST_S) for at in range(0, tokens * TOKEN_CHARS, size)]
    return stream(*steps, Finish(), Usage())


async def first_paint_ms(browser: Browser, address: str) -> float:
    """Of a visitor who was never here."""
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(address)
    painted = await page.evaluate(PAINTED)
    await context.close()
    return float(painted)


async def frames(browser: Browser, address: str) -> tuple[float, int, int]:
    """The longest frame in ms, how many were over the bound, and how many there were, from the question to the end."""
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(address)
    await ask(page)
    seen = await page.evaluate("frames")
    await context.close()
    return float(seen["longest"]), int(seen["over"]), int(seen["count"])


async def ask(page: Page) -> None:
    """Say something and wait for the end of the answer."""
    field = page.get_by_role("textbox", name="Message")
    await field.fill("tell me")
    await page.evaluate(WATCH)
    await field.press("Enter")
    stop = page.get_by_role("button", name="Stop", exact=True)
    await stop.wait_for()
    await asyncio.wait_for(page.evaluate(ANSWERED), TURN_S)
