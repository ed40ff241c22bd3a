"""Visible text: marks the characters that cannot be seen, so that a text cannot deceive its reader. Pure.

What is marked: control characters but line feeds and tabs; format characters without a shape of their own, such as
bidirectional controls, zero-width characters, tags and interlinear annotations; everything with the property
Default_Ignorable_Code_Point (Unicode Standard, section 5.21), such as fillers and variation selectors; line and paragraph
separators; halves of surrogate pairs; symbols that are blank.

What is not marked, because it changes how its neighbours look: variation selectors and joiners in an emoji, the flags of
England, Scotland and Wales, and a joiner between two letters of a script that needs it.
"""

import functools
import re

_UNSEEN = (
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u2800\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U00013430-\U0001343f"
    "\U0001bca0-\U0001bca3\U0001d159\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_SPACES = "\xa0\u1680\u2000-\u200a\u202f\u205f\u3000"
_PICTURE = (
    "[\xa9\xae\u203c\u2049\u2122\u2139\u2194-\u21aa\u2300-\u23ff\u24c2\u25a0-\u27bf\u2934\u2935\u2b05-\u2b55\u3030\u303d"
    "\u3297\u3299\U0001f000-\U0001f3fa\U0001f400-\U0001faff]"
)
_TONE = "[\U0001f3fb-\U0001f3ff]?"
_JOINED = "[\u0620-\u07ff\u08a0-\u08ff\u0900-\u0dff\u1780-\u17b3\u17b6-\u17d3]"
"""Letters of Arabic, Syriac, the scripts of India and Sri Lanka, and Khmer, which are written with joiners and non-joiners."""

_KEPT = (
    f"{_PICTURE}{_TONE}[\ufe0e\ufe0f]?(?:\u200d{_PICTURE}{_TONE}\ufe0f?)*"
    "|[0-9#*]\ufe0f\u20e3"
    f"|(?<={_JOINED})[\u200c\u200d](?={_JOINED})"
)
_FLAG = (
    "\U0001f3f4\U000e0067\U000e0062"
    "(?:\U000e0065\U000e006e\U000e0067|\U000e0073\U000e0063\U000e0074|\U000e0077\U000e006c\U000e0073)\U000e007f"
)
_MARKED = f"({_FLAG}|{_KEPT})|[{_UNSEEN}]|\r(?!\n)"
_MARKED_EXACT = f"({_FLAG}|{_KEPT})|[{_UNSEEN}\r{_SPACES}]"

_compiled = functools.cache(re.compile)
"""Compiled at the first use: it takes 1 ms, and a start needs none."""


def visible(text: str) -> str:
    """The text with each character that cannot be seen as `⟨U+200B⟩`. Line ends (`\\n`, `\\r\\n`) and tabs stay."""
    return text if text.isascii() and text.isprintable() else _compiled(_MARKED).sub(_mark, text)


def exact(text: str) -> str:
    """As `visible`, and each blank that is no space of ASCII and each carriage return is marked too: for what will run."""
    return text if text.isascii() and text.isprintable() else _compiled(_MARKED_EXACT).sub(_mark, text)


def exact_line(text: str) -> str:
    """As `exact`, and line feeds and tabs are marked too: for names, which stand on one line."""
    return exact(text).replace("\n", "⟨U+000A⟩").replace("\t", "⟨U+0009⟩")


def _mark(found: re.Match[str]) -> str:
    return found[0] if found[1] is not None else f"⟨U+{ord(found[0]):04X}⟩"
