"""Looks: light and dark, on a desk and on a phone: how the pictures of the page are looked at."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Literal

from playwright.async_api import Browser, BrowserContext


@dataclass(frozen=True)
class Look:
    """How a picture is looked at: `name` is in its file's name."""

    name: str
    scheme: Literal["light", "dark"]
    viewport: dict[str, int]

    @property
    def phone(self) -> bool:
        """Whether it is one."""
        return self.viewport["width"] < 500


DESKTOP = {"width": 1200, "height": 860}
PHONE = {"width": 390, "height": 780}
LIGHT, DARK = Look("light", "light", DESKTOP), Look("dark", "dark", DESKTOP)
HANDHELD = [Look("phone-light", "light", PHONE), Look("phone-dark", "dark", PHONE)]


@contextlib.asynccontextmanager
async def context_of(browser: Browser, look: Look) -> AsyncIterator[BrowserContext]:
    """A visitor who looks like that."""
    small: Any = {"has_touch": True, "is_mobile": True, "device_scale_factor": 1.5} if look.phone else {}
    context = await browser.new_context(
        viewport=look.viewport,  # type: ignore[arg-type]  # a dict of its form
        color_scheme=look.scheme,
        reduced_motion="reduce",
        locale="en-GB",
        timezone_id="UTC",
        **small,
    )
    yield context
    await context.close()
