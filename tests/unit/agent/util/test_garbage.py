"""Garbage collection: none is made while modules are imported."""

import gc

from agent.util.garbage import no_collection


def test_none_is_made_meanwhile_and_the_setting_is_as_before_afterwards() -> None:
    assert gc.isenabled()
    with no_collection():
        assert not gc.isenabled()
        with no_collection():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
