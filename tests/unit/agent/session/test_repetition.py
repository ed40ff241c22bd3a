"""Loop detection: a repeated call with the same result is noted once for the model, then ends the turn with an error."""

from agent.session.repetition import NOTE
from protocol import events as ev
from tests.unit.agent.session.script import Script, call


def round_of(script: Script, number: int, output: str = "same", arguments: str = '{"path": "a"}') -> list[str]:
    """The model makes the call once more, and it comes to this."""
    script.finish(call(f"c{number}", arguments=arguments))
    return script.tool_done(f"c{number}", output)


def outputs(script: Script) -> list[str]:
    return [event.output for event in script.events if isinstance(event, ev.ToolOutput)]


def test_repetition_is_noted_once_then_ends_the_turn() -> None:
    script = Script(repeated_calls_noted=3, repeated_calls_max=5)
    script.say("look")
    rounds = [round_of(script, number) for number in range(5)]
    assert outputs(script) == ["same", "same", "same" + NOTE, "same", "same"]
    assert rounds[-1] == ["tool_output", "error"]
    error = script.last(ev.ErrorEvent)
    assert (error.code, error.retryable) == ("repeated_calls", True)
    assert "read" in error.message
    assert script.view.state == "idle"
    assert script.say("go on")[0] == "accepted"


def test_another_result_or_other_arguments_are_no_repetition() -> None:
    script = Script(repeated_calls_noted=2, repeated_calls_max=3)
    script.say("look")
    for number in range(6):
        round_of(script, number, output=f"{number}")
    for number in range(6, 12):
        round_of(script, number, arguments=f'{{"path": "{number}"}}')
    assert not any(NOTE in output for output in outputs(script))
    assert script.calls_model


def test_equal_calls_in_one_message_count_once() -> None:
    script = Script(repeated_calls_noted=2, repeated_calls_max=3)
    script.say("look")
    script.finish(*(call(f"c{number}") for number in range(4)))
    for number in range(4):
        script.tool_done(f"c{number}")
    assert not any(NOTE in output for output in outputs(script))
    assert script.calls_model


def test_repeated_malformed_calls_count() -> None:
    script = Script(repeated_calls_noted=2, repeated_calls_max=3)
    script.say("look")
    for number in range(3):
        script.finish(call(f"c{number}", arguments="{broken"))
    assert outputs(script)[1].endswith(NOTE)
    assert script.last(ev.ErrorEvent).code == "repeated_calls"


def test_user_input_resets_the_count() -> None:
    script = Script(repeated_calls_noted=2, repeated_calls_max=3)
    script.say("look")
    round_of(script, 0)
    round_of(script, 1)
    script.say("try again", when="steer")
    round_of(script, 2)
    round_of(script, 3)
    assert script.calls_model
    round_of(script, 4)
    assert script.last(ev.ErrorEvent).code == "repeated_calls"
    script.say("once more")
    round_of(script, 5)
    assert script.calls_model


def test_count_survives_a_restart() -> None:
    script = Script(repeated_calls_noted=2, repeated_calls_max=4)
    script.say("look")
    round_of(script, 0)
    script.finish(call("c1", "write"))
    script.restart()
    script.approve("c1")
    script.tool_done("c1", "written")
    round_of(script, 2)
    assert outputs(script)[-1] == "same" + NOTE
