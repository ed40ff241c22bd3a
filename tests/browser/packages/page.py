"""A page of these tests: it is at the server's origin, and shows messages, calls and a field to write in."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from playwright.async_api import BrowserContext, Locator, Page, Route, expect

from protocol.content import AssistantMessage, Message, ToolMessage, UserMessage
from tests.browser.support.journal import view_of
from tests.browser.support.tabs import Tabs
from tests.support.application import ASKS_TO_WRITE, settings_for
from tests.support.live import Live, listening
from tests.support.models.scripted_model import Answer, ScriptedModel

HTML = '<!doctype html><meta charset="utf-8"><title>page</title><body><script type="module" src="/page/script.js"></script>'


class OtherPage:
    """One tab."""

    def __init__(self, page: Page, server: str) -> None:
        self.page = page
        self._server = server
        self.answers = page.locator("[data-role=assistant]")
        self.questions = page.locator("[data-role=user]")

    @classmethod
    async def open(cls, context: BrowserContext, server: str, script: str, session_id: str = "") -> "OtherPage":
        """A new tab; the script is that of the page."""

        async def serve(route: Route) -> None:
            if route.request.url.endswith(".js"):
                await route.fulfill(body=script, content_type="text/javascript")
            else:
                await route.fulfill(body=HTML, content_type="text/html")

        page = await context.new_page()
        await page.route("**/page/**", serve)
        await page.goto(f"{server}/page/#{session_id}")
        return cls(page, server)

    async def beside(self, script: str) -> "OtherPage":
        """Another tab on the same session."""
        return await self.open(self.page.context, self._server, script, self.session_id)

    @property
    def session_id(self) -> str:
        """The session's id, once there is one."""
        return self.page.url.partition("#")[2]

    def call(self, tool: str) -> Locator:
        """The calls of a tool."""
        return self.page.locator(f"[data-call={tool}]")

    async def say(self, text: str) -> None:
        """Write and send."""
        field = self.page.get_by_label("Message")
        await expect(self.page.locator("[data-phase=live]")).to_be_attached()
        await field.fill(text)
        await field.press("Enter")

    async def press(self, name: str) -> None:
        """Press a button."""
        await self.page.get_by_role("button", name=name, exact=True).click()

    async def is_ready(self) -> None:
        """Until nothing runs here."""
        await expect(self.page.locator("output")).to_have_text("ready")

    async def shows_the_journal(self) -> None:
        """Each message of the journal is there, once, in order."""
        view = await view_of(self._server, self.session_id)
        said = [message.text for message in view.messages if isinstance(message, UserMessage)]
        await expect(self.questions).to_have_text(said)
        answers: list[str] = []
        before: Message | None = None
        for message in view.messages:
            if not isinstance(message, UserMessage):
                if before is None or isinstance(before, UserMessage):
                    answers.append("")
                answers[-1] += shown(message)
            before = message
        await expect(self.answers).to_have_text(answers)


def shown(message: AssistantMessage | ToolMessage) -> str:
    """What the pages show of it. Of a call that was rejected that shows its state."""
    if isinstance(message, AssistantMessage):
        return message.text
    return "" if message.state == "rejected" else message.output


@contextlib.asynccontextmanager
async def talking(tabs: Tabs, folder: Path, script: str, *answers: Answer) -> AsyncIterator[tuple[OtherPage, Live]]:
    """A page at a new server whose model gives these answers."""
    async with ScriptedModel(answers) as model:
        async with listening(settings_for(folder, model, policy=ASKS_TO_WRITE)) as live:
            try:
                yield await OtherPage.open(await tabs.context(), live.http, script), live
            finally:
                await tabs.close()
