"""Vendoring: fetches the page's third-party modules from the npm registry into clients/web/vendor/ and writes VENDOR.json.

    python scripts/vendor.py                      fetch what VENDOR.json names, at its versions
    python scripts/vendor.py preact@11.3.0        the same, with another version of one package
    python scripts/vendor.py --check              compare the files with VENDOR.json, without the network

VENDOR.json names each package with its version, licence, the registry's hash of the archive, the names it is imported by and
the sha384 of each file. The files are the packages' own, byte for byte. The page's import map is written from it.
"""

import argparse
import base64
import hashlib
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

WEB = Path(__file__).resolve().parent.parent / "clients" / "web"
INDEX = WEB / "index.html"
VENDOR = WEB / "vendor"
LIST = VENDOR / "VENDOR.json"
IMPORT_MAP = re.compile(r'(<script type="importmap">).*?(</script>)', re.DOTALL)
LICENCE_NAMES = ("LICENSE", "license", "LICENSE.md", "LICENSE.txt")


class VendorError(Exception):
    """What could not be fetched, or is not as it is written down."""


def main() -> int:
    """Fetch or check; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare only")
    parser.add_argument("change", nargs="*", help="name@version")
    given = parser.parse_args()
    listed = json.loads(LIST.read_text())
    try:
        if given.check:
            check(listed)
        else:
            fetch(listed, dict(split_version(text) for text in given.change))
    except VendorError as error:
        print(f"vendor: error: {error}", file=sys.stderr)
        return 1
    return 0


def split_version(text: str) -> tuple[str, str]:
    """`@scope/name@1.2.3` in two."""
    name, _, version = text.rpartition("@")
    return name, version


def fetch(listed: dict[str, Any], changes: dict[str, str]) -> None:
    """Make vendor/ what the list says, and the list what came. Raises VendorError."""
    unknown = set(changes) - {package["name"] for package in listed["packages"]}
    if unknown:
        raise VendorError(f"VENDOR.json does not name {', '.join(sorted(unknown))}")
    for package in listed["packages"]:
        old = VENDOR / folder_of(package)
        wanted = changes.get(package["name"])
        if wanted:
            package["version"] = wanted
            package.pop("integrity", None)
        files = download(package)
        if old.is_dir():
            for path in old.iterdir():
                path.unlink()
            old.rmdir()
        folder = VENDOR / folder_of(package)
        folder.mkdir(parents=True)
        package["sha384"] = {}
        for name, data in sorted(files.items()):
            (folder / name).write_bytes(data)
            package["sha384"][name] = digest(data)
    LIST.write_text(json.dumps(listed, indent=2) + "\n")
    INDEX.write_text(with_import_map(INDEX.read_text(), listed))


def download(package: dict[str, Any]) -> dict[str, bytes]:
    """The files of a package that the list asks for, by their base names, with its licence. Raises VendorError."""
    name, version = package["name"], package["version"]
    with tempfile.TemporaryDirectory() as there:
        command = ["npm", "pack", f"{name}@{version}", "--json", "--silent"]
        done = subprocess.run(command, cwd=there, capture_output=True, text=True, check=False)
        if done.returncode:
            raise VendorError(f"npm pack {name}@{version} failed: {done.stderr.strip()}")
        archive = next(Path(there).glob("*.tgz"))
        integrity = "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if package.setdefault("integrity", integrity) != integrity:
            raise VendorError(f"{name}@{version} is not the archive that VENDOR.json names: {integrity}")
        with tarfile.open(archive) as packed:
            members = {member.name.removeprefix("package/"): member for member in packed if member.isfile()}
            manifest = json.loads(content(packed, members["package.json"]))
            package["licence"] = manifest["license"]
            files = {Path(path).name: content(packed, members[path]) for path in package["files"]}
            licence = next((found for found in LICENCE_NAMES if found in members), None)
            if licence is None:
                raise VendorError(f"{name}@{version} holds no licence file")
            files["LICENCE"] = content(packed, members[licence])
    return files


def content(packed: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    """The bytes of one member."""
    file = packed.extractfile(member)
    assert file is not None, member.name
    return file.read()


def digest(data: bytes) -> str:
    """As browsers write it."""
    return "sha384-" + base64.b64encode(hashlib.sha384(data).digest()).decode()


def check(listed: dict[str, Any]) -> None:
    """Every file is as written down, and no other file is there. Raises VendorError."""
    known = {LIST}
    for package in listed["packages"]:
        for name, expected in package["sha384"].items():
            path = VENDOR / folder_of(package) / name
            known.add(path)
            if not path.is_file() or digest(path.read_bytes()) != expected:
                raise VendorError(f"{path.relative_to(VENDOR)} is not what VENDOR.json says; fetch it again")
    others = {path for path in VENDOR.rglob("*") if path.is_file()} - known
    if others:
        raise VendorError(f"VENDOR.json does not name {', '.join(sorted(str(p.relative_to(VENDOR)) for p in others))}")


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


def with_import_map(html: str, listed: dict[str, Any]) -> str:
    """The page with this map in it."""
    return IMPORT_MAP.sub(lambda match: match[1] + import_map(listed) + match[2], html)


if __name__ == "__main__":
    sys.exit(main())
