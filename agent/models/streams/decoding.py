"""Decoding: what a decoder of one provider's events takes and gives."""

from collections.abc import Callable

from agent.models.provider_errors.words import Words
from agent.models.types import StreamChunk

Decode = Callable[[bytes], StreamChunk | None]
"""Makes a chunk of the data of one event; None for an event that is only a sign of life. One decoder reads one stream.
Raises ErrorChunk, and ValueError for data that is no event of its provider."""

END = StreamChunk(done=True)
"""What a decoder gives for the last event of its stream, where that has a kind of its own: nothing behind it is read."""


class ErrorChunk(Exception):
    """The provider sent an error in its stream."""

    def __init__(self, words: Words) -> None:
        super().__init__(words.message)
        self.words = words
