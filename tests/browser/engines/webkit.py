"""WebKitGTK: its small browser, driven by WebKitWebDriver (https://www.w3.org/TR/webdriver2/), on a screen in memory."""

import asyncio
import os
import shutil
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Self

import httpx

from tests.browser.engines.window import Actions, EngineError, Window
from tests.support.network.http_client import http_client
from tests.support.network.ports import free_port
from tests.support.polling import eventually

PATIENCE_S = 60.0
SCREEN = "1100x900x24"
SPARING = {"WEBKIT_SKIA_ENABLE_CPU_RENDERING": "1", "WEBKIT_DISABLE_COMPOSITING_MODE": "1"}
"""Without a graphics card: it draws by the processor at once, and not by Mesa's imitation of a card, which takes more of it."""
BROWSERS = ("/usr/lib/*/webkit2gtk-4.1/MiniBrowser", "/usr/lib/*/webkit2gtk-4.0/MiniBrowser")


class WebKit:
    """The driver, its screen and its one visitor, from start to end."""

    MISSING = "WebKitGTK's driver or Xvfb is not here (Debian: apt install webkit2gtk-driver xvfb)"

    def __init__(self) -> None:
        self._ends = AsyncExitStack()
        self._session = ""

    @staticmethod
    def is_here() -> bool:
        """Whether all of it is installed."""
        return all(shutil.which(name) for name in ("WebKitWebDriver", "Xvfb")) and browser() is not None

    async def __aenter__(self) -> Self:
        home = self._ends.enter_context(
            tempfile.TemporaryDirectory(prefix="holdfast-webkit-", ignore_cleanup_errors=True)
        )
        still = Path(home, ".config", "gtk-3.0", "settings.ini")
        still.parent.mkdir(parents=True)
        still.write_text("[Settings]\ngtk-enable-animations=0\n")
        display = await self._start_screen()
        port = free_port()
        environment = {
            **os.environ,
            "HOME": home,
            "DISPLAY": display,
            "NO_AT_BRIDGE": "1",
            "GSETTINGS_BACKEND": "memory",
            **SPARING,
        }
        await self._start("WebKitWebDriver", f"--port={port}", env=environment)
        self._http = await self._ends.enter_async_context(http_client(f"http://127.0.0.1:{port}", timeout=PATIENCE_S))
        await eventually(self._listens, "the driver")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._ends.aclose()

    async def window(self) -> Window:
        """The visitor's window, in which nothing is open."""
        if not self._session:
            options = {"binary": browser(), "args": ["--automation"]}
            wanted = {"capabilities": {"alwaysMatch": {"webkitgtk:browserOptions": options}}}
            self._session = (await self._ask("POST", "/session", wanted))["sessionId"]
            self._ends.push_async_callback(self._ask, "DELETE", f"/session/{self._session}")
        return WebKitWindow(self, await self.ask("GET", "window"))

    async def leave(self) -> list[str]:
        """Leave all pages and close the other windows. The driver tells nothing of consoles."""
        first, *others = await self.ask("GET", "window/handles")
        for other in others:
            await self.ask("POST", "window", {"handle": other})
            await self.ask("DELETE", "window")
        await WebKitWindow(self, first).open("about:blank")
        return []

    async def ask(self, method: str, command: str, body: dict[str, Any] | None = None) -> Any:
        """A command of the visitor's session. Raises `EngineError`."""
        return await self._ask(method, f"/session/{self._session}/{command}", body)

    async def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = await self._http.request(method, path, json=body)
        value = answer.json()["value"]
        if answer.status_code != 200:
            raise EngineError(f"{path}: {value['error']}: {value['message']}")
        return value

    async def _listens(self) -> bool:
        try:
            return (await self._http.get("/status")).is_success
        except httpx.ConnectError:
            return False

    async def _start_screen(self) -> str:
        """A screen in memory; gives its name."""
        reading, writing = os.pipe()
        try:
            arguments = ["-displayfd", str(writing), "-screen", "0", SCREEN, "-nolisten", "tcp"]
            await self._start("Xvfb", *arguments, pass_fds=(writing,))
        finally:
            os.close(writing)
        reader = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(reading, "rb", 0)
        )
        try:
            number = (await asyncio.wait_for(reader.readline(), PATIENCE_S)).decode().strip()
        finally:
            transport.close()
        if not number:
            raise EngineError("Xvfb ended before it had a screen")
        return f":{number}"

    async def _start(self, program: str, *arguments: str, **options: Any) -> None:
        process = await asyncio.create_subprocess_exec(
            program, *arguments, stderr=asyncio.subprocess.DEVNULL, **options
        )
        self._ends.push_async_callback(process.wait)
        self._ends.callback(process.terminate)


class WebKitWindow(Window):
    """See `Window`. The driver looks at one window at a time, so each command chooses it first."""

    def __init__(self, browser: WebKit, handle: str) -> None:
        self._browser = browser
        self._handle = handle

    async def open(self, url: str) -> None:
        """Go there."""
        await self._ask("url", {"url": url})

    async def run(self, function: str, arguments: str) -> str:
        """Call a function."""
        result: str = await self._ask(
            "execute/sync", {"script": f"return ({function})(arguments[0])", "args": [arguments]}
        )
        return result

    async def perform(self, actions: Actions) -> None:
        """Perform input actions."""
        await self._ask("actions", {"actions": actions})

    async def beside(self) -> Window:
        """Another window, not a tab: nothing is drawn in a hidden tab, and the driver waits until it is."""
        made = await self._ask("window/new", {"type": "window"})
        return WebKitWindow(self._browser, made["handle"])

    async def _ask(self, command: str, body: dict[str, Any]) -> Any:
        await self._browser.ask("POST", "window", {"handle": self._handle})
        return await self._browser.ask("POST", command, body)


def browser() -> str | None:
    """The path of WebKitGTK's small browser."""
    found = [path for pattern in BROWSERS for path in Path("/").glob(pattern.removeprefix("/"))]
    return str(found[0]) if found else None
