"""Pairs: each holds the same two in the same places, whoever began."""

from benchmarks.pairs import in_turn


async def test_each_begins_in_every_second_pair() -> None:
    seen: list[str] = []

    async def measure(one: str) -> str:
        seen.append(one)
        return one

    assert await in_turn(("ours", "theirs"), measure, 3) == [("ours", "theirs")] * 3
    assert seen == ["ours", "theirs", "theirs", "ours", "ours", "theirs", "theirs", "ours"]
