"""Redaction in slices: redacts large texts with pauses, in which the event loop does other things.

The answer is that of the redactor. Redaction takes up to half a microsecond for each character: a megabyte at once would
stop all other sessions.
"""

import asyncio
from typing import Final

from agent.redaction.redactor import RedactedText, Redactor

SLICE_CHARS: Final = 8_192
"""Characters between two pauses: a few milliseconds at most."""


async def redact_in_slices(redactor: Redactor, text: str) -> str:
    """The text without its secrets."""
    if len(text) <= SLICE_CHARS:
        return redactor.redact(text)
    stream = redactor.stream()
    parts = []
    for at in range(0, len(text), SLICE_CHARS):
        parts.append(stream.push(text[at : at + SLICE_CHARS]))
        await asyncio.sleep(0)
    parts.append(stream.flush())
    return "".join(parts)


class SlicedRedaction:
    """Redacts many texts, with a pause after each `SLICE_CHARS` characters of them together."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._chars = 0

    async def redact(self, text: str) -> RedactedText:
        """The text without its secrets, which a redactor leaves as it is."""
        self._chars += len(text)
        redacted = RedactedText(await redact_in_slices(self._redactor, text))
        if self._chars >= SLICE_CHARS:
            self._chars = 0
            await asyncio.sleep(0)
        return redacted

    async def redact_value(self, value: object) -> object:
        """A JSON-like value without secrets in its strings and keys."""
        if isinstance(value, str):
            return await self.redact(value)
        if isinstance(value, dict):
            return {await self.redact(key): await self.redact_value(item) for key, item in value.items()}
        if isinstance(value, list):
            return [await self.redact_value(item) for item in value]
        return value
