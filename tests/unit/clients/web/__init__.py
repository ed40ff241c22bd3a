"""Unit tests: the page's modules, without a browser."""

from pathlib import Path

HERE = Path(__file__).resolve().parent
WEB = HERE.parents[3] / "clients" / "web"
LIBRARY = WEB.parent / "js" / "src"
