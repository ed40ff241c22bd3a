"""Document of the page: its table of engines names the tests that there are."""

import re

from tests.browser.engines import test_promises
from tests.support.paths import ROOT

TABLE = (ROOT / "docs" / "page.md").read_text().partition("### Engines\n")[2].partition("\n### ")[0]


def test_the_table_of_engines_names_the_tests_of_each() -> None:
    rows = re.findall(r"^\| [^|]+ \| `([\w/]+\.py)` \| ([^|]+) \|$", TABLE, re.MULTILINE)
    assert len(rows) == 8
    assert [path for path, _ in rows if not (ROOT / "tests" / "browser" / path).is_file()] == []
    named = {name for _, tests in rows for name in re.findall(r"`(test_\w+)`", tests)}
    assert named == {name for name in vars(test_promises) if name.startswith("test_")}
