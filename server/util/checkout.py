"""Checkout: finds the source tree that this code runs from, if it runs from one and not from an installed wheel."""

from pathlib import Path

import server


def checkout() -> Path | None:
    """The folder of the source tree: it holds `pyproject.toml` beside the package `server`. None in an installed wheel."""
    folder = Path(server.__path__[0]).resolve().parent
    return folder if (folder / "pyproject.toml").is_file() else None
