"""Plain data: copies of values made of dictionaries, lists and what cannot be changed."""

from typing import TypeVar

T = TypeVar("T")


def plain_copy(value: T) -> T:
    """A copy that shares no dictionary and no list with `value`: several times faster than `copy.deepcopy`."""
    if isinstance(value, dict):
        return {key: plain_copy(item) for key, item in value.items()}  # type: ignore[return-value]  # a dict as well
    if isinstance(value, list):
        return [plain_copy(item) for item in value]  # type: ignore[return-value]  # a list as well
    return value
