"""The same call with the same result, over and over: the model is told once, then the turn ends with a clear error."""

from agent.session.repetition import NOTE
from protocol import events as ev
from tests.unit.agent.session.script import Script, call


def round_of(script: Script, number: int, output: str = "same", arguments: str = '{"path": "a"}') -> list[str]:
    """The model makes the call once more, and it comes to this."""
    script.finish(call(f"c{number}", arguments=arguments))
    return script.tool_done(f"c{number}", output)


def outputs(script: Script) -> list[str]:
    return [event.output for event in script.events if isinstance(event, ev.ToolOutput)]


def test_the_model_is_told_once_and_the_turn_ends_if_it_goes_on() -> None:
    script = Script(repeated_calls_noted=3, repeated_calls_max=5)
    script.say("look")
    told = [round_of(script, number) for number in range(5)]
    assert outputs(script) == ["same", "same", "same" + NOTE, "same", "same"]
    assert told[-1] == ["tool_output", "error"]
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
    assert script.asks_model


def test_the_same_call_twice_in_one_message_is_made_once_as_far_as_the_model_knows() -> None:
    script = Script(repeated_calls_noted=2, repeated_calls_max=3)
    script.say("look")
    script.finish(*(call(f"c{number}") for number in range(4)))
    for number in range(4):
        script.tool_done(f"c{number}")
    assert not any(NOTE in output for output in outputs(script))
    assert script.asks_model


def test_calls_that_cannot_be_read_are_noticed_too() -> None:
    script = Script(repeated_calls_noted=2, repeated_calls_max=3)
    script.say("look")
    for number in range(3):
        script.finish(call(f"c{number}", arguments="{broken"))
    assert outputs(script)[1].endswith(NOTE)
    assert script.last(ev.ErrorEvent).code == "repeated_calls"


def test_a_word_of_the_user_begins_the_count_anew() -> None:
    script = Script(repeated_calls_noted=2, repeated_calls_max=3)
    script.say("look")
    round_of(script, 0)
    round_of(script, 1)
    script.say("try again", when="steer")
    round_of(script, 2)
    round_of(script, 3)
    assert script.asks_model
    round_of(script, 4)
    assert script.last(ev.ErrorEvent).code == "repeated_calls"
    script.say("once more")
    round_of(script, 5)
    assert script.asks_model


def test_a_restart_does_not_forget_the_count() -> None:
    script = Script(repeated_calls_noted=2, repeated_calls_max=4)
    script.say("look")
    round_of(script, 0)
    script.finish(call("c1", "write"))
    script.restart()
    script.approve("c1")
    script.tool_done("c1", "written")
    round_of(script, 2)
    assert outputs(script)[-1] == "same" + NOTE
