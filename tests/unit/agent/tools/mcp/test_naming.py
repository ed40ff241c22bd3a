"""Tool names: which name an MCP tool has for a model."""

import re

from hypothesis import given
from hypothesis import strategies as st

from agent.tools.mcp.naming import name_tools

TEXTS = st.text(max_size=80) | st.sampled_from(["a", "b", "a_b", "b_c", "a_b_c", "read", "x" * 70])


def test_a_name_of_ones_own_is_kept() -> None:
    assert name_tools({"git": ["status", "log"]}, set(), {}) == {"status": ("git", "status"), "log": ("git", "log")}


def test_names_of_two_servers_of_built_in_tools_and_of_no_use_to_providers_are_prefixed() -> None:
    named = name_tools({"git": ["log", "read", "show it"], "hub": ["log"]}, {"read"}, {})
    assert named == {
        "git_log": ("git", "log"),
        "hub_log": ("hub", "log"),
        "git_read": ("git", "read"),
        "git_show_it": ("git", "show it"),
    }


def test_names_that_are_alike_with_a_prefix_too_get_a_part_of_a_hash() -> None:
    named = name_tools({"a": ["b_c", "x"], "a_b": ["c", "x"]}, {"b_c", "c"}, {})
    assert len(named) == 4
    assert {re.sub("_[0-9a-f]{8}$", "", name) for name in named} == {"a_b_c", "a_x", "a_b_x"}


def test_a_name_once_given_never_comes_to_mean_another_tool() -> None:
    before = name_tools({"a": ["find"]}, set(), {})
    after = name_tools({"b": ["find"]}, set(), before)
    assert after == {"b_find": ("b", "find")}
    assert name_tools({"a": ["find"]}, set(), {**before, **after}) == before


@given(st.dictionaries(TEXTS, st.lists(TEXTS, max_size=5), max_size=4), st.frozensets(TEXTS, max_size=3))
def test_every_tool_has_one_sound_name_whatever_the_order(listed: dict[str, list[str]], taken: frozenset[str]) -> None:
    named = name_tools(listed, taken, {})
    everyone = {(server, tool) for server, tools in listed.items() for tool in tools}
    assert sorted(named.values()) == sorted(everyone)
    assert all(re.fullmatch("[a-zA-Z0-9_-]{1,64}", name) and name not in taken for name in named)
    turned = {server: tools[::-1] for server, tools in reversed(listed.items())}
    assert name_tools(turned, taken, {}) == named
