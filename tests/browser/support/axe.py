"""`axe`: runs axe-core in the page and reports what keeps people out."""

import json
from functools import cache

import pytest
from playwright.async_api import Page

from tests.unit.clients.web import HERE

SOURCE = HERE / "node_modules" / "axe-core" / "axe.min.js"
GRAVE = {"serious", "critical"}
COLOURS = ("color-contrast", "link-in-text-block")
"""The rules that look at colours: nothing else differs between the light and the dark."""
RUN = """(rules) => axe.run(document, { resultTypes: ["violations"], ...(rules.length ? { runOnly: rules } : {}) })
  .then((found) => JSON.stringify(found.violations))"""


@cache
def source() -> str:
    """The script. Fails the test where it is not installed."""
    if not SOURCE.is_file():
        pytest.fail("the page is looked at by axe-core: run `make test`, which installs it", pytrace=False)
    return SOURCE.read_text(encoding="utf-8")


async def grave_faults(page: Page, *rules: str) -> list[str]:
    """What it calls serious or critical, contrast at level AA included: the rule, the words and the elements. Without `rules`: by all of them."""
    if not await page.evaluate("Boolean(window.axe)"):
        await page.evaluate(source())
    found = json.loads(await page.evaluate(RUN, list(rules)))
    return [
        f"{fault['id']}: {fault['help']}: "
        + "; ".join(f"{node['html'][:160]} ({node['failureSummary']})" for node in fault["nodes"])
        for fault in found
        if fault["impact"] in GRAVE
    ]


async def nothing_grave(page: Page) -> None:
    """Nothing of that, in the light and in the dark."""
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        faults = await grave_faults(page, *(COLOURS if scheme == "dark" else ()))
        assert not faults, f"axe finds, {scheme}:\n" + "\n".join(faults)
