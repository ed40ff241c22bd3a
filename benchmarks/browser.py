"""Browser: the page in Chromium as the benchmarks look at it: its frames, the CPU of its process, what it keeps, its longest task."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import msgspec
from playwright.async_api import Browser, CDPSession, Page

TURN_S = 180.0
REST_S = 0.5
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


LISTED = """() => new Promise((resolve) => {
  const seen = new PerformanceObserver((list) => {
    if (!list.getEntries().some(({ name }) => name.endsWith("/api/sessions"))) return;
    seen.disconnect();
    requestAnimationFrame(() => setTimeout(resolve, 100));
  });
  seen.observe({ type: "resource" });
  document.dispatchEvent(new Event("visibilitychange"));
})"""
"""The page asks for the list of sessions when it is looked at again; resolves once what came of it is drawn."""


class Kept(msgspec.Struct, frozen=True):
    """What a page keeps after a collection of garbage: bytes of its scripts' objects, nodes, listeners."""

    heap_bytes: int
    nodes: int
    listeners: int


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
    await answered(page)


async def answered(page: Page) -> None:
    """Wait for the end of the answer that was asked for."""
    await page.get_by_role("button", name="Stop", exact=True).wait_for()
    await asyncio.wait_for(page.evaluate(ANSWERED), TURN_S)


async def renderer_cpu_s(browser: Browser, address: str) -> float:
    """CPU seconds of the page's own process, all its threads, from the question to the rest after the answer."""
    control = await browser.new_browser_cdp_session()
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(address)
    field = page.get_by_role("textbox", name="Message")
    await field.fill("tell me")
    await asyncio.sleep(REST_S)
    before = await _renderers_s(control)
    await field.press("Enter")
    await answered(page)
    await asyncio.sleep(REST_S)
    after = await _renderers_s(control)
    await context.close()
    await control.detach()
    return max(now - before.get(process, 0.0) for process, now in after.items())


async def _renderers_s(control: CDPSession) -> dict[int, float]:
    """CPU seconds of each renderer process so far."""
    found = (await control.send("SystemInfo.getProcessInfo"))["processInfo"]
    return {each["id"]: each["cpuTime"] for each in found if each["type"] == "renderer"}


async def kept(page: Page) -> Kept:
    """What is left after a collection of garbage."""
    session = await page.context.new_cdp_session(page)
    await session.send("Performance.enable")
    for _ in range(3):  # an object's finalizer may let others go
        await session.send("HeapProfiler.collectGarbage")
    metrics = {each["name"]: int(each["value"]) for each in (await session.send("Performance.getMetrics"))["metrics"]}
    await session.detach()
    return Kept(metrics["JSHeapUsedSize"], metrics["Nodes"], metrics["JSEventListeners"])


async def longest_task_ms(browser: Browser, page: Page, act: Callable[[], Awaitable[object]]) -> float:
    """The CPU time of the longest task on the main thread of the page's process while something is done, in ms."""
    await browser.start_tracing(page=page, categories=["toplevel"])
    await act()
    events = json.loads(await browser.stop_tracing())["traceEvents"]
    mains = {(one["pid"], one["tid"]) for one in events if one.get("args", {}).get("name") == "CrRendererMain"}
    tasks: list[float] = [one["tdur"] for one in events if "tdur" in one and (one["pid"], one["tid"]) in mains]
    return max(tasks) / 1_000
