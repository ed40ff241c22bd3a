"""Full garbage collections: made while no session works."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from server.jobs.garbage import AT_ONCE, WORTH_IT, FullCollections


class Node:
    """Refers to itself: only a collection frees it."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def old_garbage() -> Iterator[weakref.ref[Node]]:
    """An unused cycle of old objects; no collection is made but by the test."""
    gc.collect()
    gc.disable()
    try:
        node = Node()
        found = weakref.ref(node)
        gc.collect(1)
        del node
        yield found
    finally:
        gc.enable()


def middle_collections(count: int) -> None:
    """Make so many collections of younger objects, as new ones cause them."""
    for _ in range(count):
        gc.collect(1)


def test_a_full_one_waits_until_nothing_works(old_garbage: weakref.ref[Node]) -> None:
    works = True
    collections = FullCollections(lambda: works)
    middle_collections(WORTH_IT)
    collections.look()
    assert old_garbage() is not None
    works = False
    collections.look()
    assert old_garbage() is None


def test_none_is_made_for_few_new_objects(old_garbage: weakref.ref[Node]) -> None:
    collections = FullCollections(lambda: False)
    middle_collections(WORTH_IT // 2)
    collections.look()
    assert old_garbage() is not None


async def test_python_makes_one_seldom_while_the_server_runs_and_as_before_afterwards() -> None:
    before = gc.get_threshold()
    collections = FullCollections(lambda: True)
    collections.start()
    assert gc.get_threshold() == (*before[:2], AT_ONCE)
    await collections.aclose()
    assert gc.get_threshold() == before
