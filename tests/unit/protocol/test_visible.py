"""Visible text: what cannot be seen is marked, by its Unicode category, and what people write is left as it is."""

import sys
import unicodedata

import pytest

from protocol.visible import exact, exact_line, visible

SHAPED = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}
"""Format characters that have a shape: Arabic, Syriac and Kaithi marks before numbers (Prepended_Concatenation_Mark)."""


def test_control_format_and_separator_characters_and_surrogates_are_marked_by_category() -> None:
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        unseen = unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp", "Cs") and code not in SHAPED
        if unseen and character not in "\n\t":
            assert visible(f"a{character}b") == f"a⟨U+{code:04X}⟩b"


@pytest.mark.parametrize(
    "character",
    [
        "\u034f",
        "\u115f",
        "\u1160",
        "\u17b4",
        "\u180b",
        "\u2065",
        "\u2800",
        "\u3164",
        "\ufe0f",
        "\uffa0",
        "\U000e0041",
        "\U000e0101",
    ],
)
def test_fillers_variation_selectors_and_tags_are_marked(character: str) -> None:
    assert visible(f"a{character}b") == f"a⟨U+{ord(character):04X}⟩b"


@pytest.mark.parametrize(
    "text",
    [
        "naïve Straße 日本語 שלום",
        "tab\tline\nend\r\n",
        "\u2764\ufe0f \u2764\ufe0f\u200d\U0001f525 \U0001f469\U0001f3fd\u200d\U0001f680 1\ufe0f\u20e3 \u270c\ufe0e",
        "\U0001f3f3\ufe0f\u200d\U0001f308 \U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \u0dc1\u0dca\u200d\u0dbb\u0dd3",
        "a b\u00a0c\u202fd\u3000e",
    ],
)
def test_what_people_write_stays_as_it_is(text: str) -> None:
    assert visible(text) == text


def test_joiners_and_selectors_that_join_nothing_are_marked() -> None:
    assert visible("\U0001f600\u200d") == "\U0001f600⟨U+200D⟩"
    assert visible("\U0001f600\ufe0f\ufe0f") == "\U0001f600\ufe0f⟨U+FE0F⟩"
    assert visible("rm\u200d x1\ufe0f") == "rm⟨U+200D⟩ x1⟨U+FE0F⟩"
    assert visible("\u0645\u200c\u200c\u062e") == "\u0645⟨U+200C⟩⟨U+200C⟩\u062e"
    assert visible("\U0001f3f4\U000e0072\U000e006d\U000e007f") == "\U0001f3f4⟨U+E0072⟩⟨U+E006D⟩⟨U+E007F⟩"


def test_what_will_run_has_its_other_blanks_and_carriage_returns_marked_too() -> None:
    assert visible("a\rb") == "a⟨U+000D⟩b"
    assert exact("ls\u00a0-l\u3000\r\n") == "ls⟨U+00A0⟩-l⟨U+3000⟩⟨U+000D⟩\n"
    assert exact_line("path\n    mode\tx") == "path⟨U+000A⟩    mode⟨U+0009⟩x"
