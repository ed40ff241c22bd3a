"""Golden files: every frame and submission has the same bytes as ever. Lines are added to these files and never changed."""

from typing import get_args

import pytest

from protocol import codec
from protocol.frames import Frame
from protocol.merge import TEXT_EVENTS
from protocol.submissions import Submission
from tests.unit.protocol.examples import FRAMES, GOLDEN_FRAMES, GOLDEN_SUBMISSIONS, SUBMISSIONS, golden, tag

ALL = [*FRAMES, *SUBMISSIONS]
CHANGED = "the wire has changed: stored journals and existing clients need the bytes in the golden file"


def test_every_frame_and_submission_has_its_golden_lines_and_none_is_left_over() -> None:
    assert sorted(map(tag, FRAMES)) == sorted(str(s.__struct_config__.tag) for s in get_args(Frame))
    assert sorted(map(tag, SUBMISSIONS)) == sorted(str(s.__struct_config__.tag) for s in get_args(Submission))
    for file, words in ((GOLDEN_FRAMES, FRAMES), (GOLDEN_SUBMISSIONS, SUBMISSIONS)):
        assert list(file.json()) == list(file.msgpack()) == sorted(map(tag, words))


@pytest.mark.parametrize("word", ALL, ids=tag)
def test_a_frame_is_encoded_as_its_golden_bytes(word: Frame | Submission) -> None:
    as_json, as_msgpack = golden(word)
    assert codec.encode(word) == as_json, CHANGED
    assert codec.encode_msgpack(word) == as_msgpack, CHANGED


@pytest.mark.parametrize("word", FRAMES, ids=tag)
def test_a_frame_is_read_from_its_golden_file(word: Frame) -> None:
    as_json, as_msgpack = golden(word)
    assert codec.decode_frame(as_json) == word == codec.decode_frame_msgpack(as_msgpack), CHANGED


@pytest.mark.parametrize("word", SUBMISSIONS, ids=tag)
def test_a_submission_is_read_from_its_golden_file(word: Submission) -> None:
    as_json, as_msgpack = golden(word)
    assert codec.decode_submission(as_json) == word == codec.decode_submission(as_msgpack, binary=True), CHANGED


@pytest.mark.parametrize("word", FRAMES, ids=tag)
def test_a_stored_frame_in_json_becomes_the_same_msgpack_as_the_frame_itself(word: Frame) -> None:
    assert codec.to_msgpack(codec.encode(word)) == codec.encode_msgpack(word)


@pytest.mark.parametrize("word", FRAMES, ids=tag)
def test_a_stored_event_that_can_be_merged_is_known_by_how_its_json_begins(word: Frame) -> None:
    can_be_merged = tag(word) in ("assistant_chunk", "assistant_message", "tool_log")
    assert codec.encode(word).startswith(TEXT_EVENTS) is can_be_merged


def test_all_golden_frames_share_one_message_and_are_taken_apart_again() -> None:
    lines = [golden(word)[0] for word in FRAMES]
    assert [line.encode() for line in codec.split_json(b"\n".join(lines).decode())] == lines
    packed = [golden(word)[1] for word in FRAMES]
    assert list(codec.split_msgpack(b"".join(packed))) == packed


@pytest.mark.parametrize("word", FRAMES, ids=tag)
def test_fields_a_later_version_adds_to_a_frame_are_ignored(word: Frame) -> None:
    later = codec.encode(word)[:-1] + b',"later":{"a":1}}'
    assert codec.decode_frame(later) == word
