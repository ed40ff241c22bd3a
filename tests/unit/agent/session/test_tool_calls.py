"""Tool calls as models write them: which run, and which get a complaint as result."""

import msgspec

from agent.models import RawToolCall
from protocol import events as ev
from tests.unit.agent.session.script import Script, call


def reply_with(*calls: RawToolCall, reason: str = "stop") -> Script:
    script = Script()
    script.say("do it")
    script.finish(*calls, reason=reason)
    return script


def outputs(script: Script) -> dict[str, str]:
    return {event.tool_call_id: event.output for event in script.events if isinstance(event, ev.ToolOutput)}


def test_call_cut_by_the_output_limit_gets_a_complaint_and_earlier_calls_run() -> None:
    script = reply_with(call("c1"), call("c2", "read", '{"path": "a'), reason="length")
    assert [effect.tool_call_id for effect in script.ran()] == ["c1"]
    assert "cut by the output limit" in outputs(script)["c2"]
    script.tool_done("c1")
    assert "cut by the output limit" in str(script.called().messages[-1])


def test_call_cut_after_its_name_is_not_run() -> None:
    for half in (call("c1", "read", ""), call("c1", "", ""), call("", "re", "  ")):
        script = reply_with(half, reason="length")
        assert script.ran() == []
        assert "cut by the output limit" in next(iter(outputs(script).values()))
        assert script.calls_model


def test_a_call_without_arguments_runs_where_nothing_was_cut() -> None:
    assert reply_with(call("c1", "read", "")).ran()
    assert reply_with(call("c1", "read", "{}"), reason="length").ran()


def test_invalid_json_arguments_get_a_complaint_with_position() -> None:
    script = reply_with(call("c1", "read", '{"path": }'))
    output = outputs(script)["c1"]
    assert "not a JSON object" in output
    assert "byte 9" in output
    message = next(m for m in script.view.messages if m.__class__.__name__ == "AssistantMessage")
    assert message.tool_calls[0].malformed == '{"path": }'


def test_arguments_that_do_not_fit_come_back_with_the_tools_complaint() -> None:
    script = reply_with(call("c1", "read", msgspec.json.encode({"path": 1}).decode()))
    assert outputs(script)["c1"] == "`path` must be a string"
