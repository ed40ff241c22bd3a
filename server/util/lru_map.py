"""LRU map: a dictionary of bounded size that forgets the least recently used entry."""

from collections import OrderedDict
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class LruMap(OrderedDict[K, V]):
    """At most `entries_max` entries, the least recently used first. `map[key] = value` and `move_to_end(key)` are uses."""

    def __init__(self, entries_max: int) -> None:
        super().__init__()
        self._entries_max = entries_max

    def __setitem__(self, key: K, value: V) -> None:
        super().__setitem__(key, value)
        self.move_to_end(key)
        while len(self) > self._entries_max:
            self.popitem(last=False)
