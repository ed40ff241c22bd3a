"""Firefox: driven by WebDriver BiDi (https://www.w3.org/TR/webdriver-bidi/), which Firefox itself listens for."""

import asyncio
import itertools
import json
import os
import shutil
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect

from agent.util.tasks import TaskOwner
from tests.browser.engines.window import Actions, EngineError, Window

PATIENCE_S = 60.0
LISTENING = "WebDriver BiDi listening on "
PREFERENCES: dict[str, bool | int | str] = {
    "ui.prefersReducedMotion": 1,
    # What the browser does beside the page.
    "browser.newtab.preload": False,
    "browser.newtabpage.enabled": False,
    "browser.startup.homepage": "about:blank",
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "dom.ipc.processPrelaunch.enabled": False,
    "extensions.screenshots.disabled": True,
    "extensions.systemAddon.update.enabled": False,
    "extensions.webextensions.remote": False,
    "toolkit.telemetry.enabled": False,
}


class Firefox:
    """One browser without a window, from its start to its end. `faults`: errors and warnings of consoles."""

    MISSING = "Firefox is not here (Debian: apt install firefox-esr)"

    def __init__(self) -> None:
        self.faults: list[str] = []
        self._ends = AsyncExitStack()
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._tabs: list[str] = []

    @staticmethod
    def is_here() -> bool:
        """Whether it is installed."""
        return shutil.which("firefox-esr") is not None

    async def __aenter__(self) -> Self:
        home = self._ends.enter_context(
            tempfile.TemporaryDirectory(prefix="holdfast-firefox-", ignore_cleanup_errors=True)
        )
        profile = Path(home) / "profile"
        profile.mkdir()
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in PREFERENCES.items()]
        (profile / "user.js").write_text("".join(lines))
        arguments = ["--headless", "--no-remote", "--remote-debugging-port", "0", "--profile", str(profile)]
        process = await asyncio.create_subprocess_exec(
            "firefox-esr",
            *arguments,
            env={**os.environ, "HOME": home},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        self._ends.push_async_callback(process.wait)
        assert process.stderr is not None
        tasks = TaskOwner("firefox")
        self._ends.push_async_callback(tasks.aclose)
        async with asyncio.timeout(PATIENCE_S):
            address = await _address(process.stderr)
            self._socket = await connect(f"{address}/session", max_size=None, compression=None)
        tasks.start(_read_out(process.stderr), "errors")  # a full pipe would stop it
        tasks.start(self._receive(self._socket), "answers")
        await self.ask("session.new", capabilities={})
        self._ends.push_async_callback(self.ask, "browser.close")
        await self.ask("session.subscribe", events=["log.entryAdded"])
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._ends.aclose()

    async def window(self) -> Window:
        """The visitor's window, in which nothing is open."""
        return await self.open_tab()

    async def open_tab(self) -> "FirefoxWindow":
        """A new tab."""
        made = await self.ask("browsingContext.create", type="tab")
        self._tabs.append(made["context"])
        return FirefoxWindow(self, made["context"])

    async def leave(self) -> list[str]:
        """Close all tabs; gives what their consoles said."""
        while self._tabs:
            await self.ask("browsingContext.close", context=self._tabs.pop())
        faults, self.faults = self.faults, []
        return faults

    async def ask(self, method: str, **parameters: object) -> dict[str, Any]:
        """Send a command; gives its result. Raises `EngineError`."""
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        message = await asyncio.wait_for(answer, PATIENCE_S)
        if message["type"] == "error":
            raise EngineError(f"{method}: {message['error']}: {message['message']}")
        result: dict[str, Any] = message["result"]
        return result

    async def _receive(self, socket: ClientConnection) -> None:
        async for data in socket:
            message = json.loads(data)
            if message["type"] == "event":
                entry = message["params"]
                if entry.get("level") in ("error", "warn") and "context" in entry["source"]:
                    self.faults.append(f"console: {entry['text']}")
            elif not (answer := self._answers.pop(message["id"])).done():
                answer.set_result(message)


class FirefoxWindow(Window):
    """See `Window`. A tab."""

    def __init__(self, browser: Firefox, context: str) -> None:
        self._browser = browser
        self._context = context

    async def open(self, url: str) -> None:
        """Go there."""
        await self._browser.ask("browsingContext.navigate", context=self._context, url=url, wait="complete")

    async def run(self, function: str, arguments: str) -> str:
        """Call a function."""
        answer = await self._browser.ask(
            "script.callFunction",
            functionDeclaration=function,
            arguments=[{"type": "string", "value": arguments}],
            awaitPromise=False,
            target={"context": self._context},
        )
        if answer["type"] == "exception":
            raise EngineError(answer["exceptionDetails"]["text"])
        result: str = answer["result"]["value"]
        return result

    async def perform(self, actions: Actions) -> None:
        """Perform input actions."""
        await self._browser.ask("input.performActions", context=self._context, actions=actions)

    async def beside(self) -> Window:
        """Another tab."""
        return await self._browser.open_tab()


async def _address(errors: asyncio.StreamReader) -> str:
    async for line in errors:
        if line.decode().startswith(LISTENING):
            return line.decode().removeprefix(LISTENING).strip()
    raise EngineError("Firefox ended before it listened")


async def _read_out(errors: asyncio.StreamReader) -> None:
    async for _ in errors:
        pass
