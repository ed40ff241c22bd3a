"""Build backend: makes the package `holdfast_client` of clients/session and protocol, in a folder that is thrown away, and has setuptools build it.

The package has a name of its own, and so have its modules: the server's distribution holds `clients` and `protocol`, and two distributions
that hold the same files break each other when one of them is updated or removed. In an sdist the package is made already.
"""

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from setuptools import build_meta  # type: ignore[import-untyped]  # it has no types

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parent.parent
PACKAGE: Final = "holdfast_client"
LEFT_OUT: Final = {"library.py", "own_server.py", "runtime_file.py", "token_file.py", "spec", "__pycache__"}
"""What needs more than msgspec and websockets, or the server's own program, and what makes documents of the protocol."""
IMPORT: Final = re.compile(r"^( *from )(clients\.session|protocol)(?=[. ])", re.MULTILINE)
NAMES: Final = {"clients.session": PACKAGE, "protocol": f"{PACKAGE}.protocol"}
INTRODUCTION: Final = '''"""Client of Holdfast, a server for agent sessions. `SessionClient` is what a program uses.

Every submission, event and message of the wire is in `holdfast_client.protocol`.
"""

__version__ = {version}
'''


def build_wheel(
    wheel_directory: str, config_settings: Mapping[str, str] | None = None, metadata_directory: str | None = None
) -> str:
    """The name of the wheel that was made in the folder."""
    target = str(Path(wheel_directory).resolve())
    with sources():
        name: str = build_meta.build_wheel(target, config_settings)
    return name


def build_sdist(sdist_directory: str, config_settings: Mapping[str, str] | None = None) -> str:
    """The name of the sdist that was made in the folder."""
    target = str(Path(sdist_directory).resolve())
    with sources():
        name: str = build_meta.build_sdist(target, config_settings)
    return name


@contextlib.contextmanager
def sources() -> Iterator[None]:
    """Work in a folder that holds the package: this one in an sdist, else one for this build."""
    with contextlib.ExitStack() as stack:
        folder = HERE
        if not (HERE / "src").is_dir():
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            for name in ("pyproject.toml", "README.md", "backend.py"):
                shutil.copy(HERE / name, folder)
            (folder / "MANIFEST.in").write_text("include backend.py\n")
            assemble(folder / "src" / PACKAGE)
        stack.callback(os.chdir, Path.cwd())
        os.chdir(folder)
        yield


def assemble(package: Path) -> None:
    """Write the package, with the names that its modules have in it."""
    leave = shutil.ignore_patterns(*LEFT_OUT)
    shutil.copytree(ROOT / "clients" / "session", package, ignore=leave)
    shutil.copytree(ROOT / "protocol", package / "protocol", ignore=leave)
    version = re.search(r'^__version__ = (".+")$', (ROOT / "server" / "__init__.py").read_text(), re.MULTILINE)
    if version is None:
        raise ValueError("server/__init__.py names no version")
    names = (ROOT / "clients" / "__init__.py").read_text().split('"""', 2)[2]
    (package / "__init__.py").write_text(INTRODUCTION.format(version=version[1]) + names)
    (package / "py.typed").touch()
    for module in package.rglob("*.py"):
        module.write_text(IMPORT.sub(lambda found: found[1] + NAMES[found[2]], module.read_text()))
