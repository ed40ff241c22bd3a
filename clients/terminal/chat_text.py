"""The terminal client's mouth, its letters: what a terminal may be sent, cut to a line, in style. Pure."""

import re
from typing import Literal

import msgspec

Style = Literal["plain", "dim", "bold", "good", "bad", "ask"]

_SGR: dict[Style, str] = {"dim": "2", "bold": "1", "good": "32", "bad": "31", "ask": "33"}

# What a model or a tool says must not move the cursor, set titles or write the clipboard: all of C0 but tab and newline,
# DEL, C1, and the bidirectional controls, which would show another text than the one that is approved.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def clean(text: str) -> str:
    """The text without what would steer the terminal."""
    return _CONTROL.sub("", text)


def reveal(text: str) -> str:
    """The text with what would steer the terminal shown as escapes: for what is to be approved as it is."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def one_line(text: str, width: int) -> str:
    """The text on one line of at most `width` characters; what is cut is marked."""
    line = clean(" ⏎ ".join(text.strip().splitlines()))
    return line if len(line) <= width else f"{line[: width - 1]}…"


def compact_json(value: object) -> str:
    """The value as JSON, on one line."""
    return msgspec.json.encode(value).decode()


class Painter:
    """Styles text where the terminal has colours."""

    def __init__(self, colours: bool) -> None:
        self._colours = colours

    def __call__(self, text: str, style: Style = "plain") -> str:
        """The text in this style."""
        code = _SGR.get(style)
        return f"\x1b[{code}m{text}\x1b[0m" if code and text and self._colours else text
