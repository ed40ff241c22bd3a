"""Tabs: the tabs of a test, and what happened in them: console faults, policy violations."""

import re
from typing import Any

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Error, ViewportSize, expect

from tests.browser.support.chat import Chat

PATIENCE_MS = 30_000
expect.set_options(timeout=PATIENCE_MS)

DESKTOP: ViewportSize = {"width": 1100, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 760}
TALL: ViewportSize = {"width": 1100, "height": 2_400}
"""Shows a conversation of many turns whole."""

NETWORK = r"^(?!.*net::ERR_NAME_NOT_RESOLVED).*(Failed to load resource|WebSocket connection to|when fetching the script|net::ERR_)"
"""What the browser itself says of connections that fail, for tests that make them fail. Other machines are never asked."""

# Reported to the test from inside the page, before any script of the page runs.
REPORT_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) => reportFault(`${event.violatedDirective} was breached: ${event.blockedURI} ${event.sample}`));
"""
WITHOUT_WORKER = "delete Navigator.prototype.serviceWorker;"


class Tabs:
    """Opens tabs. `faults` is what was seen that nobody expects; `check` fails for it."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self._expected: list[re.Pattern[str]] = []
        self._seen: list[str] = []

    def expects(self, *patterns: str) -> None:
        """Faults that match one of these are part of this test."""
        self._expected += [re.compile(pattern) for pattern in patterns]

    @property
    def faults(self) -> list[str]:
        """What was seen, without what is expected."""
        return [seen for seen in self._seen if not any(each.search(seen) for each in self._expected)]

    async def open(
        self,
        url: str,
        *,
        beside: Chat | None = None,
        script: str = "",
        requests: list[str] | None = None,
        **options: Any,
    ) -> Chat:
        """A new tab at this address, as a new visitor or beside another tab.

        `script` runs before those of the page; `requests` gets the URL of each request, which takes a third of what a tab
        costs the test; `options` are those of `context` and of Playwright's `new_context`.
        """
        context = beside.page.context if beside is not None else await self.context(**options)
        page = await context.new_page()
        page.on("console", self._console)
        page.on("pageerror", self._error)
        if requests is not None:
            page.on("request", lambda request: requests.append(request.url))
        if script:
            await page.add_init_script(script)
        await page.goto(url)
        return Chat(page)

    async def context(self, *, worker: bool = False, **options: Any) -> BrowserContext:
        """A visitor who was never here. `worker`: whose browser has service workers: one fetches and keeps all files of the page, which others are spared."""
        context = await self._browser.new_context(**{"viewport": DESKTOP, "reduced_motion": "reduce", **options})
        context.set_default_timeout(PATIENCE_MS)
        self._contexts.append(context)
        await context.expose_function("reportFault", self._report)
        await context.add_init_script(REPORT_VIOLATIONS if worker else REPORT_VIOLATIONS + WITHOUT_WORKER)
        return context

    async def close(self) -> None:
        """Close all of them."""
        while self._contexts:
            await self._contexts.pop().close()

    def check(self) -> None:
        """Fails if anything went wrong in a tab, or was asked of another machine."""
        if self.faults:
            raise AssertionError("in the browser: " + "\n".join(self.faults))

    def _report(self, fault: str) -> None:
        self._seen.append(fault)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self._seen.append(f"console: {message.text}")

    def _error(self, error: Error) -> None:
        self._seen.append(f"page: {error.message}\n{error.stack}")
