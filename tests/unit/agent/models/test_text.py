"""Text from models is mended before anybody stores or sends it."""

from hypothesis import given
from hypothesis import strategies as st

from agent.util.text import Mender, mend

anything = st.text(alphabet=st.characters(categories=None), max_size=30)
halves = st.lists(st.sampled_from(["\ud83d", "\ude00", "a", "é", "😀", "\ufffd", ""]), max_size=12)


@given(anything)
def test_mended_text_can_be_encoded_and_sound_text_is_left_alone(text: str) -> None:
    mended = mend(text)
    mended.encode()
    if not any("\ud800" <= char <= "\udfff" for char in text):
        assert mended == text


@given(halves)
def test_text_mended_in_pieces_is_the_text_mended_whole(pieces: list[str]) -> None:
    mender = Mender()
    said = "".join([*(mender.push(piece) for piece in pieces), mender.rest()])
    assert said == mend("".join(pieces))


def test_a_half_that_waits_is_held_back_and_only_that() -> None:
    mender = Mender()
    assert mender.push("ab\ud83d") == "ab"
    assert mender.push("\ude00c") == "😀c"
    assert mender.rest() == ""
