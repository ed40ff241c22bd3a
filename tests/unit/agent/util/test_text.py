"""Text helpers: surrogates are repaired, long texts are cut within their limits."""

from hypothesis import given
from hypothesis import strategies as st

from agent.util.text import SurrogateRepair, cut_middle, cut_to_tokens, estimate_text, join_ends, repair_surrogates

anything = st.text(alphabet=st.characters(categories=None), max_size=30)
halves = st.lists(st.sampled_from(["\ud83d", "\ude00", "a", "é", "😀", "\ufffd", ""]), max_size=12)


@given(anything)
def test_mended_text_can_be_encoded_and_sound_text_is_left_alone(text: str) -> None:
    mended = repair_surrogates(text)
    mended.encode()
    if not any("\ud800" <= char <= "\udfff" for char in text):
        assert mended == text


@given(halves)
def test_text_mended_in_pieces_is_the_text_mended_whole(pieces: list[str]) -> None:
    repair = SurrogateRepair()
    said = "".join([*(repair.push(piece) for piece in pieces), repair.flush()])
    assert said == repair_surrogates("".join(pieces))


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
