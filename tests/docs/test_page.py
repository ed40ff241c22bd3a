"""Document of the page: its table of engines names the tests that there are; its design note holds the stylesheets."""

import re

import pytest

from tests.browser.engines import test_promises
from tests.support.paths import ROOT

PAGE = (ROOT / "docs" / "page.md").read_text()
TABLE = PAGE.partition("### Engines\n")[2].partition("\n### ")[0]
NOTE = PAGE.partition("## Design\n")[2].partition("\n## ")[0]
SHEETS = sorted((ROOT / "clients" / "web" / "styles").glob("*.css"))
STYLES = "\n".join(re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL) for path in SHEETS)
PROPERTIES = {
    "Spaces": r"(?:padding|margin)(?:-[a-z-]+)?|(?:row-|column-)?gap",
    "Type": r"font-size",
    "Corners": r"border-radius",
}
# What is no size of the page's own: nothing, hairlines, the reader's edges, all of a circle, a part of what is around.
FREE = re.compile(r"0|auto|inherit|\d+px|50%|[\d.]+%|\d+vh|[a-z]+\(.*\)")
COLOUR = re.compile(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\);")
COLOURS = {name: (light, dark) for name, light, dark in COLOUR.findall(STYLES)}
PAIRS = re.findall(r"^\| `([\w-]+)` on `([\w-]+)` \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|", NOTE, re.MULTILINE)


def test_the_table_of_engines_names_the_tests_of_each() -> None:
    rows = re.findall(r"^\| [^|]+ \| `([\w/]+\.py)` \| ([^|]+) \|$", TABLE, re.MULTILINE)
    assert len(rows) == 9
    assert [path for path, _ in rows if not (ROOT / "tests" / "browser" / path).is_file()] == []
    named = {name for _, tests in rows for name in re.findall(r"`(test_\w+)`", tests)}
    assert named == {name for name in vars(test_promises) if name.startswith("test_")}


@pytest.mark.parametrize("kind", PROPERTIES)
def test_sizes_are_taken_from_the_scale_alone(kind: str) -> None:
    (line,) = re.findall(rf"^- \*\*{kind}\*\*: ([^;\n]+);", NOTE, re.MULTILINE)
    scale = set(re.findall(r"[\d.]+(?:rem|em)", line))
    values = re.findall(rf"(?<![\w-])(?:{PROPERTIES[kind]}):\s*([^;}}]+)", STYLES)
    assert len(values) > len(scale) > 2
    used = {part.lstrip("-") for value in values for part in re.findall(r"[a-z]+\(.*\)|\S+", value)}
    sizes = {part for part in used if not FREE.fullmatch(part)}
    assert sizes - scale == set(), "not of the scale in docs/page.md"
    assert scale - sizes == set(), "in docs/page.md, and used nowhere"


def luminance(colour: str) -> float:
    """Relative luminance: WCAG 2.2."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def ratio(one: str, other: str) -> float:
    """Contrast of two colours, from 1 to 21."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def contrast(one: str, other: str) -> float:
    """The same, rounded down to a tenth."""
    return int(10 * ratio(one, other)) / 10


def test_the_contrasts_of_the_note_are_those_of_the_colours_and_enough() -> None:
    assert len(PAIRS) > 20
    for fore, ground, least, *told in PAIRS:
        found = [contrast(*shades) for shades in zip(COLOURS[fore], COLOURS[ground], strict=True)]
        assert [float(each) for each in told] == found, f"{fore} on {ground}"
        assert min(found) >= float(least) >= 3, f"{fore} on {ground}"


def test_what_is_sunken_is_seen_on_every_ground() -> None:
    (least,) = re.findall(r"`sunken` is seen on both[^.]*, by ([\d.]+) to 1", NOTE)
    for ground in ("ground", "raised"):
        for shades in zip(COLOURS["sunken"], COLOURS[ground], strict=True):
            assert ratio(*shades) >= float(least), ground


def test_each_colour_of_text_has_its_contrast_in_the_note() -> None:
    written = set(re.findall(r"(?<![\w-])color: var\(--([\w-]+)\)", STYLES)) & COLOURS.keys()
    assert written - {fore for fore, *_ in PAIRS} == set()


def test_the_mark_is_the_same_on_the_page_and_in_its_icons() -> None:
    script = (ROOT / "clients" / "web" / "app" / "ui" / "html.js").read_text()
    lines = dict(re.findall(r'^const (POSTS|LINE) = "([^"]+)";', script, re.MULTILINE))
    assert set(lines) == {"POSTS", "LINE"}
    for name in ("icon", "icon-waits", "icon-done"):
        drawn = set(re.findall(r' d="([^"]+)"', (ROOT / "clients" / "web" / f"{name}.svg").read_text()))
        assert drawn == set(lines.values()), name
