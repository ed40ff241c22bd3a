"""Codec: frames to bytes and back, in JSON (text, one frame a line) and MessagePack (binary, one after another)."""

import math
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, Final

import msgspec

from protocol import codes
from protocol.events import Event
from protocol.frames import Frame
from protocol.submissions import Submission, UserInput

MAX_DEPTH: Final = 64
MAX_FRAMES_A_MESSAGE: Final = 1024
"""Frames a client may put into one message; the server's own messages are bounded by their bytes."""
MAX_VALUES: Final = 20_000
"""Values in one submission, and in one MessagePack message: texts, numbers, lists, maps and their keys. They are counted before
objects are made of them: so many take 20 ms, a megabyte of them up to 150 ms. No tool needs as many."""
INT_MIN: Final = -(2**63)
INT_MAX: Final = 2**64 - 1

DECODE_ERRORS: Final = (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError)
"""The exceptions that msgspec raises for invalid bytes."""

_msgpack = msgspec.msgpack.Encoder()


class _Decoders:
    """Each is made when it is first used: together they take 3 ms, and a server starts without."""

    @cached_property
    def event_json(self) -> msgspec.json.Decoder[Event]:
        return msgspec.json.Decoder(Event)

    @cached_property
    def frame_json(self) -> msgspec.json.Decoder[Frame]:
        return msgspec.json.Decoder(Frame)

    @cached_property
    def frame_msgpack(self) -> msgspec.msgpack.Decoder[Frame]:
        return msgspec.msgpack.Decoder(Frame)

    @cached_property
    def submission_json(self) -> msgspec.json.Decoder[Submission]:
        return msgspec.json.Decoder(Submission)

    @cached_property
    def submission_msgpack(self) -> msgspec.msgpack.Decoder[Submission]:
        return msgspec.msgpack.Decoder(Submission)


_decoders = _Decoders()


class FrameError(Exception):
    """A frame that is refused: `code` is one of `codes.REFUSALS`; `id` is the submission's where it could be read."""

    def __init__(self, code: str, message: str, id: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.id = id


class _Envelope(msgspec.Struct):
    type: str = ""
    id: str = ""


encode: Callable[[Frame | Submission], bytes] = msgspec.json.Encoder().encode
"""One frame as JSON."""

encode_msgpack: Callable[[Frame | Submission], bytes] = _msgpack.encode
"""One frame as MessagePack."""


def to_msgpack(data: bytes) -> bytes:
    """One frame's JSON as MessagePack."""
    return _msgpack.encode(msgspec.json.decode(data))


def decode_event(data: bytes) -> Event:
    """One journaled event. Raises `msgspec.ValidationError` on one this version does not know."""
    return _decoders.event_json.decode(data)


def decode_frame(data: bytes | str) -> Frame:
    """One frame of the server, from JSON. Raises `msgspec.ValidationError` on one this version does not know."""
    return _decoders.frame_json.decode(data)


def decode_frame_msgpack(data: bytes) -> Frame:
    """One frame of the server, from MessagePack."""
    return _decoders.frame_msgpack.decode(data)


def split_msgpack(data: bytes, most: int | None = None) -> Iterator[bytes]:
    """The MessagePack objects that follow each other in `data`. Raises `FrameError` where one is malformed.

    `most`: for what a client sent, how many there may be; they hold at most `MAX_VALUES` values together.
    """
    view = memoryview(data)
    start = count = 0
    room = MAX_VALUES if most is not None else len(view)
    while start < len(view):
        count += 1
        if most is not None and count > most:
            raise FrameError(codes.BAD_FRAME, f"more than {most} frames in one message")
        end, room = _msgpack_end(view, start, room)
        yield bytes(view[start:end])
        start = end


def split_json(text: str, most: int | None = None) -> Iterator[str]:
    """The non-empty lines of a text message. Raises `FrameError` where there are more than `most`; empty ones count too."""
    if most is not None and text.count("\n") > most:
        raise FrameError(codes.BAD_FRAME, f"more than {most} frames in one message")
    count = 0
    for line in text.split("\n"):
        if not line or line.isspace():
            continue
        count += 1
        if most is not None and count > most:
            raise FrameError(codes.BAD_FRAME, f"more than {most} frames in one message")
        yield line


def decode_submission(data: bytes | str, *, binary: bool = False) -> Submission:
    """One submission. Raises `FrameError` with a sentence that says what was wrong and where."""
    decoder: Any = _decoders.submission_msgpack if binary else _decoders.submission_json
    if isinstance(data, str) and len(data) >= 2 * MAX_VALUES:  # so many values need so many characters
        check_count(data)
    try:
        submission: Submission = decoder.decode(data)
        check_plain(submission)
    except msgspec.ValidationError as error:
        envelope = _envelope(data, binary)
        known = envelope.type in SUBMISSION_TYPES
        code = codes.INVALID if known or not envelope.type else codes.UNKNOWN_TYPE
        raise FrameError(code, _first_line(error), envelope.id[:64]) from error
    except (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError) as error:
        raise FrameError(codes.BAD_FRAME, f"not a frame: {_first_line(error)}") from error
    except ValueError as error:
        raise FrameError(codes.INVALID, str(error), _envelope(data, binary).id[:64]) from error
    return submission


def submission_id(data: bytes | str, *, binary: bool = False) -> str:
    """The id of a submission that is not decoded otherwise; empty if it has none, or cannot be read."""
    return _envelope(data, binary).id[:64]


def typed_input(text: str) -> Submission | None:
    """The submission for a typed line: a user_input, or None for an empty line. A frame begins with `{` and is not handled here."""
    return UserInput(text=text) if text else None


def check_plain(value: Any, depth: int = 0, room: int = MAX_VALUES) -> int:
    """Whether `value` can be stored and sent again in both encodings. Raises `ValueError` naming what cannot.

    `room`: how many values it may hold; returns how many more it could have held.
    """
    if depth > MAX_DEPTH:
        raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
    if room <= 0:
        raise ValueError(f"more than {MAX_VALUES} values")
    room -= 1
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, bool) or value is None or value is msgspec.UNSET:
        pass
    elif isinstance(value, int):
        if not INT_MIN <= value <= INT_MAX:
            raise ValueError("a number does not fit 64 bits")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("a number is not finite")
    elif isinstance(value, dict):
        for key, item in value.items():
            if type(key) is not str:
                raise ValueError(f"a map has a key of type {type(key).__name__}, not a text")
            _check_text(key)
            room = check_plain(item, depth + 1, room - 1)
    elif isinstance(value, list):
        for item in value:
            room = check_plain(item, depth + 1, room)
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            room = check_plain(getattr(value, name), depth + 1, room)
    else:
        raise ValueError(f"a {type(value).__name__} has no place in a frame")
    return room


def check_count(text: str, most: int = MAX_VALUES) -> None:
    """Refuse JSON of more than `most` values without building them. Raises `FrameError`.

    Each value and each key stands at the start or behind one of `,:[{`. Texts may be full of these: they are left out,
    unless the few that there are bring the count below the bound already. A string begins with a quote that no backslash
    precedes.
    """
    if sum(map(text.count, ",:[{")) < most:
        return
    try:
        msgspec.json.decode(text, type=msgspec.Raw)  # the syntax alone: else anything could stand between the strings
    except DECODE_ERRORS as error:
        raise FrameError(codes.BAD_FRAME, f"not a frame: {_first_line(error)}") from error
    plain = text.replace("\\\\", "").replace('\\"', "")  # no quote is left that does not begin or end a string
    if plain.count('"') > 2 * most or sum(map("".join(plain.split('"')[::2]).count, ",:[{")) >= most:
        raise FrameError(codes.INVALID, f"more than {most} values", submission_id(text))


def _check_text(value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("a text holds a lone surrogate, which is not Unicode") from None


def _envelope(data: bytes | str, binary: bool) -> _Envelope:
    try:
        if binary:
            return msgspec.msgpack.decode(data if isinstance(data, bytes) else data.encode(), type=_Envelope)
        return msgspec.json.decode(data, type=_Envelope)
    except DECODE_ERRORS:
        return _Envelope()


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


_FIXED: Final = {0xC0: 0, 0xC2: 0, 0xC3: 0, 0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8,
                0xD4: 2, 0xD5: 3, 0xD6: 5, 0xD7: 9, 0xD8: 17}  # fmt: skip
_SIZED: Final = {
    0xC4: (1, 0),
    0xC5: (2, 0),
    0xC6: (4, 0),
    0xC7: (1, 1),
    0xC8: (2, 1),
    0xC9: (4, 1),
    0xD9: (1, 0),
    0xDA: (2, 0),
    0xDB: (4, 0),
}
_COUNTED: Final = {0xDC: (2, 1), 0xDD: (4, 1), 0xDE: (2, 2), 0xDF: (4, 2)}


def _msgpack_end(view: memoryview, start: int, room: int) -> tuple[int, int]:
    """Where the object that begins at `start` ends (MessagePack specification, "Formats"), and what it left of `room` values."""
    position, open_items = start, 1
    while open_items:
        if open_items > room:
            raise FrameError(codes.BAD_FRAME, f"more than {MAX_VALUES} values in one message")
        room -= 1
        if position >= len(view):
            raise FrameError(codes.BAD_FRAME, "not a frame: the MessagePack object is cut short")
        byte = view[position]
        position += 1
        open_items -= 1
        if byte < 0x80 or byte >= 0xE0:
            continue
        if byte < 0x90:
            open_items += 2 * (byte & 0x0F)
        elif byte < 0xA0:
            open_items += byte & 0x0F
        elif byte < 0xC0:
            position += byte & 0x1F
        elif byte in _FIXED:
            position += _FIXED[byte]
        elif byte in _SIZED:
            width, extra = _SIZED[byte]
            position += width + extra + int.from_bytes(view[position : position + width], "big")
        elif byte in _COUNTED:
            width, factor = _COUNTED[byte]
            open_items += factor * int.from_bytes(view[position : position + width], "big")
            position += width
        else:
            raise FrameError(codes.BAD_FRAME, "not a frame: 0xc1 is never used in MessagePack")
    if position > len(view):
        raise FrameError(codes.BAD_FRAME, "not a frame: the MessagePack object is cut short")
    return position, room


SUBMISSION_TYPES: Final = frozenset(str(cls.__struct_config__.tag) for cls in Submission.__args__)
