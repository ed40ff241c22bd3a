"""Keyed rate limiter: a bucket of tokens for each key."""

from server.util.rate_limit import KeyedRateLimiter


def test_each_key_has_tokens_of_its_own_which_are_refilled() -> None:
    limiter = KeyedRateLimiter(rate=1.0, burst=2, keys_max=10)
    assert [limiter.take("a", 0.0) for _ in range(3)] == [True, True, False]
    assert limiter.take("b", 0.0)
    assert limiter.is_empty("a", 0.5) and not limiter.is_empty("a", 1.0)
    assert limiter.take("a", 1.0) and not limiter.take("a", 1.0)


def test_a_key_that_was_never_seen_is_not_empty() -> None:
    assert not KeyedRateLimiter(rate=1.0, burst=1, keys_max=10).is_empty("a", 0.0)


def test_the_key_that_took_longest_ago_is_forgotten() -> None:
    limiter = KeyedRateLimiter(rate=0.0, burst=1, keys_max=2)
    assert all(limiter.take(key, 0.0) for key in ("a", "b", "c"))
    assert limiter.take("a", 0.0), "it was forgotten, so its bucket is full again"
    assert not limiter.take("c", 0.0)
