"""Packing: arrays in PostgreSQL's binary format, made by hand. The driver's own adapters cost twice as much for each event.

Format: dimensions, whether there are nulls, the type's OID, then length and lower bound of the one dimension; then each value with
its length before it (-1: null). https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/arrayfuncs.c (array_recv)
"""

import functools
import struct
from collections.abc import Sequence

INT8, BYTEA = 20, 17
INT8_ARRAY, BYTEA_ARRAY = 1016, 1001
"""OIDs of types: https://github.com/postgres/postgres/blob/REL_18_STABLE/src/include/catalog/pg_type.dat"""

_EMPTY = struct.Struct("!iiI")
_HEADER = struct.Struct("!iiIii")
_LENGTH = struct.Struct("!i")
_NULL = _LENGTH.pack(-1)
_INT8 = struct.Struct("!q")


@functools.lru_cache(maxsize=256)
def _int8_array(count: int) -> struct.Struct:
    return struct.Struct("!iiIii" + "iq" * count)


def int8(value: int) -> bytes:
    """One number."""
    return _INT8.pack(value)


def int8s(values: Sequence[int]) -> bytes:
    """An array of numbers. Raises struct.error for one that does not fit."""
    if not values:
        return _EMPTY.pack(0, 0, INT8)
    flat = [8] * (2 * len(values))
    flat[1::2] = values
    return _int8_array(len(values)).pack(1, 0, INT8, len(values), 1, *flat)


def byteas(values: Sequence[bytes | None]) -> bytes:
    """An array of byte strings. Raises TypeError for what is none."""
    if not values:
        return _EMPTY.pack(0, 0, BYTEA)
    parts = [_HEADER.pack(1, int(None in values), BYTEA, len(values), 1)]
    for value in values:
        if value is None:
            parts.append(_NULL)
        else:
            parts += (_LENGTH.pack(len(value)), value)
    return b"".join(parts)


def read_int8(data: bytes | None) -> int:
    """A number of a result in binary format; 0 for null."""
    return 0 if data is None else int(_INT8.unpack(data)[0])
