"""Messages: what a client says in its own protocol, as the text of one input. Pure."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec

NAMES: Final = {"user": "User", "assistant": "Assistant", "tool": "Result of a tool"}
INSTRUCTIONS: Final = ("system", "developer")
BEGAN: Final = "This conversation began elsewhere. So far:"
LEFT_OUT: Final = "[earlier messages are left out]"


class Part(msgspec.Struct):
    """A part of a message's content."""

    type: str
    text: str = ""


Content = str | list[Part] | dict[str, Any] | None
"""Of a message. A map is a client's own matter."""

TEXT_PARTS: Final = ("text", "input_text", "output_text")


class Said(NamedTuple):
    """A message of the client's history."""

    role: str
    text: str


class NotText(Exception):
    """A message holds something besides text. `kind`: the type of the part."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"a part of the message has the type {kind!r}; only text is taken")


def text_of(content: Content) -> str:
    """The text of a message. Raises `NotText`."""
    if isinstance(content, list):
        other = next((part.type for part in content if part.type not in TEXT_PARTS), None)
        if other is not None:
            raise NotText(other)
        return "\n\n".join(part.text for part in content)
    return content if isinstance(content, str) else ""


def first_input(earlier: Sequence[Said], text: str, most: int) -> str:
    """The first input of a new session: what the client said, behind its instructions and what was said elsewhere before.

    `most`: characters that it may have; the oldest messages are left out where there are more.
    """
    instructions = "\n\n".join(one.text for one in earlier if one.role in INSTRUCTIONS and one.text)
    head = [f"Instructions of the application:\n\n{instructions}"] if instructions else []
    told: list[str] = []
    room = most - len(text) - sum(map(len, head)) - 200  # what is said around them
    for one in reversed([one for one in earlier if one.role in NAMES and one.text]):
        line = f"{NAMES[one.role]}:\n{one.text}"
        room -= len(line) + 2
        if room < 0:
            told.append(LEFT_OUT)
            break
        told.append(line)
    if told:
        head += [BEGAN, *reversed(told)]
    if not head:
        return text
    return "\n\n".join([*head, "The user's message:", text])
