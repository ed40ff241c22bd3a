"""Provider state in a request: put back under LiteLLM's names, for the model that made it alone."""

from typing import Any

from agent.models.provider_state import ProviderState
from agent.models.provider_state.request import must_not_think, put_back
from agent.models.provider_state.state import encode
from agent.models.types import KeptState

SOURCE = "p/m http://p"
USER: dict[str, object] = {"role": "user", "content": "hi"}
RESULT: dict[str, object] = {"role": "tool", "tool_call_id": "c0", "content": "done"}


def answer(state: ProviderState | None = None, calls: int = 1, reasoning: str = "I thought") -> dict[str, object]:
    """A message of the model with so many calls, or a text."""
    kept = {} if state is None else {"provider_state": KeptState(encode(state), reasoning)}
    if not calls:
        return {"role": "assistant", "content": "Done.", **kept}
    made = [{"id": f"c{number}", "type": "function", "function": {"name": "f"}} for number in range(calls)]
    return {"role": "assistant", "content": None, "tool_calls": made, **kept}


def sent(*messages: dict[str, object], provider: str = "p", source: str = SOURCE, thinks: bool = True) -> list[Any]:
    return put_back(messages, source, provider, thinks=thinks)


def state(**fields: Any) -> ProviderState:
    return ProviderState(source=SOURCE, **fields)


def test_a_message_without_state_is_sent_as_it_is() -> None:
    assert sent(USER, answer(), RESULT) == [USER, answer(), RESULT]


def test_the_parts_are_put_back_under_their_names() -> None:
    parts: dict[str, Any] = {
        "thinking_blocks": [{"type": "redacted_thinking", "data": "D"}],
        "reasoning_details": [{"type": "reasoning.encrypted", "data": "D"}],
        "reasoning_items": [{"encrypted_content": "E"}],
    }
    message = sent(USER, answer(state(**parts)), RESULT)[1]
    assert {name: message[name] for name in parts} == parts
    assert "provider_state" not in message
    assert "reasoning_content" not in message


def test_the_state_of_another_model_is_left_out() -> None:
    held = state(returns_reasoning=True, thinking_blocks=[{"type": "redacted_thinking", "data": "D"}])
    assert sent(USER, answer(held), RESULT, source="p/m http://other") == [USER, answer(), RESULT]


def test_bytes_that_are_no_state_are_left_out() -> None:
    odd = {**answer(), "provider_state": KeptState(b"\xc1", "I thought")}
    assert sent(USER, odd, RESULT) == [USER, answer(), RESULT]


def test_a_signature_goes_back_on_its_own_call() -> None:
    calls = sent(USER, answer(state(call_signatures={1: "S"}), calls=3), RESULT)[1]["tool_calls"]
    assert [call.get("provider_specific_fields") for call in calls] == [None, {"thought_signature": "S"}, None]


def test_a_signature_of_a_text_needs_a_text() -> None:
    signed = state(text_signatures=["S"])
    assert sent(USER, answer(signed, calls=0))[1]["provider_specific_fields"] == {"thought_signatures": ["S"]}
    assert "provider_specific_fields" not in sent(USER, answer(signed), RESULT)[1]


def test_reasoning_goes_back_with_all_messages_of_a_turn_that_has_calls() -> None:
    held = state(returns_reasoning=True)
    turn = [USER, answer(held), RESULT, answer(held, calls=0)]
    found = sent(*turn, USER, answer(held, calls=0), USER)
    assert [message.get("reasoning_content") for message in found] == [
        *(None, "I thought", None, "I thought"),
        *(None, None, None),
    ]


def test_reasoning_goes_back_under_the_name_that_it_came_with_to_providers_that_take_it() -> None:
    held = state(returns_reasoning=True, names_reasoning=True)
    for provider in ("hosted_vllm", "openrouter", "groq", "openai"):
        message = sent(USER, answer(held), RESULT, provider=provider)[1]
        assert (message["reasoning"], "reasoning_content" in message) == ("I thought", False)
    assert sent(USER, answer(held), RESULT, provider="another") == [USER, answer(), RESULT]


def test_an_input_that_joined_a_turn_begins_none() -> None:
    held = state(returns_reasoning=True)
    found = sent(USER, answer(held), RESULT, USER, answer(held, calls=0), USER)
    assert found[4]["reasoning_content"] == "I thought"


def test_a_detail_that_is_only_the_reasoning_gets_its_text_again() -> None:
    held = state(reasoning_details=[{"type": "reasoning.text", "index": 0}])
    assert sent(USER, answer(held), RESULT)[1]["reasoning_details"] == [
        {"type": "reasoning.text", "index": 0, "text": "I thought"}
    ]
    assert "reasoning_details" not in sent(USER, answer(held, reasoning=""), RESULT)[1]


def test_deepseek_gets_a_blank_for_reasoning_that_is_missing_while_it_thinks() -> None:
    messages = (USER, answer(), RESULT, answer(calls=0), USER)
    found = sent(*messages, provider="deepseek")
    assert [message.get("reasoning_content") for message in found] == [None, " ", None, None, None]
    assert sent(*messages, provider="deepseek", thinks=False) == [*messages]


def test_claude_does_not_think_in_a_turn_that_does_not_begin_with_thinking() -> None:
    thought = {**answer(), "thinking_blocks": [{}]}
    claude = ("claude-haiku-4-5", "anthropic")
    assert must_not_think([USER, answer(), RESULT], *claude)
    assert must_not_think([USER, answer(), RESULT, thought, RESULT], *claude)
    assert must_not_think([USER, answer(), RESULT, USER], *claude)
    assert not must_not_think([USER, thought, RESULT, answer(), RESULT], *claude)
    assert not must_not_think([USER, answer(), thought, RESULT, RESULT], *claude)
    assert not must_not_think([USER, answer(), RESULT, answer(calls=0), USER], *claude)
    assert not must_not_think([USER, answer(), RESULT], "anthropic/claude-haiku-4.5", "openrouter")
    assert not must_not_think([USER, answer(), RESULT], "gpt-5.6", "openai")
