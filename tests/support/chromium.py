"""Chromium: a browser driven through Playwright, for the tests of the page, its benchmark and its pictures.

The one without a window comes first, from the npm registry: opening a page in it takes half the CPU of the whole browser.
Where it does not run, or was not installed, this machine's own is taken.
"""

import contextlib
import functools
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

from playwright.async_api import Browser, async_playwright

SHELL = Path(__file__).parent / "npm" / "chromium" / "node_modules" / "chromium"
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Names of other machines do not exist: the console reports a page that asks for one.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
]
# Each window makes the pages of its address field, which nobody looks at, in a process of their own: a quarter of a test's
# work. The last list of features is the one that holds, so Playwright's own are in it.
WITHOUT = [
    "WebUIOmniboxPopup",
    "WebUIOmniboxAimPopup",
    "AimEnabled",
    "AvoidCorsURLLoaderRestartOnRedirect",
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsFirstBalancedModeAutoEnable",
    "HttpsUpgrades",
    "LensOverlay",
    "LocalNetworkAccessChecks",  # which take a page that a test makes for one of another network
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PaintHolding",
    "PreconnectToSearch",
    "ThirdPartyStoragePartitioning",
]
MISSING = "the page is looked at in Chromium, which is not here (Debian: apt install chromium)"


@functools.cache
def chromium() -> str | None:
    """The path of the browser, if there is one that runs."""
    return next(filter(runs, filter(None, (str(SHELL), shutil.which("chromium")))), None)


def runs(path: str) -> bool:
    """Whether it starts: one of another processor, or without the libraries that Debian's package brings, does not."""
    try:
        return subprocess.run([path, "--version"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@contextlib.asynccontextmanager
async def browsing() -> AsyncIterator[Browser]:
    """A browser, from its start to its end. Raises `FileNotFoundError` where there is none."""
    path = chromium()
    if path is None:
        raise FileNotFoundError(MISSING)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=path, args=[*ARGUMENTS, f"--disable-features={','.join(WITHOUT)}"]
        )
        try:
            yield browser
        finally:
            await browser.close()
