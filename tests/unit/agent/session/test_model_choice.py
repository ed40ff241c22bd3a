"""Model choice: tests of `agent.session.model_choice`: who may set the model, and what becomes of a guest's choice."""

from typing import Any

import pytest
from msgspec import UNSET

from agent.session.messages import SubmissionRefusal
from protocol import events as ev
from protocol.submissions import Compact, Edit, SetModel, Share, Submission, Unshare, UserInput
from tests.unit.agent.session.script import Script, rules


def link(script: Script, **fields: Any) -> str:
    """A link to drive; its id."""
    script.submit(Share(access="drive", **fields))
    return str(script.last(ev.Shared).share_id)


def test_a_guest_may_not_set_the_model() -> None:
    script = Script()
    guests = link(script)
    assert script.submit(SetModel(model="other/model"), guests) == []
    assert isinstance(script.answer, SubmissionRefusal) and script.answer.code == "forbidden"
    assert script.view.model == "test/model"


def test_a_guest_may_set_the_model_if_the_link_says_so() -> None:
    script = Script()
    guests = link(script, may_set_model=True)
    assert script.view.shares[0].may_set_model is True
    assert script.submit(SetModel(model="other/model"), guests) == ["accepted", "model_changed"]
    assert script.submit(SetModel(model="nope"), guests) == []


def test_a_link_to_read_does_not_let_the_model_be_set() -> None:
    script = Script()
    script.submit(Share(access="read", may_set_model=True))
    assert script.view.shares[0].may_set_model is UNSET


def test_the_owners_next_words_do_not_go_to_a_model_that_a_guest_chose_when_the_link_is_revoked() -> None:
    script = Script(default_model="test/model")
    guests = link(script, may_set_model=True)
    script.submit(SetModel(model="other/model", reasoning_effort="high"), guests)
    script.submit(SetModel(model="third/model"), guests)
    assert script.submit(Unshare(share_id=guests)) == ["accepted", "unshared", "model_changed"]
    changed = script.last(ev.ModelChanged)
    assert (changed.model, changed.reasoning_effort, changed.reason) == ("test/model", "", "unshared")
    script.say("hello")
    assert script.called().model == "test/model"


def test_the_model_that_the_owner_had_chosen_comes_back() -> None:
    script = Script(default_model="test/model")
    guests = link(script, may_set_model=True)
    script.submit(SetModel(model="owners/model", reasoning_effort="low"))
    script.submit(SetModel(model="other/model"), guests)
    script.submit(Unshare(share_id=guests))
    assert (script.view.model, script.view.reasoning_effort) == ("owners/model", "low")
    assert script.session.state.model_chosen


def test_a_session_without_a_model_of_its_own_has_none_again() -> None:
    script = Script(default_model="test/model")
    guests = link(script, may_set_model=True)
    script.submit(SetModel(model="other/model"), guests)
    assert script.session.state.model_chosen
    script.submit(Unshare(share_id=guests))
    assert not script.session.state.model_chosen


def test_what_the_owner_chose_after_the_guest_stays() -> None:
    script = Script(default_model="test/model")
    guests = link(script, may_set_model=True)
    script.submit(SetModel(model="other/model"), guests)
    script.submit(SetModel(model="other/model"))
    assert script.submit(Unshare(share_id=guests)) == ["accepted", "unshared"]
    assert script.view.model == "other/model"


def test_the_choice_of_another_links_guest_ends_with_that_link() -> None:
    script = Script(default_model="test/model")
    one, other = link(script, may_set_model=True), link(script, may_set_model=True)
    script.submit(SetModel(model="one/model"), one)
    script.submit(SetModel(model="other/model"), other)
    assert script.submit(Unshare(share_id=one)) == ["accepted", "unshared"]
    assert script.view.model == "other/model"
    script.submit(Unshare(share_id=other))
    assert script.view.model == "test/model"


@pytest.mark.parametrize("work", [UserInput(text="hello"), Edit(turn_id="t1", text="hello"), Compact()])
def test_no_work_begins_with_a_chosen_model_that_may_not_be_used_any_more(work: Submission) -> None:
    script = Script()
    script.submit(SetModel(model="other/model"))
    script.session.rules = rules(refuse_model=lambda model: "gone" if model == "other/model" else None)
    assert script.submit(work) == []
    assert isinstance(script.answer, SubmissionRefusal) and script.answer.code == "unknown_model"
    script.submit(SetModel(model="test/model"))
    assert "processing" in script.say("hello")
