"""Codec: whatever a client sends gives a submission, or a refusal that says what was wrong and where."""

import math

import msgspec
import pytest

from protocol import codec, codes
from protocol.codec import FrameError
from protocol.submissions import ExecApproval, UserInput, submission_body, submission_id
from tests.unit.protocol.hostile import MOMENT, approval_of, decoded, refused_as


def approval_json(value: str) -> bytes:
    return msgspec.json.encode(approval_of({"x": "PLACE"})).replace(b'"PLACE"', value.encode())


def approval_msgpack(value: bytes) -> bytes:
    return msgspec.msgpack.encode(approval_of({"x": "PLACE"})).replace(b"\xa5PLACE", value)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"   ",
        b"{",
        b'{"type":"user_input","text":"a"',
        b'{"type":"user_input","text":"a"} x',
        b'{"type":"user_input","text":"a\x00"}',
        b'{"type":"user_input","text":"\xff"}',
        b'{"type":"user_input","text":"\\ud800"}',
        b'{"type":"user_input","text":"\\udc00\\ud800"}',
        '{"type":"user_input","text":"\ud800"}',
        b'\xef\xbb\xbf{"type":"undo"}',
        b'{"type":"\\ud800"}',
        b'{"x":' + b"[" * 100_000,
        b'{"x":' * 50_000,
    ],
    ids=lambda data: repr(data[:40]),
)
def test_invalid_json_is_a_bad_frame(data: bytes | str) -> None:
    assert refused_as(data) == codes.BAD_FRAME


@pytest.mark.parametrize(
    "data",
    [
        b"[]",
        b"null",
        b"5",
        b"{}",
        b'{"type":null}',
        b'{"type":5}',
        b'{"type":"user_input"}',
        b'{"type":"user_input","text":""}',
        b'{"type":"user_input","text":5}',
        b'{"type":"user_input","text":"a","when":"now"}',
        b'{"type":"user_input","text":"a","id":""}',
        b'{"type":"user_input","text":"a","id":7}',
        b'{"type":"user_input","text":"a","mood":"good"}',
        b'{"type":"interrupt","type":"undo"}',
        b'{"type":"exec_approval","approvals":[]}',
        b'{"type":"exec_approval","approvals":[{"tool_call_id":"c","approved":"yes"}]}',
        b'{"type":"exec_approval","approvals":[{"tool_call_id":"c","approved":true,"arguments":[]}]}',
        b'{"type":"set_model","model":""}',
        b'{"type":"user_input","text":"a","id":"' + b"i" * 65 + b'"}',
        b'{"type":"user_input","text":"a","' + b"k" * 100_000 + b'":1}',
        approval_json("1e999"),
        approval_json("9" * 400),
        approval_json("18446744073709551616"),
        approval_json("-9223372036854775809"),
        approval_json("[" * 100 + "]" * 100),
        approval_json('{"a":' * 100 + "1" + "}" * 100),
    ],
    ids=lambda data: repr(data[:60]),
)
def test_a_field_that_is_missing_unknown_wrong_or_out_of_bounds_is_invalid(data: bytes) -> None:
    assert refused_as(data) == codes.INVALID


def test_a_type_that_no_submission_has_is_unknown() -> None:
    assert refused_as(b'{"type":"dance"}') == codes.UNKNOWN_TYPE
    assert refused_as(b'{"type":"assistant_chunk","text":"from a server"}') == codes.UNKNOWN_TYPE
    assert refused_as(b'{"type":"' + b"k" * 100_000 + b'"}') == codes.UNKNOWN_TYPE
    assert refused_as(msgspec.msgpack.encode({"type": "dance"}), binary=True) == codes.UNKNOWN_TYPE


def test_a_refused_frame_names_the_field_and_its_submission_id() -> None:
    error = decoded(b'{"type":"user_input","text":5,"id":"mine"}')
    assert isinstance(error, FrameError)
    assert error.id == "mine"
    assert "$.text" in str(error)


def test_of_a_key_that_is_given_twice_the_last_value_counts() -> None:
    assert decoded(b'{"type":"user_input","text":"a","text":"b"}') == UserInput(text="b")


@pytest.mark.parametrize("value", ["18446744073709551615", "-9223372036854775808", "1e308", "null", '"\\u0000"'])
def test_numbers_that_fit_and_escaped_texts_pass(value: str) -> None:
    assert isinstance(decoded(approval_json(value)), ExecApproval)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(msgspec.msgpack.Ext(5, b"data"), id="extension"),
        MOMENT,
        b"bytes",
        math.inf,
        math.nan,
        {1: 2},
        {1.5: 2},
        {None: 2},
        {b"k": 2},
        {MOMENT: 2},
        {("a", "b"): 2},
    ],
    ids=repr,
)
def test_values_outside_of_json_are_refused_in_msgpack(value: object) -> None:
    data = msgspec.msgpack.encode(approval_of({"x": value}))
    assert refused_as(data, binary=True) == codes.INVALID


@pytest.mark.parametrize(
    "value",
    [
        b"\xd4\x05",
        b"\xc7\x0c\xff" + b"\xff" * 12,
        b"\x81\xd4\x05\x01\x01",
        b"\x81\x91\x81\x01\x01\x01",
        b"\x81\x91\x91\x01\x01",
        b"\xa2\xff\xfe",
        b"\xa3\xed\xa0\x80",
        b"\xc1",
        b"\xdd\xff\xff\xff\xff",
        b"\xdb\xff\xff\xff\xff",
        b"\x91" * 100_000,
        b"\x81\xa1a" * 50_000 + b"\x01",
    ],
    ids=lambda value: repr(value[:12]),
)
def test_malformed_msgpack_is_refused(value: bytes) -> None:
    refused_as(approval_msgpack(value), binary=True)


def test_msgpack_cut_short_anywhere_is_a_bad_frame() -> None:
    whole = msgspec.msgpack.encode(approval_of({"x": [1, "two", {"three": 3.0}], "y": "z" * 300, "n": 70_000}))
    for length in range(len(whole)):
        assert refused_as(whole[:length], binary=True) == codes.BAD_FRAME
        with pytest.raises(FrameError):
            list(codec.split_msgpack(b"\xc0" + whole[:length] if length else b"\xc1"))
    assert list(codec.split_msgpack(whole)) == [whole]


def test_frames_that_share_a_message_are_taken_apart() -> None:
    assert list(codec.split_json('{"a":1}\n\n  \n{"b":2}\r\n{"c":3}')) == ['{"a":1}', '{"b":2}\r', '{"c":3}']
    assert list(codec.split_json("")) == []
    assert list(codec.split_msgpack(b"")) == []


def test_a_line_that_ends_as_on_windows_is_a_frame() -> None:
    assert decoded('{"type":"undo"}\r') == codec.decode_submission(b'{"type":"undo"}')


def test_a_message_of_more_frames_than_the_bound_is_refused_before_they_are_kept() -> None:
    most = codec.MAX_FRAMES_A_MESSAGE
    assert len(list(codec.split_json("{}\n" * most, most))) == most
    assert len(list(codec.split_msgpack(b"\x80" * most, most))) == most
    with pytest.raises(FrameError, match="1024 frames"):
        list(codec.split_json("{}\n" * (most + 1), most))
    with pytest.raises(FrameError, match="1024 frames"):
        list(codec.split_json("\n" * (most + 1), most))
    with pytest.raises(FrameError, match="1024 frames"):
        list(codec.split_msgpack(b"\x80" * 1_000_000, most))


def test_a_message_of_the_server_may_hold_any_number_of_frames() -> None:
    assert len(list(codec.split_json("{}\n" * 5_000))) == len(list(codec.split_msgpack(b"\x80" * 5_000))) == 5_000


def test_by_hand_a_line_is_a_user_input_and_an_empty_one_nothing() -> None:
    assert codec.typed_input("hello there") == UserInput(text="hello there")
    assert codec.typed_input("") is None


def test_submissions_that_ask_for_the_same_have_one_body_whatever_their_id_and_order() -> None:
    one = codec.decode_submission(b'{"type":"user_input","id":"1","text":"a","when":"queue"}')
    two = codec.decode_submission(b'{"text":"a","type":"user_input"}')
    other = codec.decode_submission(b'{"text":"a","type":"user_input","when":"steer"}')
    assert submission_body(one) == submission_body(two) != submission_body(other)
    assert (submission_id(one), submission_id(two)) == ("1", "")


MANY = codec.MAX_VALUES + 1
TEXTS = ",:[{" * MANY


@pytest.mark.parametrize("values", ["0," * MANY, "[]," * MANY, '"",' * MANY, r'"\"",' * MANY, r'"\\",' * MANY])
def test_json_of_too_many_values_is_refused_by_name_before_they_are_built(values: str) -> None:
    approvals = f'[{{"tool_call_id":"a","approved":true,"arguments":{{"a":[{values}0]}}}}]'
    frame = f'{{"type":"exec_approval","id":"one","approvals":{approvals}}}'
    with pytest.raises(FrameError, match=f"more than {codec.MAX_VALUES} values") as caught:
        codec.decode_submission(frame)
    assert (caught.value.code, caught.value.id) == (codes.INVALID, "one")


@pytest.mark.parametrize("text", [TEXTS, TEXTS + '"' * MANY, TEXTS + "\\" * MANY + '"'])
def test_a_long_text_may_be_full_of_what_parts_values(text: str) -> None:
    sent = UserInput(text=text)
    assert codec.decode_submission(codec.encode(sent).decode()) == sent
    approval = codec.decode_submission(msgspec.json.encode(approval_of({"content": text})).decode())
    assert isinstance(approval, ExecApproval)
    assert approval.approvals[0].arguments == {"content": text}


@pytest.mark.parametrize("end", ["", "]", '"', "\\", '"\\"\\'])
def test_json_of_many_values_that_is_no_json_is_a_bad_frame(end: str) -> None:
    with pytest.raises(FrameError) as caught:
        codec.decode_submission('{"a":[' + r'\"\\",' * MANY + end)
    assert caught.value.code == codes.BAD_FRAME


@pytest.mark.parametrize("count", [1, 100])
def test_a_messagepack_message_of_too_many_values_is_refused(count: int) -> None:
    each = codec.MAX_VALUES // count + 1
    data = (b"\xdd" + each.to_bytes(4, "big") + b"\xc0" * each) * count
    with pytest.raises(FrameError, match="values in one message"):
        list(codec.split_msgpack(data, codec.MAX_FRAMES_A_MESSAGE))
    assert len(list(codec.split_msgpack(data))) == count
