"""Text that others wrote is data: without what plays tricks on who reads it, such as control characters. Pure."""

import re
import unicodedata

from agent.util.old_text import mend

_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Marks that turn the direction of what follows: with them a line can be made to read as another."""

_ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
"""Control sequences of terminals (ECMA-48), such as colours."""


def clean(text: str) -> str:
    """The text without terminals' control sequences, control characters but line feeds and tabs, marks of direction."""
    text = _ANSI.sub("", mend(text)).replace("\r\n", "\n").replace("\r", "\n")
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return "".join(c for c in text if c in "\n\t" or (unicodedata.category(c) not in ("Cc", "Cs") and c not in _BIDI))


def one_line(value: object, most: int = 200) -> str:
    """A value in one line of at most `most` code points."""
    text = " ".join(clean("" if value is None else str(value)).replace("\t", " ").split())
    return text if len(text) <= most else text[: most - 1] + "…"
