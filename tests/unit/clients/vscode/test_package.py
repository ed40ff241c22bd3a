"""Package of the extension: it is made, whole, and asks for nothing that a published extension may not have."""

import json
import re
from pathlib import Path
from zipfile import ZipFile

from tests.support.ahp.extension import packaged
from tests.support.paths import ROOT

LINES_MAX = 400


def test_the_package_holds_the_extension_the_page_and_what_they_load(tmp_path: Path) -> None:
    with ZipFile(packaged(tmp_path)) as package:
        names = set(package.namelist())
        manifest = json.loads(package.read("extension/package.json"))
        scripts = {name: package.read(name).decode() for name in names if re.fullmatch(r"extension/\w+\.js", name)}
    assert "enabledApiProposals" not in manifest and "dependencies" not in manifest
    assert {"extension/page/index.html", "extension/page/static/page.js", "extension/view/network.js"} <= names
    assert f"extension/{Path(manifest['main']).name}" in scripts
    for name, script in scripts.items():
        for module in re.findall(r'require\("\./(\w+)(?:\.js)?"\)|from "\./(\w+)\.js"', script):
            assert f"extension/{module[0] or module[1]}.js" in scripts, f"{name} loads {module}"


def test_the_extension_is_small() -> None:
    sources = [*(ROOT / "clients/vscode").glob("*.js"), *(ROOT / "clients/vscode/view").glob("*.js")]
    assert sum(len(source.read_text().splitlines()) for source in sources) <= LINES_MAX
