"""Provider states of a session: kept with the message that they came with, for as long as they can be sent back."""

from typing import Any

import msgspec
import pytest

from agent.models import ModelReply, ModelUsage
from agent.models.provider_state import ProviderState
from agent.models.provider_state.state import encode
from agent.models.types import KeptState
from agent.session import state as states
from agent.session.messages import ModelDone
from agent.session.state import SessionState
from protocol import codec
from protocol import submissions as sub
from tests.unit.agent.session.script import USAGE, Script, call

SEALED = b"sealed by the provider"


def held(number: int = 1) -> bytes:
    return encode(ProviderState(source="p", thinking_blocks=[{"data": f"{SEALED.decode()} {number}"}]))


CALLED, DONE = KeptState(held(), ""), KeptState(held(), "", "Done.")
"""The states of the two messages of `a_turn`."""


def finish(script: Script, *calls: Any, data: bytes = b"") -> None:
    """The model's message ends, with this provider state."""
    reason = "tool_calls" if calls else "stop"
    reply = ModelReply(tuple(calls), reason, USAGE, data or held())
    script.handle(ModelDone(script.session.model_call_id or "", reply))


def kept(script: Script) -> list[object]:
    """The states in the messages of the last model call."""
    return [message.get("provider_state") for message in script.called().messages if message["role"] == "assistant"]


def a_turn(script: Script, words: str, call_id: str) -> None:
    """A turn with a call and a text."""
    script.say(words)
    finish(script, call(call_id))
    script.tool_done(call_id)
    script.stream("Done.")
    finish(script)


def test_the_state_is_in_the_next_call_and_in_no_event() -> None:
    script = Script()
    script.say("go")
    script.stream("I think.", "reasoning")
    finish(script, call("a"))
    script.tool_done("a")
    assert kept(script) == [KeptState(held(), "I think.")]
    assert SEALED not in b"".join(map(codec.encode, script.events))
    assert SEALED not in msgspec.json.encode(script.view)
    assert SEALED.decode() not in repr(script.called())


def test_a_message_with_state_but_without_text_and_calls_is_not_sent() -> None:
    script = Script()
    script.say("go")
    finish(script)
    script.say("again")
    assert kept(script) == []


def test_a_restart_keeps_the_states() -> None:
    script = Script()
    a_turn(script, "one", "a")
    script.restart()
    script.say("two")
    assert kept(script) == [CALLED, DONE]


def test_an_interrupted_message_has_no_state_and_is_sent() -> None:
    script = Script()
    script.say("go")
    script.stream("Half an")
    script.submit(sub.Interrupt())
    script.say("go on")
    assert kept(script) == [None]
    assert "Half an" in str(script.called().messages)


@pytest.mark.parametrize("effort", ["", "high"])
def test_another_model_drops_the_states(effort: Any) -> None:
    script = Script()
    a_turn(script, "one", "a")
    script.submit(sub.SetModel(model="another/model", reasoning_effort=effort))
    script.say("two")
    assert kept(script) == [None, None]
    script.stream("Done.")
    finish(script)
    script.submit(sub.SetModel(model="test/model"))
    script.say("three")
    assert kept(script) == [None, None, None]


def test_another_effort_of_the_chosen_model_keeps_them() -> None:
    script = Script()
    script.submit(sub.SetModel(model="another/model"))
    a_turn(script, "one", "a")
    script.submit(sub.SetModel(model="another/model", reasoning_effort="high"))
    script.say("two")
    assert kept(script) == [CALLED, DONE]


def test_undo_drops_the_states_of_its_messages() -> None:
    script = Script()
    a_turn(script, "one", "a")
    a_turn(script, "two", "b")
    script.submit(sub.Undo())
    assert len(script.session.state.provider_states) == 2
    script.say("three")
    assert kept(script) == [CALLED, DONE]


def test_compaction_drops_the_states_of_what_it_replaces() -> None:
    script = Script(keep_fraction=0.0001)
    a_turn(script, "one", "a")
    a_turn(script, "two", "b")
    script.submit(sub.Compact())
    script.summarised()
    assert len(script.session.state.provider_states) == 1
    script.say("three")
    assert kept(script) == [DONE]


def test_over_the_bound_the_oldest_states_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.session.state.PROVIDER_STATE_BYTES_MAX", 2 * len(held()) + 1)
    script = Script()
    a_turn(script, "one", "a")
    script.say("two")
    finish(script, call("b"), data=held(2))
    script.tool_done("b")
    assert kept(script) == [None, DONE, KeptState(held(2), "")]


def test_a_state_of_a_session_of_an_older_version_has_none() -> None:
    old = msgspec.msgpack.decode(states.dump(SessionState()))
    del old["provider_states"]
    assert states.load(msgspec.msgpack.encode(old)) == SessionState()


def test_unsealed_text_is_redacted_before_it_is_kept() -> None:
    script = Script()
    secret = "ghp_" + "a1B2" * 9
    script.say("go")
    data = encode(ProviderState(source="p", reasoning_details=[{"type": "reasoning.summary", "summary": secret}]))
    finish(script, call("a"), data=data)
    (state,) = script.session.state.provider_states.values()
    assert secret.encode() not in state
    assert b"redacted" in state


def test_what_goes_back_is_a_part_of_the_context() -> None:
    sealed = encode(ProviderState(source="p", thinking_blocks=[{"data": "x" * 4_000}]))
    told = encode(ProviderState(source="p", returns_reasoning=True))
    for data, at_least in ((b"", 0), (sealed, 1_000), (told, 2_000)):
        script = Script()
        script.say("go")
        script.stream("think" * 1_600, "reasoning")
        reply = ModelReply((call("a"),), "tool_calls", ModelUsage(100, 5_010, 0, None, reasoning_tokens=5_000), data)
        script.handle(ModelDone(script.session.model_call_id or "", reply))
        assert 0 <= script.view.usage.context_tokens - 110 - at_least <= 50


def test_what_goes_back_is_estimated_where_nobody_counted() -> None:
    script = Script()
    script.say("go")
    script.stream("think" * 1_600, "reasoning")
    told = encode(ProviderState(source="p", returns_reasoning=True))
    script.handle(ModelDone(script.session.model_call_id or "", ModelReply((call("a"),), "tool_calls", None, told)))
    state = script.session.state
    state.counted_messages = state.counted_tokens = 0
    before = states.context_tokens(state, 0)
    state.provider_states = {}
    assert 2_000 <= before - states.context_tokens(state, 0) <= 2_050
