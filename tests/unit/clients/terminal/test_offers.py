"""Offers: how a typed line names a prompt or a resource, and the values that it gives."""

import pytest

from clients.session.library import Prompt, PromptArgument, Resource, ResourceTemplate, ServerLibrary
from clients.terminal.commands import InvalidLine
from clients.terminal.offers import (
    PROMPTS,
    RESOURCES,
    Offer,
    argument_prompt,
    find,
    list_lines,
    offers_of,
    read_values,
    to_ask,
)

ABOUT = PromptArgument("about", description="of what", required=True)
STYLE = PromptArgument("style", "the style")
POEM = Prompt("poem", "A poem", "writes", (ABOUT, STYLE))
LIBRARY = [
    ServerLibrary("poet", (POEM, Prompt("poem long"), Prompt("only")), (Resource("test://a", "A"),)),
    ServerLibrary("other", (Prompt("poem long"),), reason="it is starting"),
    ServerLibrary("docs", templates=(ResourceTemplate("docs://{name}", "Pages", "", (ABOUT,)),)),
]
OFFERS = offers_of(LIBRARY)


def found(words: str, kinds: frozenset[str] = PROMPTS) -> tuple[str, str, str] | str | None:
    """Server, name and the words behind it, or what is wrong."""
    named = find(OFFERS, words, kinds)  # type: ignore[arg-type]  # one of the two
    if isinstance(named, InvalidLine):
        return named.why
    return None if named is None else (named[0].server, named[0].name, named[1])


def test_a_prompt_is_named_by_its_name_or_with_its_server() -> None:
    assert found("only") == ("poet", "only", "")
    assert found("poem about=owls") == ("poet", "poem", "about=owls")
    assert found("poet/poem owls") == ("poet", "poem", "owls")
    assert found("other/poem long x") == ("other", "poem long", "x")
    assert found("poem long") == "several servers have it: write one of poet/poem long, other/poem long"
    assert found("poems") is None
    assert found("test://a") is None


def test_a_resource_is_named_by_its_address_and_may_fit_a_template() -> None:
    assert found("test://a", RESOURCES) == ("poet", "test://a", "")
    assert found("docs://{name} about=x", RESOURCES) == ("docs", "docs://{name}", "about=x")
    assert found("docs://intro", RESOURCES) == ("docs", "docs://intro", "")
    two = [*OFFERS, Offer("template", "more", "more://{name}")]
    assert find(two, "more/more://x", RESOURCES) == (Offer("resource", "more", "more://x"), "")
    assert isinstance(find(two, "more://x", RESOURCES), InvalidLine)
    assert find(OFFERS[:1], "test://b", RESOURCES) is None


@pytest.mark.parametrize(
    ("words", "values"),
    [
        ("", {}),
        ('about=owls style="two lines"', {"about": "owls", "style": "two lines"}),
        ("about=", {"about": ""}),
        ('{"style": "a=b"}', {"style": "a=b"}),
        ("owls of x=1 Ireland", {"about": "owls of x=1 Ireland"}),
    ],
)
def test_values_are_pairs_an_object_or_one_text(words: str, values: dict[str, str]) -> None:
    assert read_values(OFFERS[0], words) == values


def test_values_that_cannot_be_read_are_refused_with_a_reason() -> None:
    for words in ("{oh", '{"style": 7}', 'about="open'):
        assert isinstance(read_values(OFFERS[0], words), InvalidLine)
    assert read_values(OFFERS[2], "x") == InvalidLine("only takes no values")


def test_what_is_missing_is_asked_for_and_the_rest_only_if_the_line_gave_nothing() -> None:
    assert to_ask(OFFERS[0], {}) == [ABOUT, STYLE]
    assert to_ask(OFFERS[0], {"style": "short"}) == [ABOUT]
    assert to_ask(OFFERS[0], {"about": "owls"}) == []
    assert argument_prompt(ABOUT) == "about (of what); /cancel: "
    assert argument_prompt(STYLE) == "the style; empty: left out; /cancel: "


def test_the_list_has_a_line_for_each_and_marks_what_steers_a_terminal() -> None:
    assert list_lines(LIBRARY, 80) == [
        "/poem about= [style=]  (poet · writes)",
        "/poem long  (poet)",
        "/only  (poet)",
        "/poem long  (other)",
        "/resource test://a  (poet · A)",
        "/resource docs://{name} about=  (docs · Pages)",
        "other: it is starting",
    ]
    assert list_lines([ServerLibrary("s", (Prompt("a\x1b[2J"),))], 80) == ["/a⟨U+001B⟩[2J  (s)"]
    assert list_lines([], 80) == ["there are no prompts and no resources of MCP servers"]
