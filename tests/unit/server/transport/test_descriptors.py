"""Descriptors: the limit is raised, and a warning comes once before there are none left."""

from server.transport.descriptors import DescriptorWarning, raise_limit


def test_the_warning_comes_once_and_again_after_a_calm_time() -> None:
    warning = DescriptorWarning(1_000)
    assert warning.check(799) == ""
    assert "800 of 1000 file descriptors are open" in warning.check(800)
    assert warning.check(900) == ""
    assert warning.check(750) == ""
    assert warning.check(850) == "", "it did not fall far enough"
    assert warning.check(699) == ""
    assert "LimitNOFILE" in warning.check(801)


def test_the_limit_is_raised_at_most_once() -> None:
    assert raise_limit() == raise_limit() > 0
