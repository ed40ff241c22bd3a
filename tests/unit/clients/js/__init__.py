"""Unit tests: the JavaScript package, its modules and what is packed of it."""

from pathlib import Path

HERE = Path(__file__).resolve().parent
