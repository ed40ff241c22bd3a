"""Chat page: finds what a person sees by its role and name, and does what a person does."""

import re
from urllib.parse import urlsplit

from playwright.async_api import Locator, Page, expect

from protocol.content import AssistantMessage, ToolMessage, UserMessage
from protocol.view import View
from tests.browser.support.journal import view_of

MESSAGES = ".row[data-kind=user] .bubble, .row[data-kind=assistant] .markdown, .tool > details > summary .tool-name"
"""What stands for each message of the journal: its text, or the name of its tool."""

DRAWN = "() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))"
"""Until the next frame was drawn."""

DRAG = """(main, [kind, name, text]) => {
  const data = new DataTransfer();
  data.items.add(new File([text], name));
  main.dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
}"""


class Chat:
    """One tab."""

    def __init__(self, page: Page) -> None:
        self.page = page

    @property
    def session_id(self) -> str:
        """Of the address, which names the session."""
        found = re.search(r"/s/([^/]+)$", urlsplit(self.page.url).path)
        assert found, f"the address names no session: {self.page.url}"
        return found[1]

    @property
    def field(self) -> Locator:
        """Where one writes."""
        return self.page.get_by_role("textbox", name="Message")

    @property
    def rows(self) -> Locator:
        """All that the conversation shows, from the oldest."""
        return self.page.get_by_role("feed", name="Conversation").get_by_role("article")

    @property
    def messages(self) -> Locator:
        """What stands for the messages, see `MESSAGES`."""
        return self.page.locator(MESSAGES)

    @property
    def answers(self) -> Locator:
        """What the model said."""
        return self.page.locator(".row[data-kind=assistant] .markdown")

    @property
    def tools(self) -> Locator:
        """Cards of tool calls."""
        return self.page.locator(".row[data-kind=tool]")

    @property
    def notes(self) -> Locator:
        """What happened that is no message."""
        return self.page.locator(".row[data-kind=note]")

    @property
    def approvals(self) -> Locator:
        """Calls that wait for an answer."""
        return self.page.get_by_role("region", name="Waiting for your approval").get_by_role("article")

    @property
    def line(self) -> Locator:
        """What the page says about its connection."""
        return self.page.locator(".connection")

    @property
    def sessions(self) -> Locator:
        """The entries of the sidebar."""
        return self.page.get_by_role("navigation", name="Sessions").locator("li.session")

    def button(self, name: str | re.Pattern[str], *, exact: bool = True) -> Locator:
        """A button by its name."""
        return self.page.get_by_role("button", name=name, exact=exact)

    async def say(self, text: str) -> None:
        """Write it and press Enter; on a touch screen, where that makes a new line, the button."""
        await self.field.fill(text)
        if await self.page.evaluate("matchMedia('(pointer: coarse)').matches"):
            await self.page.locator(".composer button[type=submit]").click()
        else:
            await self.field.press("Enter")

    async def more(self, name: str) -> None:
        """Choose from the menu of the conversation."""
        await self.page.get_by_label("More", exact=True).click()
        await self.button(name).click()

    async def of_session(self, title: str, name: str) -> None:
        """Choose from the menu of a session in the list."""
        await self.button(f"More for “{title}”").click()
        await self.page.get_by_role("group", name=f"“{title}”").get_by_role("button", name=name).click()

    async def drop(self, name: str, text: str) -> None:
        """Drag a file onto the page and let it go."""
        main = self.page.get_by_role("main")
        await main.evaluate(DRAG, ["dragenter", name, text])
        await expect(self.page.get_by_text("Drop files here")).to_be_visible()
        await main.evaluate(DRAG, ["drop", name, text])

    async def live(self) -> None:
        """Until the page says that it is connected."""
        await expect(self.line).to_have_attribute("data-phase", "live")

    async def idle(self) -> None:
        """Until no turn runs, and nothing that was said waits for one."""
        await self.page.evaluate(DRAWN)  # what was pressed just now is shown from here on
        await expect(self.page.locator(".row[data-kind=waiting]")).to_have_count(0)
        await expect(self.field).to_have_attribute("placeholder", "Say something…")

    async def shows_the_journal(self, server: str) -> View:
        """Until the page shows the journal's messages, no more and no less, and in their order; gives the journal's view.

        `server`: where to ask, which may be past a proxy. For conversations that fit on the screen, of plain text.
        """
        view = await view_of(server, self.session_id)
        await expect(self.messages).to_have_text(texts(view), use_inner_text=True)
        return view


def texts(view: View) -> list[str]:
    """What a page shows for each message, with all space as one."""
    shown: list[str] = []
    for message in view.messages:
        if isinstance(message, UserMessage):
            shown.append(message.text)
        elif isinstance(message, AssistantMessage):
            shown += [message.text] if message.text else []
        elif isinstance(message, ToolMessage):
            shown.append(message.tool)
    if view.open_message is not None and view.open_message.text:
        shown.append(view.open_message.text)
    return [" ".join(text.split()) for text in shown]
