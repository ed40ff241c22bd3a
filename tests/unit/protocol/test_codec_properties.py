"""Codec, properties: random bytes and objects give a submission or a refusal, never another exception."""

from typing import Any

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from protocol import codec
from protocol.codec import FrameError
from protocol.submissions import ExecApproval
from tests.unit.protocol.hostile import MOMENT, approval_of, decoded

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(codec.INT_MIN, codec.INT_MAX)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
anything = st.recursive(
    plain | st.binary(max_size=8) | st.integers() | st.floats() | st.text() | st.just(MOMENT),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(max_size=8) | st.integers(0, 9) | st.binary(max_size=3) | st.none(), inner, max_size=4
        )
    ),
    max_leaves=12,
)
frame_like = st.fixed_dictionaries(
    {"type": st.sampled_from(sorted(codec.SUBMISSION_TYPES)) | anything},
    optional={
        "id": st.text(max_size=70) | anything,
        "text": st.text(max_size=9) | anything,
        "when": st.sampled_from(["queue", "steer"]) | anything,
        "model": st.text(max_size=9) | anything,
        "approvals": anything
        | st.lists(st.fixed_dictionaries({"tool_call_id": anything, "approved": anything, "arguments": anything})),
    },
)


@given(arguments=st.dictionaries(st.text(max_size=8), plain, max_size=4))
def test_any_plain_arguments_come_through_both_encodings_unchanged(arguments: dict[str, Any]) -> None:
    for binary in (False, True):
        encode = msgspec.msgpack.encode if binary else msgspec.json.encode
        submission = decoded(encode(approval_of(arguments)), binary=binary)
        assert isinstance(submission, ExecApproval)
        assert submission.approvals[0].arguments == arguments


@given(body=frame_like | anything)
def test_any_msgpack_object_is_a_submission_or_a_refusal(body: object) -> None:
    try:
        data = msgspec.msgpack.encode(body)
    except (UnicodeEncodeError, OverflowError):
        return
    decoded(data, binary=True)
    assert list(codec.split_msgpack(data)) == [data]


@given(data=st.binary(max_size=200), binary=st.booleans())
@example(data=b'{"type":"user_input","text":"a","\\udc00":1}', binary=False)
@example(data=b'{"type":"user_input","text":1,"id":"\\udc00"}', binary=False)
def test_random_bytes_are_a_submission_or_a_refusal(data: bytes, binary: bool) -> None:
    decoded(data, binary=binary)
    try:
        parts = list(codec.split_msgpack(data))
    except FrameError:
        return
    assert b"".join(parts) == data


@given(body=frame_like, place=st.integers(0, 10_000), byte=st.integers(0, 255), binary=st.booleans())
def test_a_frame_with_one_byte_changed_is_a_submission_or_a_refusal(
    body: Any, place: int, byte: int, binary: bool
) -> None:
    try:
        data = bytearray(msgspec.msgpack.encode(body) if binary else msgspec.json.encode(body))
    except (UnicodeEncodeError, OverflowError, TypeError, ValueError):
        return
    data[place % len(data)] = byte
    decoded(bytes(data), binary=binary)


@given(text=st.text())
def test_any_text_is_a_submission_or_a_refusal(text: str) -> None:
    decoded(text)
