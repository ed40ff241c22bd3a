"""Writes the import map into clients/web/index.html from VENDOR.json: names, addresses and the browsers' integrity hashes.

Called by scripts/vendor.py; a test holds the page against the list.
"""

import json
import re
from pathlib import Path
from typing import Any

WEB = Path(__file__).resolve().parent.parent / "clients" / "web"
INDEX = WEB / "index.html"
PLACE = re.compile(r'(<script type="importmap">).*?(</script>)', re.DOTALL)


def folder_of(package: dict[str, Any]) -> str:
    """Where a package's files are, below vendor/. The version is in it, so that browsers may keep them for ever."""
    return f"{package['name'].removeprefix('@').replace('/', '-')}-{package['version']}"


def import_map(listed: dict[str, Any]) -> str:
    """The map as JSON. A name that ends in `/` stands for a package's folder."""
    imports: dict[str, str] = {}
    integrity: dict[str, str] = {}
    for package in listed["packages"]:
        base = f"/static/vendor/{folder_of(package)}/"
        for name, file in package["imports"].items():
            imports[name] = base + file
        integrity |= {base + file: hash_ for file, hash_ in package["sha384"].items() if file != "LICENCE"}
    return json.dumps({"imports": imports, "integrity": integrity}, indent=2)


def written(html: str, listed: dict[str, Any]) -> str:
    """The page with this map in it."""
    return PLACE.sub(lambda found: found.group(1) + import_map(listed) + found.group(2), html)
