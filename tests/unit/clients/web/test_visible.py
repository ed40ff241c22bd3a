"""Visible text in JavaScript: visible.js and protocol/visible.py mark the same characters."""

import json
import subprocess
import sys

from protocol.visible import exact, visible
from tests.support.node import node_command
from tests.unit.clients.web import HERE

PAIRS = ["\u200d\U0001f600", "\ufe0f", "\u200d", "\ufe0f\u20e3", "\u200c\u062e", "\r\n"]


def test_each_character_and_what_may_follow_it_is_shown_as_the_terminal_shows_it() -> None:
    codes = [code for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
    plain = ["".join(chr(code) + "|" for code in codes[at : at + 4_096]) for at in range(0, len(codes), 4_096)]
    assigned = [*range(0x3100), *range(0xFE00, 0x10000), *range(0x1F000, 0x20000), *range(0xE0000, 0xE0200)]
    followed = ["".join(f"{chr(code)}{after}|" for code in assigned) for after in PAIRS]
    texts = plain + followed
    sent = "".join(json.dumps(text) + "\n" for text in texts)
    command = [node_command(), str(HERE / "visible.mjs")]
    shown = subprocess.run(command, input=sent.encode(), capture_output=True, check=True, timeout=60).stdout
    for text, line in zip(texts, shown.splitlines(), strict=True):
        assert json.loads(line) == [visible(text), exact(text)]
