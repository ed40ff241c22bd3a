"""Garbage collection: seldom or never made while modules are imported."""

import asyncio
import contextlib
import gc
import io
import sys
from functools import partial
from pathlib import Path

import pytest

from agent.util.garbage import SELDOM, import_for_good, kept_for_good, seldom_collected, used_for_good
from agent.util.threads import start_in_own_thread


def test_it_is_seldom_made_meanwhile_and_the_thresholds_are_as_before_afterwards() -> None:
    before = gc.get_threshold()
    assert before[0] < SELDOM
    with seldom_collected():
        assert gc.get_threshold() == (SELDOM, *before[1:])
        with seldom_collected():
            pass
        assert gc.get_threshold()[0] == SELDOM
    assert gc.get_threshold() == before


def test_none_is_made_during_a_start_and_what_it_made_is_in_none_afterwards() -> None:
    assert gc.isenabled()
    try:
        with kept_for_good():
            assert not gc.isenabled()
            made: list[object] = []
            made.append(made)
        assert gc.isenabled()
        assert not any(one is made for one in gc.get_objects())
        with pytest.raises(ValueError, match="a start that fails"), kept_for_good():
            raise ValueError("a start that fails")
        assert gc.isenabled()
    finally:
        gc.unfreeze()


def test_what_is_imported_for_good_is_in_no_collection_and_nothing_is_frozen_the_second_time() -> None:
    sys.modules.pop("this", None)
    before = gc.get_freeze_count()
    with contextlib.redirect_stdout(io.StringIO()):
        import_for_good("this")
    frozen = gc.get_freeze_count()
    assert frozen > before
    import_for_good("this")
    assert gc.get_freeze_count() <= frozen  # some of what was frozen before may have gone meanwhile


def test_what_the_first_use_of_a_library_left_is_in_no_collection_and_what_a_later_one_leaves_is() -> None:
    first: list[object] = []
    first.append(first)
    try:
        used_for_good("a library of this test")
        later: list[object] = []
        later.append(later)
        used_for_good("a library of this test")
        followed = {id(one) for one in gc.get_objects()}
    finally:
        gc.unfreeze()
    assert id(first) not in followed
    assert id(later) in followed


async def test_a_package_that_two_threads_import_is_whole_in_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "slowly"
    package.mkdir()
    (package / "__init__.py").write_text("import time\ntime.sleep(0.1)\nfrom slowly.part import whole\n")
    (package / "part.py").write_text("import time\nimport slowly.other\nwhole = True\n")
    (package / "other.py").write_text("from slowly import __name__\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        first = start_in_own_thread("first", partial(import_for_good, "slowly", "slowly.part"))
        while "slowly" not in sys.modules:
            await asyncio.sleep(0)
        await start_in_own_thread("second", partial(import_for_good, "slowly", "slowly.part"))
        assert sys.modules["slowly"].whole
        await first
    finally:
        gc.unfreeze()
