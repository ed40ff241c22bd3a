"""Snapshot encoding: makes a snapshot's bytes in pieces, so that others get a turn between two.

A long session has up to 16 MiB, and text that JSON has to escape takes 4 ns a byte: in one piece it would stop the event loop for
a fifth of a second. The bytes are those that encoding the whole frame gives.
"""

import struct
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator, Sequence
from typing import Any, cast

import msgspec
from msgspec import UnsetType

from agent.session.state import size
from protocol import codec
from protocol.content import AssistantMessage, Message, OpenMessage, QueuedInput, ToolMessage, Usage
from protocol.frames import Snapshot
from protocol.view import View, to_snapshot
from server.websocket.parts import Encode, leave_out, pieces

PIECE_CHARS = 65_536
"""Text that is encoded at once: at most 400 kB of JSON, 1.5 ms of work."""

BATCHES_MIN = 16
"""A frame that is full has so many batches of messages at least: less room stays empty where the next one does not fit."""

ITEM_CHARS = 256
"""What a message counts besides its text."""

HEAD_BYTES = 64
"""More than what the parts of a frame have around them."""

Work = Generator[None, None, list[bytes]]
"""Work in pieces. At its end it returns the snapshot, and the frames that follow it: pieces of texts that it has no room for."""

Parts = Generator[None, None, list[bytes]]
Item = Message | QueuedInput


def snapshot_work(view: View, most: int, *, binary: bool) -> Work:
    """Encode the view as it is at the first `next`. The oldest messages are left out where the frame would exceed `most` bytes.

    Where there is no room even without messages, other large values are left out (`server.websocket.parts`). `binary`:
    MessagePack, otherwise JSON.
    """
    form: _Form = _MessagePack() if binary else _Json()
    frame = to_snapshot(view)
    if _is_small(frame):
        whole = form.encode(frame)
        if len(whole) <= most:
            return [whole]
    frame = _still(frame)
    fields: dict[str, list[bytes]] = {name: [] for name in frame.__struct_fields__}
    for name in fields:
        value = getattr(frame, name)
        if name == "queued":
            fields[name], _ = yield from form.items(value, None)
        elif name not in ("messages", "omitted_messages") and value is not msgspec.UNSET:
            fields[name] = yield from form.value(value)
            yield
    room = most - _size(fields)
    following: list[bytes] = []
    if room < 0:
        fields, following = yield from _small_head(frame, most, form.encode)
        room = most - _size(fields)
    fields["messages"], count = yield from form.items(frame.messages, room)
    fields["omitted_messages"] = [form.encode(len(frame.messages) - count)]
    return [b"".join(form.struct(frame, {name: parts for name, parts in fields.items() if parts})), *following]


def _size(fields: dict[str, list[bytes]]) -> int:
    """At most so many bytes: these fields in a frame."""
    return sum(HEAD_BYTES + len(part) for parts in fields.values() for part in parts)


def _small_head(
    frame: Snapshot, most: int, encode: Encode
) -> Generator[None, None, tuple[dict[str, list[bytes]], list[bytes]]]:
    """The fields of the snapshot besides its messages, without large values, and the frames with pieces of these."""
    tree: dict[str, Any] = msgspec.to_builtins(msgspec.structs.replace(frame, messages=[], omitted_messages=0))
    left_out = leave_out(tree, most - HEAD_BYTES * len(tree), encode)
    following: list[bytes] = []
    for piece in pieces(tree, left_out, most, encode):
        following.append(piece)
        yield
    kept = (name for name in tree if name not in ("type", "messages", "omitted_messages"))
    return {name: [encode(tree[name])] for name in kept}, following


def _is_small(frame: Snapshot) -> bool:
    """Whether it can be encoded at once, as that of a new session: it has little text, and nothing whose size is not known."""
    for name in frame.__struct_fields__:
        value = getattr(frame, name)
        if value and name not in ("messages", "queued") and not isinstance(value, str | int | Usage | UnsetType):
            return False
    if (len(frame.messages) + len(frame.queued)) * ITEM_CHARS > PIECE_CHARS:
        return False
    return sum(map(_chars_of, frame.messages)) + sum(map(_chars_of, frame.queued)) <= PIECE_CHARS


def _still(frame: Snapshot) -> Snapshot:
    """A copy that the next events do not change: they replace messages and texts, and change all else in place."""
    for name in frame.__struct_fields__:
        value = getattr(frame, name)
        if name == "open_calls":
            value = [msgspec.structs.replace(call) for call in value]
        elif isinstance(value, list | dict):
            value = value.copy()
        elif isinstance(value, msgspec.Struct):
            value = msgspec.structs.replace(value)
        setattr(frame, name, value)
    return frame


def _batches(items: Sequence[Item], chars: int) -> Iterator[list[Item]]:
    """Items that are encoded at once, of so many `chars`, the last batch first. One that is large, or of unknown size, is alone."""
    batch: list[Item] = []
    room = chars
    for item in reversed(items):
        room -= _chars_of(item)
        if batch and room < 0:
            yield batch[::-1]
            batch, room = [], chars - _chars_of(item)
        batch.append(item)
    if batch:
        yield batch[::-1]


def _chars_of(item: Item) -> int:
    """About how much text this is; more than `PIECE_CHARS` if it holds what cannot be counted quickly."""
    if isinstance(item, QueuedInput):
        return ITEM_CHARS + len(item.text)
    chars = ITEM_CHARS + size(item)
    if isinstance(item, AssistantMessage):
        return chars + sum(_chars_of_arguments(call.arguments) for call in item.tool_calls)
    if isinstance(item, ToolMessage) and not isinstance(item.arguments, UnsetType):
        return chars + _chars_of_arguments(item.arguments)
    return chars


def _chars_of_arguments(arguments: dict[str, Any]) -> int:
    """Arguments are mostly a few texts and numbers; others are nested."""
    chars = ITEM_CHARS
    for name, value in arguments.items():
        nested = isinstance(value, dict | list)
        chars += PIECE_CHARS if nested else len(name) + (len(value) if isinstance(value, str) else ITEM_CHARS)
    return chars


class _Form(ABC):
    """How values become bytes."""

    @abstractmethod
    def encode(self, value: Any) -> bytes:
        """One value, at once."""

    @abstractmethod
    def text(self, value: str) -> Parts:
        """One long text."""

    @abstractmethod
    def array(self, batches: list[list[bytes]], count: int) -> list[bytes]:
        """A list of `count` items, from the parts of its batches."""

    @abstractmethod
    def inner(self, batch: list[Item]) -> bytes:
        """A batch's items as they are inside of a list."""

    @abstractmethod
    def struct(self, value: msgspec.Struct, fields: dict[str, list[bytes]]) -> list[bytes]:
        """A struct from the parts of its fields."""

    def value(self, value: Any) -> Parts:
        """One value; its long texts in pieces."""
        if isinstance(value, str) and len(value) > PIECE_CHARS:
            return (yield from self.text(value))
        if not isinstance(value, Message | OpenMessage | QueuedInput):
            return [self.encode(value)]
        fields: dict[str, list[bytes]] = {}
        for name in value.__struct_fields__:
            part = getattr(value, name)
            if part is not msgspec.UNSET:
                fields[name] = yield from self.value(part)
        return self.struct(value, fields)

    def items(self, items: Sequence[Item], most: int | None) -> Generator[None, None, tuple[list[bytes], int]]:
        """A list of the last items that have at most so many bytes, and how many these are."""
        batches: list[list[bytes]] = []
        count, taken = 0, 0
        for batch in _batches(items, PIECE_CHARS if most is None else min(PIECE_CHARS, most // BATCHES_MIN)):
            parts = (yield from self.value(batch[0])) if len(batch) == 1 else [self.inner(batch)]
            taken += sum(map(len, parts))
            if most is not None and taken > most:
                break
            batches.append(parts)
            count += len(batch)
            yield
        return self.array(batches[::-1], count), count


class _Json(_Form):
    """JSON."""

    def encode(self, value: Any) -> bytes:
        return codec.encode(value)

    def text(self, value: str) -> Parts:
        parts = [b'"']
        for begin in range(0, len(value), PIECE_CHARS):
            parts.append(codec.encode(cast("Any", value[begin : begin + PIECE_CHARS]))[1:-1])
            yield
        return [*parts, b'"']

    def array(self, batches: list[list[bytes]], count: int) -> list[bytes]:
        parts = [part for batch in batches for part in (b",", *batch)]
        return [b"[", *parts[1:], b"]"]

    def inner(self, batch: list[Item]) -> bytes:
        return self.encode(batch)[1:-1]

    def struct(self, value: msgspec.Struct, fields: dict[str, list[bytes]]) -> list[bytes]:
        config = value.__struct_config__
        tag = {} if config.tag_field is None else {config.tag_field: [self.encode(config.tag)]}
        named = [part for name, parts in {**tag, **fields}.items() for part in (f',"{name}":'.encode(), *parts)]
        return [b"{", named[0][1:], *named[1:], b"}"]


class _MessagePack(_Form):
    """MessagePack (github.com/msgpack/msgpack, spec.md)."""

    def encode(self, value: Any) -> bytes:
        return codec.encode_msgpack(value)

    def text(self, value: str) -> Parts:
        yield
        return [self.encode(value)]  # copied, not escaped

    def array(self, batches: list[list[bytes]], count: int) -> list[bytes]:
        return [_head(count, 0x90, 0xDC), *(part for batch in batches for part in batch)]

    def inner(self, batch: list[Item]) -> bytes:
        return self.encode(batch)[len(_head(len(batch), 0x90, 0xDC)) :]

    def struct(self, value: msgspec.Struct, fields: dict[str, list[bytes]]) -> list[bytes]:
        config = value.__struct_config__
        tag = {} if config.tag_field is None else {config.tag_field: [self.encode(config.tag)]}
        named = {**tag, **fields}
        return [_head(len(named), 0x80, 0xDE), *(p for n, parts in named.items() for p in (self.encode(n), *parts))]


def _head(count: int, short: int, long: int) -> bytes:
    """What a list or map of so many begins with."""
    if count < 16:
        return bytes([short | count])
    return struct.pack("!BH", long, count) if count < 65_536 else struct.pack("!BI", long + 1, count)
