"""Garbage collection: seldom made while modules are imported."""

import contextlib
import gc
import io
import sys

from agent.util.garbage import SELDOM, import_for_good, seldom_collected


def test_it_is_seldom_made_meanwhile_and_the_thresholds_are_as_before_afterwards() -> None:
    before = gc.get_threshold()
    assert before[0] < SELDOM
    with seldom_collected():
        assert gc.get_threshold() == (SELDOM, *before[1:])
        with seldom_collected():
            pass
        assert gc.get_threshold()[0] == SELDOM
    assert gc.get_threshold() == before


def test_what_is_imported_for_good_is_in_no_collection_and_nothing_is_frozen_the_second_time() -> None:
    sys.modules.pop("this", None)
    before = gc.get_freeze_count()
    with contextlib.redirect_stdout(io.StringIO()):
        import_for_good("this")
    frozen = gc.get_freeze_count()
    assert frozen > before
    import_for_good("this")
    assert gc.get_freeze_count() == frozen
