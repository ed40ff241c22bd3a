"""Frame reader: what a client sends is judged by its size and number before it is decoded."""

import asyncio
from typing import Any

import msgspec
import pytest

from protocol import codec, codes
from protocol.content import AccessLevel
from protocol.limits import Limits
from protocol.submissions import UserInput
from server.auth.principal import LOCAL
from server.util.rate_limit import KeyedRateLimiter
from server.websocket.handshake import Encoding
from server.websocket.policy import SMALL_BYTES, SubmissionPolicy
from server.websocket.reader import TOO_MANY, TOO_MANY_BAD, FrameReader

LIMITS = Limits(frames_per_s=1, frames_burst=10)


def policy_of(access: AccessLevel = "owner", submissions: int = 100, large_bytes: float = 1e9) -> SubmissionPolicy:
    rates, large = KeyedRateLimiter(0.001, submissions, 8), KeyedRateLimiter(large_bytes, large_bytes, 8)
    return SubmissionPolicy(LOCAL, access, rates, large, submissions, asyncio.Lock())


def results(reader: FrameReader, *messages: str | bytes) -> list[Any]:
    """What becomes of these messages, as codes of refusals, texts of inputs and close reasons."""
    made: list[Any] = []
    for message in messages:
        for result in reader.submissions({"text" if isinstance(message, str) else "bytes": message}, 0.0):
            if isinstance(result, codec.FrameError):
                made.append(result.code)
            else:
                made.append(result.text if isinstance(result, UserInput) else result)
    return made


def reader_of(policy: SubmissionPolicy, kind: Any = "json", subprotocol: str | None = "x") -> FrameReader:
    return FrameReader(Encoding(kind, subprotocol), policy, LIMITS)


def an_input(text: str) -> str:
    return codec.encode(UserInput(text=text, id="one")).decode()


@pytest.mark.parametrize("message", ["", "\n\n\n", b""])
def test_a_message_without_a_frame_counts_as_one(message: str | bytes) -> None:
    reader = reader_of(policy_of(), "json" if isinstance(message, str) else "msgpack")
    assert results(reader, *[message] * 11) == [TOO_MANY]
    assert reader.count == 11


def test_an_empty_line_by_hand_counts_as_a_frame() -> None:
    reader = reader_of(policy_of(), subprotocol=None)
    assert results(reader, "hello", *[""] * 10) == ["hello", TOO_MANY]


def test_a_message_full_of_line_feeds_is_bad() -> None:
    assert results(reader_of(policy_of()), "\n" * 100_000) == [codes.BAD_FRAME]


def test_too_many_bad_frames_end_the_client() -> None:
    policy, limits = policy_of(), msgspec.structs.replace(LIMITS, frames_burst=1_000)
    reader = FrameReader(Encoding("json", "x"), policy, limits)
    most = limits.bad_frames_per_minute
    assert results(reader, *["{"] * (most + 1)) == [codes.BAD_FRAME] * (most + 1) + [TOO_MANY_BAD]


def test_what_a_read_guest_sends_is_not_decoded_unless_it_is_small() -> None:
    reader = reader_of(policy_of("read"))
    large = "[" * (SMALL_BYTES + 1)
    assert results(reader, large, an_input("a" * SMALL_BYTES)) == [codes.FORBIDDEN, codes.FORBIDDEN]
    assert results(reader, "{") == [codes.BAD_FRAME]


def test_what_is_large_is_not_decoded_once_its_user_has_submitted_too_much() -> None:
    policy = policy_of(submissions=1)
    reader = reader_of(policy)
    small, large = an_input("a"), an_input("b" * SMALL_BYTES)
    assert results(reader, large) == ["b" * SMALL_BYTES]
    assert policy.refuse(UserInput(text="a")) is None
    refused = list(reader.submissions({"text": large}, 0.0))
    assert [(error.code, error.id) for error in refused if isinstance(error, codec.FrameError)] == [
        (codes.TOO_MANY_SUBMISSIONS, "one")
    ]
    assert results(reader, small) == ["a"]


def test_a_large_frame_among_small_ones_is_judged_by_itself() -> None:
    policy = policy_of(submissions=1)
    reader = reader_of(policy)
    made = []
    for result in reader.submissions({"text": "\n".join(map(an_input, ("a", "b" * 500, "c")))}, 0.0):
        made.append(result.code if isinstance(result, codec.FrameError) else result)
        policy.refuse(UserInput(text="a"))
    assert [getattr(one, "text", one) for one in made] == ["a", codes.TOO_MANY_SUBMISSIONS, "c"]


async def test_large_messages_of_one_user_are_decoded_in_turn_and_small_ones_at_once() -> None:
    policy = policy_of()
    one, other = reader_of(policy), reader_of(policy)
    large = {"text": "a" * 1_000}
    assert one.is_large(large)
    async with one.paced(large):
        assert policy.turn.locked()
        assert not other.is_large({"text": "a"})
    assert not policy.turn.locked()


async def test_a_user_who_sends_many_bytes_waits() -> None:
    policy = policy_of(large_bytes=1_000_000)
    assert policy.delay_s(1_000_000) == 0
    assert policy.delay_s(SMALL_BYTES) == 0
    assert 0.4 < policy.delay_s(500_000) <= 0.5
