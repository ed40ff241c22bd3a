"""Text helpers: surrogates are repaired, long texts are cut within their limits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.util.text import (
    SurrogateRepair,
    cut_middle,
    cut_to_tokens,
    estimate_text,
    join_ends,
    repair_surrogates,
    without_overwritten,
    without_thoughts,
)

anything = st.text(alphabet=st.characters(categories=None), max_size=30)
halves = st.lists(st.sampled_from(["\ud83d", "\ude00", "a", "é", "😀", "\ufffd", ""]), max_size=12)


@given(anything)
def test_repaired_text_can_be_encoded_and_valid_text_is_unchanged(text: str) -> None:
    repaired = repair_surrogates(text)
    repaired.encode()
    if not any("\ud800" <= char <= "\udfff" for char in text):
        assert repaired == text


@given(halves)
def test_repair_in_chunks_equals_repair_of_the_whole(chunks: list[str]) -> None:
    repair = SurrogateRepair()
    result = "".join([*(repair.push(chunk) for chunk in chunks), repair.flush()])
    assert result == repair_surrogates("".join(chunks))


def test_a_half_that_waits_is_held_back_and_only_that() -> None:
    repair = SurrogateRepair()
    assert repair.push("ab\ud83d") == "ab"
    assert repair.push("\ude00c") == "😀c"
    assert repair.flush() == ""


@given(st.text(max_size=300), st.integers(1, 100))
def test_text_cut_to_tokens_has_no_more_tokens_than_allowed(text: str, tokens: int) -> None:
    cut = cut_to_tokens(text, tokens)
    assert estimate_text(cut) <= tokens
    assert (cut == text) == (estimate_text(text) <= tokens)


@given(st.text(max_size=300), st.integers(1, 300))
def test_text_cut_in_its_middle_is_no_longer_than_allowed(text: str, limit: int) -> None:
    cut = cut_middle(text, limit)
    assert len(cut) <= limit
    assert (cut == text) == (len(text) <= limit)


def test_the_ends_that_are_kept_stand_around_the_number_of_what_is_left_out() -> None:
    assert join_ends("abcdefghij", 5) == "abc\n[... 5 characters left out ...]\nij"
    assert join_ends("abcdefghij", 0, "the file is in x") == "\n[... 10 characters left out; the file is in x ...]\n"


THOUGHTS = [
    ("<think>Hm.</think>Yes.", "Yes."),
    ("Hm, well.\n</think>\n\nYes.", "Yes."),
    ("<THINKING>Hm.</THINKING> Yes. <think>More.</think>", "Yes."),
    ("<think>Hm, and then", ""),
    ("Yes.", "Yes."),
    ("a < b and b > c", "a < b and b > c"),
]


@pytest.mark.parametrize(("text", "rest"), THOUGHTS)
def test_thoughts_are_left_out(text: str, rest: str) -> None:
    assert without_thoughts(text) == rest


def test_many_marks_of_thinking_take_no_longer_than_their_length() -> None:
    assert without_thoughts("<think>" * 50_000) == ""


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("plain\n", "plain\n"),
        ("a\r\nb\r\n", "a\nb\n"),
        ("\r 1%\r 50%\r100%\nend", "100%\nend"),
        ("50%\r100%\r", "100%"),
        ("note\nbar\r   \nnext", "note\n   \nnext"),
        ("\r", ""),
    ],
)
def test_of_a_line_that_is_written_over_the_last_text_is_left(text: str, left: str) -> None:
    assert without_overwritten(text) == left
