"""Text helpers: token estimates, cutting, surrogate repair, and removal of control characters. Pure."""

import re
import unicodedata

import msgspec

from protocol.content import AssistantMessage, Message, UserMessage

BYTES_A_TOKEN = 4
UNCLEAN = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode categories that no name or path has: control characters, surrogates, line and paragraph separators."""
MESSAGE_OVERHEAD = 4
IMAGE_TOKENS = 1_500
"""About how many tokens an image takes: providers count 260 to 4,800, by its size and the model."""


def is_clean(text: str) -> bool:
    """Whether the text is one line: without control characters, separators of lines and paragraphs, and surrogates.

    Spaces of any width and characters that join others are clean: names of files have them.
    """
    return text.isprintable() or not any(unicodedata.category(character) in UNCLEAN for character in text)


def estimate_text(text: str) -> int:
    """About how many tokens a text takes: a quarter of its UTF-8 bytes, the rule of thumb of the providers' own guides."""
    return (len(text) if text.isascii() else len(text.encode("utf-8", "replace"))) // BYTES_A_TOKEN


def estimate(message: Message) -> int:
    """About how many tokens a message takes in the model's context."""
    if isinstance(message, UserMessage):
        return MESSAGE_OVERHEAD + estimate_text(message.text) + IMAGE_TOKENS * len(message.images or ())
    if isinstance(message, AssistantMessage):
        calls = sum(MESSAGE_OVERHEAD + len(msgspec.json.encode(call)) // BYTES_A_TOKEN for call in message.tool_calls)
        return MESSAGE_OVERHEAD + estimate_text(message.text) + calls
    return MESSAGE_OVERHEAD + estimate_text(message.output)


def cut_middle(text: str, limit: int) -> str:
    """The text in at most `limit` code points: of a longer one its ends, around a note of how many are left out."""
    if len(text) <= limit:
        return text
    kept = limit - len(join_ends(text, 0))
    return join_ends(text, kept) if kept >= 2 else text[:limit]


def cut_to_tokens(text: str, tokens: int) -> str:
    """The text in at most about so many tokens, as `estimate_text` counts them: of a longer one the middle is cut out."""
    cut, limit = text, len(text)
    while (estimated := estimate_text(cut)) > tokens:
        limit = min(limit - 1, limit * tokens // estimated)
        cut = cut_middle(text, limit)
    return cut


def join_ends(text: str, kept: int, remark: str = "") -> str:
    """The beginning and the end of the text, `kept` code points together, around a note of how many are left out.

    `remark` is added to the note.
    """
    tail = kept // 2
    note = f"{len(text) - kept} characters left out"
    return f"{text[: kept - tail]}\n[... {f'{note}; {remark}' if remark else note} ...]\n{text[len(text) - tail :]}"


def repair_surrogates(text: str) -> str:
    """The text with surrogate pairs joined to one code point and each lone surrogate made U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


class SurrogateRepair:
    """Repairs a text that comes in chunks: a high surrogate at the end of one is held back for its other half."""

    def __init__(self) -> None:
        self._held = ""

    def push(self, chunk: str) -> str:
        """The repaired text that is complete with this chunk."""
        if not self._held and chunk.isascii():
            return chunk
        chunk = self._held + chunk
        self._held = chunk[-1] if chunk and "\ud800" <= chunk[-1] <= "\udbff" else ""
        return repair_surrogates(chunk[:-1] if self._held else chunk)

    def flush(self) -> str:
        """What is held back, at the end of the text."""
        held, self._held = self._held, ""
        return repair_surrogates(held)


_THOUGHTS = ("think", "thinking", "thought", "reasoning", "reflection")
_THOUGHT = re.compile(r"<({names})>.*?(?:</\1>|\Z)".format(names="|".join(_THOUGHTS)), re.DOTALL | re.IGNORECASE)
_THOUGHT_END = re.compile(r"\A.*</(?:{names})>".format(names="|".join(_THOUGHTS)), re.DOTALL | re.IGNORECASE)


def without_thoughts(text: str) -> str:
    """A model's text without what stands between its marks of thinking. Some models begin without the opening mark, which is
    in their prompt; what has no closing mark is all thought."""
    return _THOUGHT_END.sub("", _THOUGHT.sub("", text)).strip()


def without_overwritten(text: str) -> str:
    """A program's output without what it wrote over: of a line with carriage returns in it, what came after the last one.

    Progress bars write one line thousands of times. A line that ends with CR LF keeps its text.
    """
    if "\r" not in text:
        return text
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))


_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Bidirectional control characters (UAX #9): they can make a line look like another one."""

_ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
"""Control sequences of terminals (ECMA-48), such as colours."""


def clean(text: str) -> str:
    """The text without terminal control sequences, bidirectional controls, and other control characters. Line feeds and tabs stay."""
    text = _ANSI.sub("", repair_surrogates(text)).replace("\r\n", "\n").replace("\r", "\n")
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return "".join(c for c in text if c in "\n\t" or (unicodedata.category(c) not in ("Cc", "Cs") and c not in _BIDI))


def one_line(value: object, most: int = 200) -> str:
    """A value in one line of at most `most` code points."""
    text = " ".join(clean("" if value is None else str(value)).replace("\t", " ").split())
    return text if len(text) <= most else text[: most - 1] + "…"
