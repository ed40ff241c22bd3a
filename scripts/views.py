"""Views: every view of the page in four looks, as pictures to look at; `python -m scripts.screenshots --all FOLDER` takes them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Browser, FilePayload, Page, expect

from scripts.looks import DARK, HANDHELD, LIGHT, Look, context_of
from scripts.view_sessions import ASKS, RUNS, Sessions, begin, log_in, make_sessions, says
from tests.support.application import settings_for
from tests.support.live import Address, listening
from tests.support.models.scripted_model import ScriptedModel
from tests.support.network.tcp_proxy import TcpProxy

Show = Callable[["Looking"], Awaitable[object]]
"""Brings a page to a view."""


@dataclass
class Looking:
    """A page of the sessions' owner, in one look."""

    page: Page
    at: Sessions
    look: Look
    proxy: TcpProxy

    async def open(self, name: str, first: str = "") -> None:
        """The session of this name, once it is shown; `first`: what else has to be there."""
        await self.page.goto(self.at.of[name])
        await expect(self.page.locator(".connection")).to_have_attribute("data-phase", "live")
        await expect(self.page.locator(".row").first).to_be_attached()
        if first:
            await expect(self.page.locator(first).first).to_be_visible()

    async def press(self, name: str, *, exact: bool = True) -> None:
        """The button."""
        await self.page.get_by_role("button", name=name, exact=exact).first.click()

    async def command(self, name: str) -> None:
        """What the `/` commands do."""
        field = self.page.get_by_role("textbox", name="Message")
        await field.fill(f"/{name}")
        await expect(self.page.locator(".offers li").first).to_be_visible()
        await field.press("Enter")

    async def list_of_sessions(self) -> None:
        """On a phone it is opened."""
        if self.look.phone:
            await self.page.locator(".menu-button").click()
        await expect(self.page.locator("li.session").first).to_be_in_viewport()

    async def top(self) -> None:
        """The beginning of the conversation."""
        await self.page.get_by_role("feed").evaluate("(list) => (list.scrollTop = 0)")
        await expect(self.page.locator(".row[aria-posinset='1']")).to_be_in_viewport()


async def empty(at: Looking) -> None:
    await at.page.goto(f"{at.at.base}/")
    await expect(at.page.locator(".idea").first).to_be_visible()


async def rich_top(at: Looking) -> None:
    await at.open("rich", ".markdown")
    await at.top()


async def rich_middle(at: Looking) -> None:
    await rich_top(at)
    await at.page.locator(".markdown .code").first.evaluate("(code) => code.scrollIntoView()")


async def tools_open(at: Looking) -> None:
    await at.open("tools", ".tool")
    await at.page.locator(".tool > details").evaluate_all("(all) => all.forEach((one) => (one.open = true))")
    await at.page.locator(".plan summary").first.click()
    await at.top()


async def approval_edit(at: Looking) -> None:
    await at.open("approval", ".approvals")
    await at.press("Edit…")


async def approval_reject(at: Looking) -> None:
    await at.open("approval", ".approvals")
    await at.press("Reject…")


async def files(at: Looking) -> None:
    await at.open("tools", ".tool")
    await at.press("Files")
    await expect(at.page.locator(".file-list li")).to_have_count(5)


async def preview(at: Looking) -> None:
    await files(at)
    await at.press("Show data/losses.csv")
    await at.press("Show losses.png")
    await expect(at.page.locator(".preview").last).to_be_visible()


async def file_deletion(at: Looking) -> None:
    await files(at)
    await at.press("Delete notes.md…")


async def search(at: Looking) -> None:
    await at.open("rich", ".markdown")
    await at.list_of_sessions()
    await at.page.get_by_role("searchbox", name="Search sessions").fill("report")
    await expect(at.page.locator(".session-found").first).to_be_visible()


async def find(at: Looking) -> None:
    await at.open("rich", ".markdown")
    await at.command("find")
    await at.page.locator(".find input").fill("check")
    await expect(at.page.locator(".find [role=status]")).to_contain_text("of")


async def offers(at: Looking) -> None:
    await at.open("rich", ".markdown")
    await at.page.get_by_role("textbox", name="Message").fill("/")
    await expect(at.page.locator(".offers li").first).to_be_visible()


async def archive(at: Looking) -> None:
    await at.open("rich", ".markdown")
    await at.list_of_sessions()
    await at.press("Archive", exact=False)
    await at.page.locator("li.session").last.scroll_into_view_if_needed()


async def session_menu(at: Looking) -> None:
    await at.open("rich", ".markdown")
    await at.list_of_sessions()
    await at.press("More for “Compare the two training runs”")


async def sessions(at: Looking) -> None:
    await at.open("approval", ".approvals")
    await at.list_of_sessions()


async def reconnecting(at: Looking) -> None:
    await at.open("rich", ".markdown")
    await at.proxy.refuse()
    await at.proxy.cut()
    await expect(at.page.locator(".connection")).to_have_attribute("data-phase", "waiting")


async def unsent(at: Looking) -> None:
    await reconnecting(at)
    await at.page.get_by_role("textbox", name="Message").fill("and the times?")
    await at.page.locator(".send").click()
    await expect(at.page.locator(".row[data-kind=waiting]")).to_be_in_viewport()


async def login(at: Looking) -> None:
    await at.page.evaluate("() => sessionStorage.clear()")
    await at.page.goto(f"{at.at.base}/")
    await expect(at.page.locator("main.login")).to_be_visible()


async def guest(at: Looking) -> None:
    await at.page.goto(at.at.link)
    await expect(at.page.locator(".composer.closed")).to_be_visible()


async def guest_list(at: Looking) -> None:
    await guest(at)
    if at.look.phone:
        await at.page.locator(".menu-button").click()


async def menu(at: Looking) -> None:
    await at.open("rich", ".markdown")
    await at.page.locator("summary[aria-label=More]").click()


async def usage(at: Looking) -> None:
    await at.open("rich", ".markdown")
    await at.page.locator(".usage button").first.click()


async def long_message(at: Looking) -> None:
    await at.open("long", ".bubble")
    await at.top()


async def edit_message(at: Looking) -> None:
    await at.open("versions", ".bubble")
    last = at.page.locator(".row[data-kind=user]").last
    await last.hover()
    await last.get_by_role("button", name="Edit").click()
    await expect(at.page.locator("form.edit")).to_be_visible()


async def many_lines(at: Looking) -> None:
    await at.open("rich", ".markdown")
    await at.page.get_by_role("textbox", name="Message").fill(
        "Two things:\n\n- run the quick ones first\n- tell me what fails, with the command for each"
    )


async def pasted(at: Looking) -> None:
    await at.open("rich", ".markdown")
    long = "a picture with a long name, as phones give them 20261130.png"
    given = [FilePayload(name=name, mimeType="text/plain", buffer=b"words") for name in (long, "notes.txt")]
    await at.page.locator("input[type=file]").set_input_files(given)
    await expect(at.page.locator(".uploads li")).to_have_count(2)
    await expect(at.page.locator(".uploads progress")).to_have_count(0)


async def printed(at: Looking) -> None:
    await at.open("rich", ".markdown")
    await at.page.emulate_media(media="print")
    await at.page.evaluate("() => void dispatchEvent(new Event('beforeprint'))")


def opened(name: str, first: str) -> Show:
    """The view of a session by itself."""
    return lambda at: at.open(name, first)


def commanded(name: str, first: str) -> Show:
    """A panel that a command opens."""

    async def show(at: Looking) -> None:
        await at.open("rich", ".markdown")
        await at.command(name)
        await expect(at.page.locator(first).first).to_be_visible()

    return show


async def about(at: Looking) -> None:
    await at.open("rich", ".markdown")
    await at.list_of_sessions()
    await at.press("About this server")
    await expect(at.page.locator("dialog")).to_be_visible()


VIEWS: dict[str, Show] = {
    "empty": empty,
    "rich-top": rich_top,
    "rich-middle": rich_middle,
    "rich-end": opened("rich", ".markdown"),
    "tools": opened("tools", ".tool"),
    "tools-open": tools_open,
    "running": opened("running", ".tool"),
    "streaming": opened("streaming", ".markdown"),
    "approval": opened("approval", ".approvals"),
    "approval-edit": approval_edit,
    "approval-reject": approval_reject,
    "question": opened("question", "form.question"),
    "errors": opened("errors", ".note"),
    "long-message": long_message,
    "images": opened("images", ".shown-images"),
    "versions": opened("versions", ".bubble"),
    "edit-message": edit_message,
    "many-lines": many_lines,
    "uploads": pasted,
    "files": files,
    "files-preview": preview,
    "files-deletion": file_deletion,
    "settings": commanded("settings", "dialog"),
    "keys": commanded("keys", "dialog"),
    "share": commanded("share", "dialog"),
    "end": commanded("end", "dialog"),
    "waiting": commanded("approvals", ".waiting-session"),
    "about": about,
    "menu": menu,
    "usage": usage,
    "sessions": sessions,
    "session-menu": session_menu,
    "archive": archive,
    "search": search,
    "find": find,
    "commands": offers,
    "reconnecting": reconnecting,
    "unsent": unsent,
    "print": printed,
    "guest": guest,
    "guest-list": guest_list,
    "login": login,
}
ALONE = {"guest", "guest-list"}
"""Who comes by a link has no login."""


async def take_views(browser: Browser, folder: Path, data: Path, wanted: set[str]) -> None:
    """A picture of each view (of those that are `wanted`; none: of all) in each look, in this folder; `data` is the server's."""
    async with ScriptedModel(says, lenient=True) as model:
        settings = settings_for(data, model, policy=ASKS, auth={"local_token": True})
        async with listening(settings) as live, TcpProxy("127.0.0.1", live.port) as proxy:
            at = Sessions(Address(proxy.port).http, (data / "token").read_text().strip())
            async with context_of(browser, LIGHT) as context:
                await make_sessions(await context.new_page(), at)
            for look in (LIGHT, DARK, *HANDHELD):
                # A command has two minutes: each look has one of its own that runs.
                async with context_of(browser, LIGHT) as context:
                    page = await context.new_page()
                    await log_in(page, at)
                    await begin(page, at, "running", RUNS, ends=".tool-state[data-state=running]")
                for name in [name for name in VIEWS if not wanted or name in wanted]:
                    async with context_of(browser, look) as context:
                        page = await context.new_page()
                        if name not in ALONE:
                            await log_in(page, at)
                        await VIEWS[name](Looking(page, at, look, proxy))
                        await page.evaluate("document.fonts.ready")
                        whole = name == "print"
                        await page.screenshot(
                            path=folder / f"{name}-{look.name}.png",
                            animations="disabled",
                            caret="hide",
                            full_page=whole,
                        )
                    await proxy.accept()
                print(f"{look.name}: done")
