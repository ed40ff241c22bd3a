"""A session's title: the first line at once, the model's after the first turn, the user's above all."""

from agent.policy.policy import Policy
from agent.session.messages import MakeTitle, Recover, TitleDone
from protocol import events as ev
from protocol.submissions import Interrupt, SetTitle, Shutdown, Undo
from tests.unit.agent.session.script import USAGE, Script


def asked(script: Script) -> list[MakeTitle]:
    return [effect for effect in script.effects if isinstance(effect, MakeTitle)]


def answered(first: str = "Write a poem about owls\nplease", **changes: object) -> Script:
    """A session after its first turn."""
    script = Script(**{"makes_titles": lambda model: True, **changes})
    script.say(first)
    script.stream("Night falls.")
    script.finish()
    return script


def made(script: Script, text: str) -> list[str]:
    return script.tell(TitleDone(script.session.title_id or "", text, USAGE))


def test_after_the_first_turn_the_model_is_asked_and_its_title_takes_the_place_of_the_first_line() -> None:
    script = answered()
    assert script.view.title == "Write a poem about owls"
    effect = asked(script)[0]
    assert effect.model == "test/model"
    for said in ("about owls", "Night falls."):
        assert said in str(effect.messages)
    assert made(script, ' "Owls at night."\n') == ["usage", "title_changed"]
    assert script.view.title == "Owls at night"
    assert script.view.usage.input_tokens == 200
    assert script.view.state == "idle"


def test_only_the_first_turn_asks() -> None:
    script = answered()
    made(script, "Owls")
    script.say("more")
    script.finish()
    assert asked(script) == []


def test_a_title_holds_up_no_turn_and_comes_in_the_middle_of_the_next() -> None:
    script = answered()
    script.say("more")
    script.stream("Once")
    assert made(script, "Owls") == ["usage", "title_changed"]
    assert script.view.state == "running"
    script.stream(" upon")
    script.finish()
    assert script.view.messages[-1].text == "Once upon"


def test_a_title_that_the_user_chose_stays() -> None:
    script = answered()
    script.submit(SetTitle(title="Mine"))
    assert made(script, "Owls") == ["usage"]
    assert script.view.title == "Mine"
    early = Script(makes_titles=lambda model: True)
    early.submit(SetTitle(title="Mine"))
    early.say("hello")
    early.finish()
    assert asked(early) == []


def test_no_title_is_made_where_none_is_wanted_or_nothing_may_be_spent() -> None:
    assert asked(answered(makes_titles=lambda model: False)) == []
    failed = Script(makes_titles=lambda model: True)
    failed.say("hello")
    failed.model_fails()
    assert asked(failed) == []
    failed.say("again")
    failed.finish()
    assert asked(failed)


def test_a_call_that_failed_or_said_nothing_leaves_the_first_line() -> None:
    script = answered()
    assert script.tell(TitleDone(script.session.title_id or "")) == []
    assert script.view.title == "Write a poem about owls"
    assert made(answered(), " \n ") == ["usage"]


def test_a_title_lost_to_an_interrupt_or_a_restart_is_not_asked_for_again() -> None:
    script = answered()
    late = script.session.title_id or ""
    script.say("more")
    script.submit(Interrupt())
    assert script.tell(TitleDone(late, "Owls", USAGE)) == []
    script.restart()
    script.tell(Recover())
    assert script.tell(TitleDone(late, "Owls", USAGE)) == []
    script.say("and more")
    script.finish()
    assert asked(script) == []
    assert script.view.title == "Write a poem about owls"


def test_a_title_comes_too_late_for_a_session_that_was_shut_down() -> None:
    script = answered()
    script.submit(Shutdown())
    assert made(script, "Owls") == []
    assert isinstance(script.events[-1], ev.ShutdownEvent)


def test_a_title_of_a_turn_that_was_undone_still_names_the_session() -> None:
    script = answered()
    script.submit(Undo())
    assert made(script, "Owls") == ["usage", "title_changed"]


def test_what_a_title_costs_counts_toward_the_spending_limit() -> None:
    script = answered(policy=Policy(spending_limit_usd=1.0))
    made(script, "x" * 300)
    assert len(script.view.title) == 80
    assert script.session.state.spent_usd == 0.02
