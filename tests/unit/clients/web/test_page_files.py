"""Page files: vendored files match their hashes, modules are short and import one way, and the first load is small."""

import gzip
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from server.http.security_headers import content_security_policy
from server.http.web import index_html, inline_hashes
from tests.unit.clients.web import HERE, LIBRARY, WEB

FIRST_LOAD_BYTES = 150_000
MAX_LINES = 300
CLIENTS = WEB.parent
ROOT = CLIENTS.parent
BUNDLE = WEB / "page.js"
OURS = sorted(
    path
    for path in (*WEB.rglob("*"), *LIBRARY.rglob("*"))
    if path.suffix in (".js", ".css") and path != BUNDLE and "vendor" not in path.parts
)
APP = WEB / "app"
FOLDERS = [
    "text",
    "api",
    "state",
    "ui",
    "markdown/reading",
    "markdown",
    "tools",
    "messages",
    "composer",
    "panels",
    "page",
    ".",
]
"""Of the page, from the lowest to `main.js`: a module imports from its own folder and from those before it."""
IMPORT = re.compile(r'^(?:import\s+(?:[^"();]*?from\s+)?|export\s+\{[^}]*\}\s+from\s+)"([^"]+)"', re.MULTILINE)
DIAGRAM = WEB / "app" / "diagram.js"
"""It runs in a frame without an origin, and makes elements of mermaid's SVG."""
VENDORED = json.loads((WEB / "vendor" / "VENDOR.json").read_text())["packages"]


def import_map() -> dict[str, dict[str, str]]:
    found = re.search(r'<script type="importmap">(.*?)</script>', index_html(), re.DOTALL)
    assert found
    loaded: dict[str, dict[str, str]] = json.loads(found.group(1))
    return loaded


def first_load() -> set[Path]:
    """Every file a browser fetches before anything is said: what the page names. Its script imports nothing at once."""
    return {WEB / name for name in re.findall(r'(?:src|href)="/static/([^"?]+)\?v=[0-9a-f]{16}"', index_html())}


def static_imports(path: Path) -> list[str]:
    return IMPORT.findall(path.read_text())


def test_the_vendored_files_match_their_list() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "vendor.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_bundle_is_what_its_script_makes_of_its_sources() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "bundle.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_every_vendored_package_has_its_version_licence_and_hashes() -> None:
    for package in VENDORED:
        assert re.fullmatch(r"\d+\.\d+\.\d+", package["version"])
        assert package["licence"] in {"MIT", "Apache-2.0", "BSD-3-Clause"}
        assert package["integrity"].startswith("sha512-")
        assert "LICENCE" in package["sha384"]


def test_the_import_map_names_what_is_vendored_with_its_hashes() -> None:
    mapped = import_map()
    for address, digest in mapped["integrity"].items():
        folder, _, file = address.removeprefix("/static/vendor/").partition("/")
        package = next(
            p for p in VENDORED if folder == f"{p['name'].removeprefix('@').replace('/', '-')}-{p['version']}"
        )
        assert package["sha384"][file] == digest
    for address in mapped["imports"].values():
        assert (WEB / address.removeprefix("/static/")).exists(), address


def test_the_types_are_of_the_versions_that_are_served() -> None:
    wanted = json.loads((HERE / "package.json").read_text())["devDependencies"]
    versions = {package["name"]: package["version"] for package in VENDORED}
    for name in set(wanted) & set(versions):
        assert wanted[name] == versions[name], name


def test_the_first_load_stays_within_its_budget() -> None:
    files = first_load()
    pictures = {"icon.svg", "icon-192.png", "manifest.webmanifest"}
    assert {path.name for path in files} == pictures | {"base.css", "conversation.css", "panels.css", "page.js"}
    assert not re.search(r'(?:^|;)import[^(]|\bfrom"', BUNDLE.read_text()), "the script waits for another one"
    total = len(gzip.compress(index_html().encode())) + sum(len(gzip.compress(path.read_bytes(), 9)) for path in files)
    assert total < FIRST_LOAD_BYTES, f"{total} bytes compressed"
    (said,) = re.findall(r"^(\d+) kB together", (ROOT / "docs" / "page.md").read_text(), re.MULTILINE)
    assert abs(total - 1000 * int(said)) <= 5_000, f"docs/page.md says about {said} kB; it is {total} bytes"


def test_the_library_that_others_import_depends_on_nothing() -> None:
    todo, seen = [LIBRARY / "holdfast.js"], set()
    while todo:
        path = todo.pop().resolve()
        seen.add(path)
        for name in static_imports(path):
            assert name.startswith("."), f"{path.name} imports {name}"
            todo.append(path.parent / name)
    assert not any("app" in path.parts for path in seen)


def test_the_page_can_be_installed_from_its_manifest_whose_icons_are_there() -> None:
    manifest = json.loads((WEB / "manifest.webmanifest").read_text())
    assert (manifest["start_url"], manifest["scope"]) == ("../", "../"), "the root, from below static/"
    for icon in manifest["icons"]:
        data = (WEB / icon["src"]).read_bytes()
        if icon["type"] == "image/png":
            # PNG, section 11.2.2: width and height stand in the first chunk.
            width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
            assert icon["sizes"] == f"{width}x{height}"


@pytest.mark.parametrize("path", sorted(APP.rglob("*.js")), ids=lambda path: str(path.relative_to(APP)))
def test_a_module_of_the_page_imports_from_its_own_folder_and_from_those_below_it(path: Path) -> None:
    """Types too: `@import` and `import()` name modules as `import` does."""
    layer = FOLDERS.index(path.parent.relative_to(APP).as_posix())
    for name in re.findall(r'"(\.[^"]+\.js)"', path.read_text()):
        imported = (path.parent / name).resolve()
        assert imported.is_file(), f"{path.name} imports {name}, which is not there"
        if imported.is_relative_to(APP):
            folder = imported.parent.relative_to(APP).as_posix()
            assert FOLDERS.index(folder) <= layer, f"{path.name} is below {folder} and imports from it"


@pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(CLIENTS)))
def test_a_file_has_a_first_line_and_is_not_too_long(path: Path) -> None:
    text = path.read_text()
    assert text.startswith(("// ", "/* "))
    assert text.count("\n") < MAX_LINES


@pytest.mark.parametrize("path", sorted({*OURS} - {DIAGRAM}), ids=lambda path: str(path.relative_to(CLIENTS)))
def test_no_module_makes_elements_from_html(path: Path) -> None:
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|dangerouslySet|\beval\(", path.read_text()
    )


def test_the_one_inline_script_is_the_import_map_and_the_policy_names_it() -> None:
    html = index_html()
    hashes = inline_hashes(html)
    assert len(hashes) == 1
    assert len(re.findall(r"<script(?![^>]*\bsrc=)", html)) == 1
    assert not re.search(r"\son\w+=|style=|<style", html)
    policy = content_security_policy([], page=True, hashes=hashes, image_sources=["https://img.example"])
    rules = {rule.split()[0]: rule.split()[1:] for rule in policy.split("; ")}
    assert rules["default-src"] == ["'none'"]
    assert rules["script-src"] == ["'self'", f"'{hashes[0]}'"]
    assert rules["style-src"] == ["'self'"]
    assert rules["img-src"] == ["'self'", "data:", "https://img.example"]
    assert rules["require-trusted-types-for"] == ["'script'"]
    assert rules["trusted-types"] == ["worker"], "of offline.js, which makes one address once"
    assert rules["frame-ancestors"] == ["'none'"]
