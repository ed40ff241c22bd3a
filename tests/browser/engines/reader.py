"""Reader: a person at the page in any engine, who waits for what is to be seen and does what a person does."""

from typing import Protocol

from tests.browser.engines.window import CONTROL, ENTER, Window
from tests.browser.support.chat import DRAG, MESSAGES
from tests.support.polling import eventually

LOOK_S = 0.05
"""A look goes through two or three processes and takes some ms of each."""
FIELD = ".composer textarea"
ANSWERS = ".row[data-kind=assistant] .markdown"


class Engine(Protocol):
    """A browser with one visitor. A new one costs as much as all else in a test; servers at other ports are other origins for the same."""

    async def window(self) -> Window:
        """The visitor's window, in which nothing is open."""

    async def leave(self) -> list[str]:
        """Leave all pages and close the other windows; gives what their consoles said."""


class Reader:
    """One person at one window."""

    def __init__(self, window: Window, engine: Engine) -> None:
        self.window = window
        self._engine = engine
        self._expected: list[str] = []
        self._faults: list[str] = []

    async def beside(self) -> "Reader":
        """The same person at another window."""
        return Reader(await self.window.beside(), self._engine)

    async def leave(self) -> None:
        """Leave all pages."""
        self._faults += await self._engine.leave()

    def expects(self, *faults: str) -> None:
        """Messages of the console that have one of these words are part of this test."""
        self._expected += faults

    @property
    def faults(self) -> list[str]:
        """What consoles said, without what is expected."""
        return [fault for fault in self._faults if not any(words in fault for words in self._expected)]

    async def open(self, url: str) -> None:
        """Go to the page, until it is connected or ready for the first message."""
        await self.window.open(url)
        await eventually(lambda: self._finds(FIELD), "the field", look_s=LOOK_S)

    async def say(self, text: str) -> None:
        """Write a message and press Enter."""
        await self.click(FIELD)
        await self.window.write(text)
        await self.window.press(ENTER)

    async def sees(self, selector: str, *texts: str) -> None:
        """Wait until these elements have these texts."""
        found: list[str] = []

        async def there() -> bool:
            nonlocal found
            found = await self.window.texts(selector)
            return found == [*texts]

        try:
            await eventually(there, selector, look_s=LOOK_S)
        except AssertionError as error:
            raise AssertionError(f"{selector}: {found}, not {[*texts]}") from error

    async def click(self, selector: str, name: str = "") -> None:
        """Click on what has this selector and this name, as soon as it is there and nothing lies over it."""
        found: list[int] | str = ""

        async def reachable() -> bool:
            nonlocal found
            found = await self.window.place(selector, name)
            return isinstance(found, list)

        try:
            await eventually(reachable, f"{selector} {name}", look_s=LOOK_S)
        except AssertionError as error:
            raise AssertionError(found) from error
        await self.window.click_at(int(found[0]), int(found[1]))

    async def fill(self, selector: str, text: str) -> None:
        """Write a text in place of what a field has."""
        await self.click(selector)
        await self.window.press(CONTROL, "a")
        await self.window.write(text)

    async def drop(self, name: str, text: str) -> None:
        """Drag a file onto the page and let it go."""
        drag = f'(given) => ({DRAG})(document.querySelector("main"), given)'
        await self.window.call(drag, ["dragenter", name, text])
        await self.window.call(drag, ["drop", name, text])

    async def phase(self, phase: str) -> None:
        """Wait until the page says so of its connection."""
        what = 'document.querySelector(".connection")?.dataset.phase'
        await eventually(lambda: self._is(f"() => {what}", phase), f"the phase {phase}", look_s=LOOK_S)

    async def address(self) -> str:
        """The address, as soon as it names a session."""
        await eventually(
            lambda: self._is('() => location.pathname.includes("/s/")', True), "a session's address", look_s=LOOK_S
        )
        return str(await self.window.call("() => location.href"))

    async def messages(self) -> list[str]:
        """What stands for each message of the conversation."""
        return [" ".join(one.split()) for one in await self.window.texts(MESSAGES)]

    async def _finds(self, selector: str) -> bool:
        return isinstance(await self.window.place(selector), list)

    async def _is(self, function: str, value: object) -> bool:
        return bool(await self.window.call(function) == value)
