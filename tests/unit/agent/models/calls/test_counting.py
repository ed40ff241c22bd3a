"""Token counting: an estimate of what a request sends counts what a provider gets back with its messages."""

from agent.models import ModelRequest
from agent.models.calls.counting import request_bytes
from agent.models.provider_state import ProviderState
from agent.models.provider_state.state import encode
from agent.models.types import KeptState

CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def sent(state: ProviderState | None) -> int:
    kept = {} if state is None else {"provider_state": KeptState(encode(state), "thought" * 100)}
    message: dict[str, object] = {"role": "assistant", "content": None, "tool_calls": [CALL], **kept}
    return request_bytes(ModelRequest("p/m", [message], []))


def test_an_estimate_of_a_request_counts_the_state_of_its_messages() -> None:
    sealed = ProviderState(source="p", thinking_blocks=[{"data": "x" * 1_000}])
    told = ProviderState(source="p", returns_reasoning=True)
    assert 1_000 <= sent(sealed) - sent(None) <= 1_050
    assert 700 <= sent(told) - sent(None) <= 750
