"""Decoding: what a decoder of one provider's events takes and gives."""

import json
from collections.abc import Callable
from typing import TypeVar

import msgspec

from agent.models.provider_errors.words import Words
from agent.models.types import StreamChunk

Decode = Callable[[bytes], StreamChunk | None]
"""Makes a chunk of the data of one event; None for an event that is only a sign of life. One decoder reads one stream.
Raises ErrorChunk, and ValueError for data that is no event of its provider."""

DecodeTexts = Callable[[bytes, int], StreamChunk | None]
"""Makes one chunk of the text of so many events, whose data are lines. None if there is more in them than text: then each is to be
decoded by itself."""

_BETWEEN = b"}\n\ndata: {"

_Event = TypeVar("_Event")


class LastChunk(StreamChunk):
    """The chunk of the last event of a stream, where that has a kind of its own: nothing behind it is read."""


class ErrorChunk(Exception):
    """The provider sent an error in its stream."""

    def __init__(self, words: Words) -> None:
        super().__init__(words.message)
        self.words = words


class Kind(msgspec.Struct):
    """What is read of an object of which nothing else is known."""

    type: str = ""


def decode_event(decoder: msgspec.json.Decoder[_Event], data: bytes) -> _Event:
    """Decode the data of one event, also what msgspec refuses and other clients accept: lone surrogates, invalid UTF-8,
    numbers as text. Raises ValueError."""
    try:
        return decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return msgspec.convert(json.loads(data.decode("utf-8", "replace")), decoder.type, strict=False)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(str(error)) from error


def lines_of_events(block: bytes) -> tuple[bytes, int] | None:
    """The data of a block's events, a line each, and their number. None unless the block is whole events of one line with a JSON
    object each, as nearly all are. No value of JSON can go over a line's end then: what decodes as so many is one of each event.
    """
    count = block.count(_BETWEEN) + 1
    if block.count(b"\n") != 2 * count or not block.startswith(b"data: {") or not block.endswith(b"}\n\n"):
        return None
    return block[6:-2].replace(_BETWEEN, b"}\n{"), count


def counts_as(shape: type[_Event], usage: object) -> _Event | None:
    """The counts of an answer in this shape; None for anything else: an answer is good without its counts."""
    try:
        return msgspec.convert(usage, shape, strict=False)
    except (msgspec.MsgspecError, RecursionError):
        return None
