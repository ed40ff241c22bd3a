"""Without tools: calls and results become text, and strict providers take the conversation."""

from agent.models import ModelRequest
from agent.models.calls.without_tools import without_tools
from tests.support.models.strict_messages import complaint

TOOL: dict[str, object] = {"type": "function", "function": {"name": "read", "parameters": {}}}


def call(call_id: str) -> dict[str, object]:
    return {"id": call_id, "type": "function", "function": {"name": "read", "arguments": '{"path":"a"}'}}


def test_calls_and_results_become_text_and_roles_alternate() -> None:
    messages: list[dict[str, object]] = [
        {"role": "system", "content": "You help."},
        {"role": "user", "content": "Read both."},
        {"role": "assistant", "content": "Well.", "tool_calls": [call("a"), call("b")]},
        {"role": "tool", "tool_call_id": "a", "content": "one"},
        {"role": "tool", "tool_call_id": "b", "content": "two"},
        {"role": "user", "content": "And?"},
    ]
    plain = without_tools(ModelRequest("m", messages, [TOOL]))
    assert plain.tools == []
    assert complaint(plain.messages) is None
    assert [message["role"] for message in plain.messages] == ["system", "user", "assistant", "user"]
    assert plain.messages[2]["content"] == 'Well.\n[Called read with {"path":"a"}]\n[Called read with {"path":"a"}]'
    assert plain.messages[3]["content"] == "[Result of read]\none\n\n[Result of read]\ntwo\n\nAnd?"
    assert messages[5]["content"] == "And?", "the request is as it was"


def test_a_conversation_without_calls_stays_as_it_is() -> None:
    request = ModelRequest("m", [{"role": "user", "content": "Hi"}], [])
    assert without_tools(request) is request
