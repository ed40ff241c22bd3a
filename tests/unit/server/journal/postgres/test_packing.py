"""Packing: arrays that the server reads as the values they were made of."""

import struct

import psycopg
import pytest

from server.journal.postgres import packing

NUMBERS = [0, -1, 1, 2**63 - 1, -(2**63)]
STRINGS = [b"", b"\x00", b"\xff" * 70_000, None, b'{NULL,"}']


def echoed(url: str, values: bytes, kind: str, oid: int) -> object:
    """What the server reads, through the driver's own adapters."""
    with psycopg.connect(url) as connection:
        result = connection.pgconn.exec_params(f"SELECT array_to_json({kind})::text".encode(), [values], [oid], [1], 0)
        return result.get_value(0, 0)


def test_numbers_and_byte_strings_arrive_as_they_are(database: str) -> None:
    assert echoed(database, packing.int8s(NUMBERS), "$1::int8[]", packing.INT8_ARRAY) == (
        b"[0,-1,1,9223372036854775807,-9223372036854775808]"
    )
    lengths = "ARRAY(SELECT length(v) FROM unnest($1::bytea[]) v)"
    assert echoed(database, packing.byteas(STRINGS), lengths, packing.BYTEA_ARRAY) == b"[0,1,70000,null,8]"


def test_no_values_are_an_empty_array(database: str) -> None:
    assert echoed(database, packing.int8s([]), "$1::int8[]", packing.INT8_ARRAY) == b"[]"
    assert echoed(database, packing.byteas([]), "$1::bytea[]", packing.BYTEA_ARRAY) == b"[]"


def test_what_does_not_fit_is_a_fault() -> None:
    with pytest.raises(struct.error):
        packing.int8s([2**63])
    with pytest.raises(TypeError):
        packing.byteas([object()])  # type: ignore[list-item]  # that is the point


def test_a_number_of_a_result_is_read() -> None:
    assert [packing.read_int8(packing.int8(number)) for number in NUMBERS] == NUMBERS
    assert packing.read_int8(None) == 0
