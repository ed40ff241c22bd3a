"""Titles: the first line at once, the model's after the first turn; the user's takes precedence."""

import pytest

from agent.policy.policy import Policy
from agent.session import titles
from agent.session.messages import CancelTitle, MakeTitle, Recover, TitleDone
from agent.session.titles import TITLE_CHARS, first_line
from protocol import events as ev
from protocol.submissions import Compact, Interrupt, SetTitle, Shutdown, Undo
from tests.unit.agent.session.script import USAGE, Script


def title_calls(script: Script) -> list[MakeTitle]:
    return [effect for effect in script.effects if isinstance(effect, MakeTitle)]


def answered(first: str = "Write a poem about owls\nplease", **changes: object) -> Script:
    """A session after its first turn."""
    script = Script(**{"makes_titles": lambda model: True, **changes})
    script.say(first)
    script.stream("Night falls.")
    script.finish()
    return script


def title_done(script: Script, text: str) -> list[str]:
    return script.handle(TitleDone(script.session.title_id or "", text, USAGE))


def test_model_title_replaces_the_first_line_after_the_first_turn() -> None:
    script = answered()
    assert script.view.title == "Write a poem about owls"
    effect = title_calls(script)[0]
    assert effect.model == "test/model"
    for text in ("about owls", "Night falls."):
        assert text in str(effect.messages)
    assert title_done(script, ' "Owls at night."\n') == ["usage", "title_changed"]
    assert script.view.title == "Owls at night"
    assert script.view.usage.input_tokens == 200
    assert script.view.state == "idle"


def test_only_the_first_turn_calls_for_a_title() -> None:
    script = answered()
    title_done(script, "Owls")
    script.say("more")
    script.finish()
    assert title_calls(script) == []


def test_a_turn_that_begins_ends_the_call_for_a_title_which_is_made_after_it() -> None:
    script = answered()
    late = script.session.title_id or ""
    script.say("more")
    assert any(isinstance(effect, CancelTitle) for effect in script.effects)
    assert script.handle(TitleDone(late, "Owls", USAGE)) == []
    script.stream("Once upon")
    script.finish()
    assert len(title_calls(script)) == 1
    title_done(script, "Owls")
    script.say("and more")
    script.finish()
    assert title_calls(script) == []


def test_no_title_is_made_while_inputs_wait() -> None:
    script = Script(makes_titles=lambda model: True)
    script.say("one")
    script.say("two")
    script.stream("One.")
    assert script.finish()[-1] == "processing"
    assert title_calls(script) == []
    script.stream("Two.")
    script.finish()
    assert len(title_calls(script)) == 1


def test_a_compaction_ends_the_call_for_a_title() -> None:
    script = answered(context_limit=lambda model: 1_000, overhead_tokens=10)
    for text in ("x" * 800, "y" * 800):
        script.say(text)
        script.stream(text)
        script.finish(usage=None)
    assert script.session.title_id is not None
    script.submit(Compact())
    assert any(isinstance(effect, CancelTitle) for effect in script.effects)


TITLES = [
    ("<think>\nOkay...\n</think>\n\nOwls of Ireland", "Owls of Ireland"),
    ("Okay, the user wants...</think>Owls", "Owls"),
    ("<think>Okay, the user", ""),
    ("Title: Owls", "Owls"),
    ("**Title:** Owls", "Owls"),
    ("Here is the title:\n\nOwls", "Owls"),
    ("Sure! Here is a title: Owls", "Owls"),
    ('{"title": "Owls"}', "Owls"),
    ('```json\n{"title": "Owls"}\n```', "Owls"),
    ("Owls\x00\x07\x1b[31m at night", "Owls at night"),
    ("Owls: a poem", "Owls: a poem"),
]


@pytest.mark.parametrize(("text", "title"), TITLES)
def test_the_title_is_read_out_of_what_the_model_wrote(text: str, title: str) -> None:
    assert titles.title_in(text) == title


CUT_SHORT = [
    ("Owls of Irel", "tell me about owls"),
    ("<think>\nOkay, the user wants", "tell me about owls"),
    ("<think>\nOkay.\n</think>\nOwls of Irel", "tell me about owls"),
    ("Owls of Ireland\nThis title says", "Owls of Ireland"),
]


@pytest.mark.parametrize(("text", "title"), CUT_SHORT)
def test_a_title_that_was_cut_short_is_none(text: str, title: str) -> None:
    script = answered("tell me about owls")
    script.handle(TitleDone(script.session.title_id or "", text, cut_short=True))
    assert script.view.title == title


def test_a_title_that_the_user_chose_stays() -> None:
    script = answered()
    script.submit(SetTitle(title="Mine"))
    assert title_done(script, "Owls") == ["usage"]
    assert script.view.title == "Mine"
    early = Script(makes_titles=lambda model: True)
    early.submit(SetTitle(title="Mine"))
    early.say("hello")
    early.finish()
    assert title_calls(early) == []


def test_no_title_call_when_disabled_or_over_budget() -> None:
    assert title_calls(answered(makes_titles=lambda model: False)) == []
    failed = Script(makes_titles=lambda model: True)
    failed.say("hello")
    failed.model_fails()
    assert title_calls(failed) == []
    failed.say("again")
    failed.finish()
    assert title_calls(failed)


def test_failed_or_empty_title_call_leaves_the_first_line() -> None:
    script = answered()
    assert script.handle(TitleDone(script.session.title_id or "")) == []
    assert script.view.title == "Write a poem about owls"
    assert title_done(answered(), " \n ") == ["usage"]


def test_the_first_line_is_cut_and_blank_lines_before_it_do_not_count() -> None:
    assert first_line("\n \r\n\t words \n more") == "words"
    assert first_line("\n" * 1_000_000) == ""
    assert first_line("x" * 1_000_000) == "x" * (TITLE_CHARS - 1) + "…"


def test_a_title_that_comes_after_an_interrupt_or_a_restart_is_ignored() -> None:
    script = answered()
    late = script.session.title_id or ""
    script.say("more")
    script.submit(Interrupt())
    assert script.handle(TitleDone(late, "Owls", USAGE)) == []
    script.restart()
    script.handle(Recover())
    assert script.handle(TitleDone(late, "Owls", USAGE)) == []
    assert title_calls(script) == []
    assert script.view.title == "Write a poem about owls"


def test_a_title_comes_too_late_for_a_session_that_was_shut_down() -> None:
    script = answered()
    script.submit(Shutdown())
    assert title_done(script, "Owls") == []
    assert isinstance(script.events[-1], ev.ShutdownEvent)


def test_a_title_of_a_turn_that_was_undone_still_names_the_session() -> None:
    script = answered()
    script.submit(Undo())
    assert title_done(script, "Owls") == ["usage", "title_changed"]


def test_the_cost_of_a_title_counts_toward_the_spending_limit() -> None:
    script = answered(policy=Policy(spending_limit_usd=1.0))
    title_done(script, "x" * 300)
    assert len(script.view.title) == 80
    assert script.session.state.spent_usd == 0.02
