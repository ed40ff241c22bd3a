"""LRU map: its bound, and which entry it forgets."""

from server.util.lru_map import LruMap


def test_the_least_recently_used_entry_is_forgotten() -> None:
    entries: LruMap[str, int] = LruMap(2)
    entries["a"] = 1
    entries["b"] = 2
    entries["a"] = 3
    entries["c"] = 4
    assert dict(entries) == {"a": 3, "c": 4}
    entries.move_to_end("a")
    entries["d"] = 5
    assert dict(entries) == {"a": 3, "d": 5}


def test_reading_is_not_a_use() -> None:
    entries: LruMap[str, int] = LruMap(2)
    entries.update({"a": 1, "b": 2})
    assert entries.get("a") == 1 and entries["a"] == 1
    entries["c"] = 3
    assert list(entries) == ["b", "c"]
