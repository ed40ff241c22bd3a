"""Plain data: tests of `agent.util.plain`."""

from typing import Any

from agent.util.plain import plain_copy


def test_a_copy_is_equal_and_shares_nothing_that_can_be_changed() -> None:
    value: dict[str, Any] = {"a": [1, {"b": [None, "c"]}], "d": {}, "e": "f"}
    copied = plain_copy(value)
    assert copied == value
    copied["a"][1]["b"].append("g")
    copied["d"]["h"] = 1
    assert value == {"a": [1, {"b": [None, "c"]}], "d": {}, "e": "f"}
