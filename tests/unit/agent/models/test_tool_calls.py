"""Tool calls as models write them: what is read as arguments, and what the model is told of what cannot be read."""

import pytest

from agent.models.tool_calls import CUT, Unreadable, read_arguments, sound_name


@pytest.mark.parametrize("written", ["", " ", "\n", "null", " null\n", "{}", "\t{ }"])
def test_a_call_without_arguments_has_none_however_the_model_writes_that(written: str) -> None:
    assert read_arguments(written) == {}


def test_arguments_are_an_object_with_blanks_around_it() -> None:
    assert read_arguments(' {"a": [1, null]}\n') == {"a": [1, None]}


@pytest.mark.parametrize("written", ["[]", "7", '"{}"', "nul", "{}{}", '{"a":', '{"a": NaN}'])
def test_what_is_no_object_is_refused_with_the_reason(written: str) -> None:
    with pytest.raises(Unreadable, match="not a JSON object"):
        read_arguments(written)


@pytest.mark.parametrize("written", ["", " ", '{"a": "the first hal'])
def test_a_call_that_the_output_limit_cut_short_is_not_run(written: str) -> None:
    with pytest.raises(Unreadable) as refused:
        read_arguments(written, cut_short=True)
    assert str(refused.value) == CUT


def test_a_name_is_made_one_that_providers_take() -> None:
    assert sound_name("functions.list files") == "functions_list_files"
    assert sound_name("") == "unnamed" and len(sound_name("x" * 100)) == 64
