"""Chromium: the browser of this machine, driven through Playwright, for the tests of the page, its benchmark and its pictures."""

import contextlib
import shutil
from collections.abc import AsyncIterator

from playwright.async_api import Browser, async_playwright

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
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
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PaintHolding",
    "PreconnectToSearch",
    "ThirdPartyStoragePartitioning",
]
MISSING = "the page is looked at in Chromium, which is not here (Debian: apt install chromium)"


def chromium() -> str | None:
    """Its path, if it is installed."""
    return shutil.which("chromium")


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
