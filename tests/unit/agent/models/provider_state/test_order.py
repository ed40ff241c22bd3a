"""Order of thinking: a message goes back as several, where its model thought between its texts and calls."""

from typing import Any

from agent.models.provider_state import ProviderState
from agent.models.provider_state.order import in_order, joins_messages

A, B = {"type": "thinking", "thinking": "a", "signature": "A"}, {"type": "redacted_thinking", "data": "B"}
CALLS = [{"id": f"c{number}"} for number in range(3)]


def message(text: str | None, calls: int, **parts: Any) -> dict[str, object]:
    made = {"tool_calls": CALLS[:calls]} if calls else {}
    return {"role": "assistant", "content": text, **made, **parts}


def pieces(whole: dict[str, object], places: list[tuple[int, int]], text: str, chars: int | None = None) -> list[Any]:
    """The message in its pieces, with A and B at these places."""
    state = ProviderState(
        source="s", thinking_blocks=[A, B], places=places, text_chars=len(text) if chars is None else chars
    )
    return in_order({**whole, "thinking_blocks": [A, B]}, state, text)


def test_thinking_between_calls_stands_between_them() -> None:
    assert pieces(message(None, 3), [(0, 0), (0, 2)], "") == [
        message(None, 2, thinking_blocks=[A]),
        {"role": "assistant", "content": None, "tool_calls": CALLS[2:], "thinking_blocks": [B]},
    ]


def test_thinking_between_texts_stands_between_them() -> None:
    assert pieces(message("one\ntwo", 1), [(0, 0), (4, 0)], " one\ntwo "[1:]) == [
        message("one", 0, thinking_blocks=[A]),
        message("two", 1, thinking_blocks=[B]),
    ]


def test_what_comes_before_the_first_thinking_stays_before_it() -> None:
    found = pieces(message("so", 2, reasoning_content="r"), [(2, 1), (2, 1)], "so")
    assert found == [
        message("so", 1, reasoning_content="r"),
        {"role": "assistant", "content": None, "thinking_blocks": [A, B], "tool_calls": CALLS[1:2]},
    ]


def test_thinking_at_the_end_stands_at_the_end() -> None:
    assert pieces(message("so", 0), [(0, 0), (2, 0)], "so") == [
        message("so", 0, thinking_blocks=[A]),
        message(None, 0, thinking_blocks=[B]),
    ]


def test_calls_keep_their_order_where_a_secret_was_taken_out_of_the_text() -> None:
    found = pieces(message("a [redacted] b", 1), [(0, 0), (9, 0)], "a [redacted] b", chars=9)
    assert [piece["content"] for piece in found] == ["a [redacted] b", None]
    assert found[1]["tool_calls"] == CALLS[:1]


def test_a_message_whose_text_has_changed_stays_as_it_is() -> None:
    whole = {**message("a [redacted] b", 1), "thinking_blocks": [A, B]}
    assert pieces(whole, [(0, 0), (4, 0)], "a [redacted] b", chars=9) == [whole]
    joined = {**message("before\n\nso", 1), "thinking_blocks": [A, B]}
    assert pieces(joined, [(0, 0), (0, 1)], "so") == [joined]


def test_thinking_before_all_the_rest_needs_no_pieces() -> None:
    whole = {**message("so", 1), "thinking_blocks": [A, B]}
    assert pieces(whole, [], "so", chars=0) == [whole]


def test_calls_that_the_session_left_out_are_left_out() -> None:
    assert pieces(message(None, 1), [(0, 0), (0, 2)], "") == [
        message(None, 1, thinking_blocks=[A]),
        message(None, 0, thinking_blocks=[B]),
    ]


def test_reasoning_items_are_told_apart_by_their_places_too() -> None:
    items = [{"encrypted_content": "a"}, {"encrypted_content": "b"}]
    state = ProviderState(source="s", reasoning_items=items, places=[(0, 0), (0, 1)])
    found: list[Any] = in_order({**message(None, 2), "reasoning_items": items}, state, "")
    assert [(piece["reasoning_items"], len(piece["tool_calls"])) for piece in found] == [(items[:1], 1), (items[1:], 1)]


def test_only_where_messages_of_a_model_keep_their_order() -> None:
    assert joins_messages("anthropic/kimi-k2", "anthropic", by_responses=False)
    assert joins_messages("vertex_ai/claude-sonnet-5", "vertex_ai", by_responses=False)
    assert joins_messages("openai/gpt-5.6", "openai", by_responses=True)
    assert not joins_messages("openai/gpt-5.6", "openai", by_responses=False)
    assert not joins_messages("vertex_ai/gemini-3-flash", "vertex_ai", by_responses=False)
    assert not joins_messages("openrouter/anthropic/claude-sonnet-4.5", "openrouter", by_responses=False)
