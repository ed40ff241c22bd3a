"""Learned facts: which limit counts, for how long, and of how many models."""

from agent.models.calls.learned import KEPT_S, MODELS_MAX, Learned


def test_no_limit_is_above_that_of_a_refusal() -> None:
    learned = Learned(lambda: 0.0)
    learned.note("m").refused_at = 2_048
    assert learned.context_limit("m", 0, None, 128_000) == 2_048
    assert learned.context_limit("m", 0, 4_096, 128_000) == 2_048
    assert learned.context_limit("m", 1_000, 4_096, 128_000) == 1_000


def test_what_the_server_lists_comes_before_the_table_and_after_the_operators_setting() -> None:
    learned = Learned(lambda: 0.0)
    learned.note("m").listed = 4_096
    assert learned.context_limit("m", 0, 8_192, 128_000) == 4_096
    assert learned.context_limit("m", 2_000, 8_192, 128_000) == 2_000
    assert learned.context_limit("other", 0, None, 128_000) == 128_000


def test_a_fact_is_forgotten_after_an_hour_and_so_are_the_models_named_first() -> None:
    now = 0.0
    learned = Learned(lambda: now)
    learned.note("m").takes_no_tools = True
    assert learned.of("m").takes_no_tools
    now = KEPT_S
    assert not learned.of("m").takes_no_tools
    learned.note("first").takes_no_tools = True
    for number in range(MODELS_MAX):
        learned.note(f"m{number}").takes_no_tools = True
    assert not learned.of("first").takes_no_tools
