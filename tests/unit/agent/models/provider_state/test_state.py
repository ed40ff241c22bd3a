"""Provider state, encoding and redaction: what nothing seals is redacted, what is sealed stays byte for byte."""

from agent.models.provider_state import ProviderState, redact_unsealed
from agent.models.provider_state.state import decode, encode


def redact(text: str) -> str:
    return text.replace("hunter2", "[redacted]")


def test_the_encoded_state_is_read_back() -> None:
    state = ProviderState(source="p", thinking_blocks=[{"a": [1, None]}], call_signatures={0: "S"})
    assert decode(encode(state)) == state


def test_bytes_of_another_shape_are_no_state() -> None:
    assert decode(b"") is None
    assert decode(b"\xc1") is None
    assert decode(b"\x81\xa6source\x07") is None


def test_unsealed_texts_are_redacted() -> None:
    state = ProviderState(
        source="p",
        reasoning_details=[
            {"type": "reasoning.summary", "summary": "hunter2"},
            {"type": "reasoning.text", "text": "hunter2"},
        ],
        reasoning_items=[{"encrypted_content": "E", "summary": [{"type": "summary_text", "text": "hunter2"}]}],
    )
    redacted = decode(redact_unsealed(encode(state), redact))
    assert redacted is not None
    assert [detail.get("summary") or detail["text"] for detail in redacted.reasoning_details] == ["[redacted]"] * 2
    assert redacted.reasoning_items[0]["summary"] == [{"type": "summary_text", "text": "[redacted]"}]


def test_sealed_texts_stay_as_they_are() -> None:
    state = ProviderState(
        source="p",
        thinking_blocks=[{"type": "thinking", "thinking": "hunter2", "signature": "S"}],
        reasoning_details=[{"type": "reasoning.text", "text": "hunter2", "signature": "S"}],
        reasoning_items=[{"encrypted_content": "hunter2", "summary": []}],
    )
    assert redact_unsealed(encode(state), redact) == encode(state)


def test_no_state_stays_none() -> None:
    assert redact_unsealed(b"", redact) == b""
    assert redact_unsealed(b"\xc1", redact) == b""
