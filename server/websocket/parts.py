"""Parts: what a socket is sent in place of a frame that is larger than it takes. Pure.

Long texts come ahead of their frame, in pieces by offset; other large values are left out and named.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from protocol import codec

Encode = Callable[[Any], bytes]
Place = tuple[str | int, ...]
"""Where a value stands in a frame: the keys and indexes that lead to it."""

SMALL_CHARS: Final = 256
"""A text of so many code points stays where it is: names and ids are shorter."""

KEPT_CHARS: Final = 64
"""What is left of a text that is left out: something to show, and what a schema with a least length takes."""

PIECE_FRAME_BYTES: Final = 512
"""More than what a piece has besides its text."""

PIECE_BYTES_MAX: Final = 32_768
"""The largest piece: each socket that is sent one has its own."""

VALUES_MAX: Final = 64
"""Where more values than this would have to be left out, whole lists are."""

OBJECTS: Final = ("arguments", "content", "guest_grants")
"""Objects of any shape. They are left out whole: a part of them would be taken for all."""

OMITTED: Final = "omitted"
WHOLE: Final = ("type", "seq", "first_seq", "at")
"""What is left of an event of which nothing else fits."""


class Parts:
    """The frames for one that is larger than `most` bytes (`frame`: its JSON), each of `most` bytes at most, the event itself last.

    `binary`: they are MessagePack. It can be iterated over many times: long texts are here once, and their pieces are made as they
    are asked for, so that many slow sockets share one.
    """

    __slots__ = ("__weakref__", "_encode", "_last", "_most", "_texts")

    def __init__(self, frame: bytes, most: int, *, binary: bool) -> None:
        encode: Encode = codec.encode_msgpack if binary else codec.encode
        self._encode = encode
        self._most = most
        tree: dict[str, Any] = msgspec.json.decode(frame)
        if tree["type"] in ("assistant_chunk", "tool_log"):
            self._last: bytes | dict[str, Any] = {
                name: tree.pop(name) for name in ("seq", "first_seq", "at") if name in tree
            }
            self._texts = [(tree, tree.pop("offset"), tree.pop("text"))]
            return
        self._texts = list(_texts(tree, leave_out(tree, most, encode)))
        self._last = encode(tree)

    def __iter__(self) -> Iterator[bytes]:
        if isinstance(self._last, bytes):
            for head, begin, text in self._texts:
                yield from _pieces(head, begin, text, self._most, self._encode)
            yield self._last
            return
        # An event that is a piece of text itself: only the last of its pieces has its position.
        ((head, begin, text),) = self._texts
        texts = _split(text, _piece_bytes(self._most), self._encode)
        offset, piece = next(texts)
        for after, following in texts:
            yield self._encode({**head, "offset": begin + offset, "text": piece})
            offset, piece = after, following
        yield self._encode({**head, **self._last, "offset": begin + offset, "text": piece})


def pieces(tree: dict[str, Any], left_out: dict[Place, Any], most: int, encode: Encode) -> Iterator[bytes]:
    """The pieces of those texts that were left out of this frame and that a client can put together: see `_piece_of`."""
    for head, begin, text in _texts(tree, left_out):
        yield from _pieces(head, begin, text, most, encode)


def _texts(tree: dict[str, Any], left_out: dict[Place, Any]) -> Iterator[tuple[dict[str, Any], int, str]]:
    """Those texts: what each piece has besides, the offset of the first in the whole text, and the text."""
    for place, text in left_out.items():
        head = _piece_of(tree, place)
        if head is not None:
            yield head, 0, text


def _pieces(head: dict[str, Any], begin: int, text: str, most: int, encode: Encode) -> Iterator[bytes]:
    for offset, piece in _split(text, _piece_bytes(most), encode):
        yield encode({**head, "offset": begin + offset, "text": piece})


def _piece_bytes(most: int) -> int:
    """The bytes of text in a piece for a client that takes `most`."""
    return min(most, PIECE_BYTES_MAX) - PIECE_FRAME_BYTES


def _piece_of(tree: dict[str, Any], place: Place) -> dict[str, Any] | None:
    """What a piece of the text at this place has besides the text, or None if there are no pieces of it."""
    match tree, place:
        case ({"type": "assistant_message", "message_id": message_id}, ("text" | "reasoning" as kind,)):
            return {"type": "assistant_chunk", "message_id": message_id, "kind": kind}
        case ({"type": "snapshot", "open_message": {"message_id": message_id}}, ("open_message", kind)):
            return {"type": "assistant_chunk", "message_id": message_id, "kind": kind}
        case ({"type": "snapshot", "open_calls": calls}, ("open_calls", int(number), "log")):
            return {"type": "tool_log", "tool_call_id": calls[number]["tool_call_id"]}
    return None


def _split(text: str, most: int, encode: Encode) -> Iterator[tuple[int, str]]:
    """The text in pieces that have at most so many bytes encoded, each with its offset in code points."""
    begin, count = 0, most
    while True:
        piece = text[begin : begin + count]
        size = len(encode(piece))
        if size > most:
            count = max(1, len(piece) * most // size - 1)
            continue
        yield begin, piece
        begin += len(piece)
        if begin >= len(text):
            return


def leave_out(tree: dict[str, Any], most: int, encode: Encode) -> dict[Place, Any]:
    """Cut the largest values of this frame, in place, until it fits; it names their places in `omitted`. Gives the values.

    Long texts and the objects of `OBJECTS` first, then lists (the objects in them with them); if not even that suffices, all but
    the position.
    What is certain to be left out is counted and not encoded.
    """
    values = sorted(_large(tree, ()), key=lambda one: one[0])
    rest, room = sum(size for size, _ in values), most
    gone: dict[Place, Any] = {}
    while True:
        while values and rest > room and len(gone) < VALUES_MAX:
            size, place = values.pop()
            rest -= size
            gone[place] = _cut(tree, place)
        encoded = _size(tree, gone, encode)
        if encoded <= most:
            return gone
        if not values or len(gone) >= VALUES_MAX:
            break
        room = min(rest // 2, rest * most // encoded)  # at least halved: encoding is what takes the time
    for place in sorted(_lists(tree, ()), key=lambda place: -len(encode(_at(tree, place)))):
        gone = {other: value for other, value in gone.items() if other[: len(place)] != place}
        gone[place] = _cut(tree, place)
        if _size(tree, gone, encode) <= most:
            return gone
    for name in [name for name in tree if name not in WHOLE]:
        del tree[name]
    tree[OMITTED] = [""]
    return {}


def _size(tree: dict[str, Any], gone: dict[Place, Any], encode: Encode) -> int:
    """How many bytes the frame has now; it names what is gone."""
    if gone:
        tree[OMITTED] = [pointer(place) for place in gone]
    return len(encode(tree))


def pointer(place: Place) -> str:
    """The place as a JSON pointer (RFC 6901)."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in place)


def _large(value: Any, place: Place) -> Iterator[tuple[int, Place]]:
    """The values below this one that may be left out first, each with its size: code points, or bytes of JSON."""
    if isinstance(value, str):
        if len(value) > SMALL_CHARS:
            yield len(value), place
    elif isinstance(value, dict):
        if place and place[-1] in OBJECTS:
            yield len(codec.encode(value)), place  # type: ignore[arg-type]  # any value can be encoded
            return
        for key, inner in value.items():
            yield from _large(inner, (*place, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _large(inner, (*place, number))


def _lists(value: Any, place: Place) -> Iterator[Place]:
    """The lists below this value; none inside of another."""
    if isinstance(value, list):
        yield place
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _lists(inner, (*place, key))


def _at(tree: Any, place: Place) -> Any:
    for step in place:
        tree = tree[step]
    return tree


def _cut(tree: dict[str, Any], place: Place) -> Any:
    """Leave the beginning of a text, or an empty list or object; gives what was there."""
    owner = _at(tree, place[:-1])
    value = owner[place[-1]]
    owner[place[-1]] = value[:KEPT_CHARS] if isinstance(value, str) else type(value)()
    return value
