"""Window: one window of a browser in which a person reads, writes, presses keys and clicks, by W3C WebDriver's actions."""

import json
from abc import ABC, abstractmethod
from typing import Any

ENTER, ESCAPE, CONTROL = "\ue007", "\ue00c", "\ue009"
"""https://www.w3.org/TR/webdriver2/#keyboard-actions"""

Actions = list[dict[str, Any]]

TEXTS = "(selector) => [...document.querySelectorAll(selector)].map((one) => one.innerText.trim())"

# The middle of the element, if a click there hits it; else why not.
PLACE = """(selector, name) => {
  const named = (one) => !name || (one.getAttribute("aria-label") ?? one.innerText).trim() === name;
  const found = [...document.querySelectorAll(selector)].find((one) => named(one) && one.getClientRects().length);
  if (!found) return `there is no ${selector} ${name}`;
  found.scrollIntoView({ block: "center", behavior: "instant" });
  const box = found.getBoundingClientRect();
  const [x, y] = [Math.round(box.x + box.width / 2), Math.round(box.y + box.height / 2)];
  const hit = document.elementFromPoint(x, y);
  return found.contains(hit) || hit?.closest("label")?.control === found ? [x, y] : `over ${selector} ${name} lies ${hit?.outerHTML}`;
}"""


class Window(ABC):
    """One window. Errors of the browser are `EngineError`."""

    @abstractmethod
    async def open(self, url: str) -> None:
        """Go to this address; returns when the document is loaded."""

    @abstractmethod
    async def run(self, function: str, arguments: str) -> str:
        """Call a JavaScript function of one text, which gives a text."""

    @abstractmethod
    async def perform(self, actions: Actions) -> None:
        """Perform input actions, in the form of W3C WebDriver."""

    @abstractmethod
    async def beside(self) -> "Window":
        """Another window of the same visitor."""

    async def call(self, function: str, *arguments: object) -> Any:
        """Call a JavaScript function; arguments and result are values of JSON."""
        wrapped = f"(given) => JSON.stringify(({function})(...JSON.parse(given)) ?? null)"
        return json.loads(await self.run(wrapped, json.dumps(arguments)))

    async def press(self, *keys: str) -> None:
        """Press these keys, each before the one before is let go: a chord."""
        down = [{"type": "keyDown", "value": key} for key in keys]
        up = [{"type": "keyUp", "value": key} for key in reversed(keys)]
        await self.perform([{"type": "key", "id": "keyboard", "actions": [*down, *up]}])

    async def write(self, text: str) -> None:
        """Type a text."""
        actions = [{"type": kind, "value": one} for one in text for kind in ("keyDown", "keyUp")]
        await self.perform([{"type": "key", "id": "keyboard", "actions": actions}])

    async def place(self, selector: str, name: str = "") -> list[int] | str:
        """Where to click on an element, by its selector and what a person reads on it; else why one cannot."""
        found: list[int] | str = await self.call(PLACE, selector, name)
        return found

    async def click_at(self, x: int, y: int) -> None:
        """Click there, in CSS pixels of the window."""
        move = {"type": "pointerMove", "x": x, "y": y}
        buttons = [{"type": kind, "button": 0} for kind in ("pointerDown", "pointerUp")]
        mouse = {"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": [move, *buttons]}
        await self.perform([mouse])

    async def texts(self, selector: str) -> list[str]:
        """What a person reads in these elements."""
        found: list[str] = await self.call(TEXTS, selector)
        return found


class EngineError(Exception):
    """What the browser answered in place of a result."""
