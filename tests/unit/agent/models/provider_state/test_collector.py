"""State collector: the pieces of a stream become the state as the provider made it; what is too large or unfinished is left out."""

from typing import Any

import pytest

from agent.models.provider_state import ProviderState, StateCollector
from agent.models.provider_state.state import decode
from agent.models.types import RETURNS_REASONING, StatePiece

SOURCE = "p/m http://p"


def collected(*pieces: StatePiece, signatures: dict[int, str] | None = None) -> ProviderState | None:
    """The state of an answer with these pieces; None if there is none."""
    collector = StateCollector("p/m")
    for piece in pieces:
        collector.add(piece)
    data = collector.encoded(SOURCE, signatures or {})
    return decode(data) if data else None


def thinking(text: str = "", signature: str = "") -> StatePiece:
    return StatePiece(thinking_blocks=[{"type": "thinking", "thinking": text, "signature": signature}])


def detail(**fields: Any) -> StatePiece:
    return StatePiece(reasoning_details=[{"type": "reasoning.text", "index": 0, **fields}])


def test_an_answer_without_state_has_none() -> None:
    assert collected() is None
    assert collected(StatePiece()) is None


def test_thinking_comes_in_pieces_and_ends_with_its_signature() -> None:
    encrypted = StatePiece(thinking_blocks=[{"type": "redacted_thinking", "data": "D"}])
    state = collected(thinking("I "), thinking("think"), thinking(signature="S"), encrypted, thinking(signature="T"))
    assert state is not None
    assert state.thinking_blocks == [
        {"type": "thinking", "thinking": "I think", "signature": "S"},
        {"type": "redacted_thinking", "data": "D"},
        {"type": "thinking", "thinking": "", "signature": "T"},
    ]


def test_the_places_of_thinking_are_kept_if_it_stands_between_texts_or_calls() -> None:
    collector = StateCollector("p/m")
    for piece, place in ((thinking("a", "S"), (0, 0)), (thinking("b"), (4, 1)), (thinking(signature="T"), (4, 1))):
        collector.add(piece, place)
    collector.add(StatePiece(reasoning_items=[{"encrypted_content": "E"}]), (4, 2))
    state = decode(collector.encoded(SOURCE, {}, 7))
    assert state is not None
    assert (state.places, state.text_chars) == ([(0, 0), (4, 1), (4, 2)], 7)
    first = collected(thinking("a", "S"))
    assert first is not None
    assert (first.places, first.text_chars) == ([], 0)


def test_thinking_without_its_signature_is_left_out() -> None:
    assert collected(thinking("I think")) is None
    state = collected(thinking("a", "S"), thinking("cut"))
    assert state is not None
    assert state.thinking_blocks == [{"type": "thinking", "thinking": "a", "signature": "S"}]


def test_a_surrogate_pair_in_two_pieces_of_signed_thinking_is_one_code_point() -> None:
    state = collected(thinking("a\ud83d"), thinking("\ude00"), thinking(signature="S"))
    assert state is not None
    assert state.thinking_blocks[0]["thinking"] == "a😀"


def test_details_of_one_index_are_joined_and_encrypted_ones_are_not() -> None:
    encrypted = StatePiece(reasoning_details=[{"type": "reasoning.encrypted", "data": "D", "index": 0}])
    state = collected(detail(text="a", format="f"), detail(text="b"), detail(signature="S"), encrypted, encrypted)
    assert state is not None
    assert state.reasoning_details == [
        {"type": "reasoning.text", "index": 0, "text": "ab", "format": "f", "signature": "S"},
        {"type": "reasoning.encrypted", "data": "D", "index": 0},
        {"type": "reasoning.encrypted", "data": "D", "index": 0},
    ]


def test_a_detail_that_is_only_the_reasoning_is_kept_without_its_text() -> None:
    state = collected(detail(text="a", format="f"), detail(text="b"))
    assert state is not None
    assert state.reasoning_details == [{"type": "reasoning.text", "index": 0, "format": "f"}]


def test_reasoning_items_are_kept_if_they_are_encrypted() -> None:
    items = [{"type": "reasoning", "id": "r", "encrypted_content": "E", "summary": []}, {"type": "reasoning"}]
    state = collected(StatePiece(reasoning_items=items))
    assert state is not None
    assert state.reasoning_items == items[:1]


def test_a_signature_of_a_call_is_no_signature_of_the_text() -> None:
    state = collected(StatePiece(text_signatures=["CALL", "TEXT"]), signatures={1: "CALL"})
    assert state is not None
    assert (state.text_signatures, state.call_signatures) == (["TEXT"], {1: "CALL"})


def test_the_text_of_the_reasoning_is_not_kept_twice() -> None:
    assert collected(RETURNS_REASONING) == ProviderState(source=SOURCE, returns_reasoning=True)


@pytest.mark.parametrize(
    "odd",
    [
        StatePiece(thinking_blocks="text", reasoning_details={"a": 1}, reasoning_items=7, text_signatures="text"),
        StatePiece(thinking_blocks=[1, None, [], {}], reasoning_items=[{"encrypted_content": ""}], text_signatures=[1]),
        detail(text=2**70),
    ],
)
def test_what_has_no_providers_shape_does_no_harm(odd: StatePiece) -> None:
    state = collected(odd, thinking("a", "S"))
    assert state is not None
    assert state.thinking_blocks == [{"type": "thinking", "thinking": "a", "signature": "S"}]


def test_a_part_that_is_nested_too_deeply_is_cut() -> None:
    deep: object = "x"
    for _ in range(2_000):
        deep = [deep]
    state = collected(StatePiece(reasoning_items=[{"encrypted_content": "E", "deep": deep}]))
    assert state is not None
    assert len(str(state.reasoning_items)) < 100


@pytest.mark.parametrize(
    "piece", [thinking("x" * 100, "S"), StatePiece(thinking_blocks=[{"type": "redacted_thinking"}] * 20)]
)
def test_a_state_over_the_bound_is_dropped_as_a_whole(
    piece: StatePiece, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("agent.models.provider_state.collector.STATE_BYTES_MAX", 300)
    assert collected(thinking("a", "S"), piece, piece, piece, thinking("b", "T")) is None
    assert "is left out" in caplog.text


def test_small_pieces_count_what_they_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.models.provider_state.collector.STATE_BYTES_MAX", 3_000)
    assert collected(*[thinking("xx")] * 100, thinking(signature="S")) is not None


def test_more_unsealed_text_than_can_be_redacted_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.models.provider_state.collector.UNSEALED_CHARS_MAX", 10)
    summary = StatePiece(reasoning_details=[{"type": "reasoning.summary", "summary": "x" * 11}])
    assert collected(summary) is None
    assert collected(detail(text="x" * 11, signature="S")) is not None
