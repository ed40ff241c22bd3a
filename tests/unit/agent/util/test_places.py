"""Places: each user and session takes only some of them, and whoever finds none gets an answer."""

import asyncio

import pytest

from agent.util.places import SERVER, Holder, PlaceLimits, Places, PlacesTaken
from agent.util.tasks import TaskOwner

ANNA, BERT = Holder("anna", "a1"), Holder("bert", "b1")
LIMITS = PlaceLimits(total=4, per_user=2, per_session=1, waiting_max=3, wait_s=600)


def no_wait(**changes: int) -> Places:
    limits = {"total": 4, "per_user": 2, "per_session": 1, **changes}
    return Places("work", PlaceLimits(**limits, wait_s=0))


async def test_one_session_and_one_user_have_only_so_many_places_and_others_still_get_theirs() -> None:
    places = no_wait()
    places.take_now(ANNA)
    with pytest.raises(PlacesTaken, match=r"work .* for this session"):
        await places.take(ANNA)
    places.take_now(Holder("anna", "a2"))
    with pytest.raises(PlacesTaken, match="for this user"):
        await places.take(Holder("anna", "a3"))
    await places.take(BERT)
    assert len(places) == 3


async def test_the_total_holds_for_everybody_and_for_the_server_itself() -> None:
    places = no_wait(total=2)
    places.take_now(ANNA)
    places.take_now(SERVER)
    for holder in (BERT, SERVER):
        with pytest.raises(PlacesTaken, match="on this server"):
            await places.take(holder)


async def test_once_the_shared_places_are_taken_the_others_are_for_users_who_have_none() -> None:
    places = no_wait(total=5, per_user=3, per_session=3, shared=2)
    give_back = places.take_now(ANNA)
    places.take_now(ANNA)
    with pytest.raises(PlacesTaken, match="while others need them"):
        await places.take(ANNA)
    for user in ("bert", "carl", "dora"):
        places.take_now(Holder(user))
    with pytest.raises(PlacesTaken, match="on this server"):
        await places.take(Holder("emil"))
    give_back()
    with pytest.raises(PlacesTaken, match="while others need them"):
        await places.take(ANNA)
    await places.take(Holder("emil"))


async def test_a_place_that_is_given_back_twice_is_free_once() -> None:
    places = no_wait()
    give_back = places.take_now(ANNA)
    places.take_now(BERT)
    give_back()
    give_back()
    assert len(places) == 1


async def test_who_waits_gets_the_place_that_becomes_free_and_more_than_may_wait_are_answered() -> None:
    places, tasks = Places("work", LIMITS), TaskOwner("test")
    give_back = places.take_now(ANNA)
    waiting = [tasks.start(places.take(ANNA), str(number)) for number in range(3)]
    await asyncio.sleep(0)
    assert places.waiting == 3
    with pytest.raises(PlacesTaken):
        await places.take(ANNA)
    await places.take(BERT)
    give_back()
    await waiting[0]
    assert [task.done() for task in waiting] == [True, False, False]
    await tasks.aclose()
    assert places.waiting == 0
    assert len(places) == 2


async def test_a_free_place_goes_to_the_user_who_holds_the_fewest() -> None:
    places, tasks = Places("work", PlaceLimits(total=3, per_user=3, per_session=3, wait_s=600)), TaskOwner("test")
    give_back, _, _ = (places.take_now(ANNA) for _ in range(3))
    anna = tasks.start(places.take(ANNA), "anna")
    await asyncio.sleep(0)
    bert = tasks.start(places.take(BERT), "bert")
    await asyncio.sleep(0)
    give_back()
    await bert
    assert not anna.done()
    await tasks.aclose()


async def test_one_who_leaves_as_a_place_is_given_keeps_none() -> None:
    places, tasks = Places("work", LIMITS), TaskOwner("test")
    give_back = places.take_now(ANNA)
    waiting = tasks.start(places.take(ANNA), "waits")
    await asyncio.sleep(0)
    give_back()
    waiting.cancel()
    await asyncio.wait([waiting])
    assert len(places) == 0
    assert places.has_room(ANNA)


async def test_places_are_held_while_a_block_runs() -> None:
    places = no_wait()
    async with places.hold(ANNA):
        assert not places.has_room(ANNA)
    assert places.has_room(ANNA)
