"""Scrolling: measures where the rows of the conversation are, and whether they stay there."""

from collections.abc import Awaitable, Callable

from playwright.async_api import Locator

from tests.browser.support.chat import Chat


def scroller(chat: Chat) -> Locator:
    return chat.page.get_by_role("feed", name="Conversation")


async def top_of(row: Locator) -> float:
    return float(await row.evaluate("(element) => element.getBoundingClientRect().top"))


async def expect_moved(row: Locator, goal: float) -> None:
    """Until the row is there, and stays there over the next frames: what is measured late would move it."""
    settled = await row.evaluate(
        """(element, goal) => new Promise((resolve) => {
          let [left, still] = [120, 0];
          const look = () => {
            const { top } = element.getBoundingClientRect();
            still = Math.abs(top - goal) <= 2 ? still + 1 : 0;
            if (still >= 4 || (left -= 1) < 0) resolve(top);
            else requestAnimationFrame(look);
          };
          look();
        })""",
        goal,
    )
    assert abs(settled - goal) <= 2, f"the row stands at {settled}, not at {goal}"


async def expect_scrolling_up(chat: Chat, in_view: Callable[[Chat], Awaitable[Locator]]) -> None:
    """What is read moves by as much as the wheel turns, screen after screen."""
    await scroller(chat).hover()
    for _ in range(12):
        read = await in_view(chat)
        before = await top_of(read)
        await chat.page.mouse.wheel(0, -300)
        await expect_moved(read, before + 300)
