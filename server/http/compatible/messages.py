"""Messages: what a client says in its own protocol, as one input: its text and its images. Pure."""

import hashlib
from base64 import b64decode
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec

from agent.workspace.shown.images import media_type

NAMES: Final = {"user": "User", "assistant": "Assistant", "tool": "Result of a tool"}
INSTRUCTIONS: Final = ("system", "developer")
TOLD: Final = "Instructions of the application:"
BEGAN: Final = "This conversation began elsewhere. So far:"
LEFT_OUT: Final = "[earlier messages are left out]"
USERS: Final = "The user's message:"
AROUND: Final = "\n\nContext of the application:\n\n"
CONTEXT_CHARS_MAX: Final = 20_000
"""Of what an application tells of itself with one message."""
CUT: Final = "\n[the context is longer: the rest is left out]"


class Part(msgspec.Struct):
    """A part of a message's content."""

    type: str
    text: str = ""


Content = str | list[Part] | dict[str, Any] | None
"""Of a message. A map is a client's own matter."""

UPLOADS: Final = "uploads"
IMAGE_NAME_BYTES: Final = 16

TEXT_PARTS: Final = ("text", "input_text", "output_text")


class Said(NamedTuple):
    """A message of the client's history."""

    role: str
    text: str


class NotTaken(Exception):
    """A message holds something that is not taken; the text says what."""


class NotText(NotTaken):
    """A message holds something besides text. `kind`: the type of the part."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"a part of the message has the type {kind!r}; only text is taken")


class Image(msgspec.Struct, frozen=True):
    """An image. `path`: in the workspace, the same whenever its message is sent again, and no other image's."""

    path: str
    data: bytes


def image_of(text: str, place: str) -> Image:
    """The image that is written in base64. `place`: names its message, and which of its images it is. Raises `NotTaken`."""
    try:
        data = b64decode(text, validate=True)
    except ValueError as error:
        raise NotTaken(f"an image is not base64: {error}") from error
    kind = media_type(data[:12])
    if not kind:
        raise NotTaken("an image is no PNG, JPEG or WebP")
    name = hashlib.blake2b(place.encode() + b"\0" + data, digest_size=IMAGE_NAME_BYTES).hexdigest()
    return Image(f"{UPLOADS}/{name}.{kind.removeprefix('image/')}", data)


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
    head = [f"{TOLD}\n\n{instructions}"] if instructions else []
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
    return "\n\n".join([*head, USERS, text])


def with_context(text: str, context: str) -> str:
    """What the user says, and behind it what the application tells of itself, at most `CONTEXT_CHARS_MAX` characters of it."""
    if not context:
        return text
    note = CUT if len(context) > CONTEXT_CHARS_MAX else ""
    return f"{text}{AROUND}{context[:CONTEXT_CHARS_MAX]}{note}"


def said_by_user(text: str) -> str:
    """What the user said, of an input that `first_input` and `with_context` may have made."""
    if text.startswith((TOLD, BEGAN)):
        text = text.partition(f"\n\n{USERS}\n\n")[2] or text
    return text.partition(AROUND)[0]
