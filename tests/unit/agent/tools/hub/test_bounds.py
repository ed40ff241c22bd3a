"""Bounds of Hub calls: whatever the Hub does, a call ends in time with a clear text; each owner's token is used for that owner only."""

import asyncio
from collections.abc import Callable

import pytest

from agent.hub.client import HubClient
from agent.hub.errors import NotReached, refusal_text
from agent.hub.request import HubCall
from agent.tools.hub import HubSettings
from agent.util.places import SERVER
from agent.util.tasks import TaskOwner
from tests.support.executors import hub_threads
from tests.support.hub.standin_datasets import Split
from tests.support.hub.standin_hub import StandinHub
from tests.unit.agent.tools.hub.sessions import POISON, Parts, Session

Make = Callable[..., Session]


@pytest.fixture(autouse=True)
def _things(parts: Parts) -> None:
    parts.search.add("models", "bob/llama")
    parts.datasets.splits["bob/d"] = [Split("default", "train", {}, [])]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "the owner has to log in with Hugging Face again"),
        (402, "needs credit"),
        (403, "another scope"),
        (404, "or it is private"),
        (409, "there already"),
        (429, "too many requests"),
        (500, "try again in a while"),
        (503, "try again in a while"),
        (418, "did not take the request"),
    ],
)
async def test_each_refusal_has_a_remedy(session: Make, hub: StandinHub, status: int, words: str) -> None:
    hub.faults.fail(status)
    output = await session().refused("hf_search", kind="models")
    assert f"the Hub refused ({status})" in output and words in output and "'not now'" in output
    assert len(hub.faults.received) == 1, "it was asked again without being told to"


async def test_an_invalid_token_is_reported(session: Make, hub: StandinHub) -> None:
    hub.users.clear()
    assert "log in with Hugging Face again" in await session().refused("hf_search", kind="models")


def test_gated_and_missing_repositories_are_distinguished() -> None:
    def words(status: int, *, missing: bool = False, gated: bool = False, wait_s: str = "", known: bool = True) -> str:
        return refusal_text(status, "No.\n\x07", missing=missing, gated=gated, wait_s=wait_s, known=known)

    assert "access has to be asked for" in words(403, gated=True, missing=True)
    assert "the owner's token is no longer good" in words(401, missing=True)
    assert "nobody is logged in" in words(401, missing=True, known=False)
    assert "the server's own is never used" in words(401, known=False)
    assert "wait 30 s" in words(429, wait_s="30") and words(429, wait_s="30").endswith("it says: 'No.'")


async def test_silence_ends_in_time(session: Make, hub: StandinHub) -> None:
    hub.faults.hang()
    assert "did not answer" in await session(timeout_s=0.3).refused("hf_search", kind="models")


async def test_an_answer_cut_short_is_no_answer(session: Make, hub: StandinHub) -> None:
    hub.faults.cut(times=20)  # huggingface_hub 2 asks for a list several times
    assert "broke off" in await session().refused("hf_search", kind="models")


async def test_an_unreachable_hub_is_reported(session: Make, hub: StandinHub) -> None:
    one = session(endpoint="http://127.0.0.1:9")
    assert "cannot be reached" in await one.refused("hf_search", kind="models")
    await session().output("hf_search", kind="models")


async def test_an_invalid_answer_is_reported(session: Make, parts: Parts) -> None:
    parts.search.things["models"].append({"id": "x/y", "private": False, "tags": [], "lastModified": "yesterday"})
    assert "cannot be understood" in await session().refused("hf_search", kind="models")


async def test_an_answer_that_is_too_large_is_refused(session: Make, parts: Parts) -> None:
    parts.search.add("models", "bob/long", description="x" * 100_000)
    one = session(answer_bytes_max=65_536)
    assert "too large" in await one.refused("hf_search", kind="models")


async def test_a_call_that_is_cancelled_is_left_at_once_and_asks_for_nothing_more(
    session: Make, hub: StandinHub, tasks: TaskOwner
) -> None:
    one = session()
    fault = hub.faults.hang(path="/viewer/splits")
    running = tasks.start(one.run("hf_dataset", operation="splits", dataset="bob/d"), "call")
    await fault.came.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    fault.let_go.set()
    await one.threads.aclose()
    assert len(one.threads.ask) == 0
    assert not hub.faults.requests("/viewer/size")


async def test_more_calls_than_threads_wait_their_turn(session: Make, hub: StandinHub, tasks: TaskOwner) -> None:
    one = session(threads=1)
    fault = hub.faults.hang()
    first = tasks.start(one.output("hf_search", kind="models"), "first")
    await fault.came.wait()
    second = tasks.start(one.output("hf_search", kind="models"), "second")
    fault.let_go.set()
    assert await first == await second == "1. bob/llama"
    assert len(hub.faults.received) == 2


async def test_two_owners_at_once_use_their_own_tokens(session: Make, hub: StandinHub, parts: Parts) -> None:
    parts.search.add("models", "alice/mine", private=True)
    parts.search.add("models", "bob/mine", private=True)
    alice, bob, nobody = session("alice"), session("bob"), session("")
    calls = [one.output("hf_search", kind="models", query="mine") for one in (alice, bob) * 20]
    calls.append(nobody.output("hf_search", kind="models", query="mine"))
    *found, none = await asyncio.gather(*calls)
    assert found[0::2] == ["1. alice/mine · private"] * 20 and found[1::2] == ["1. bob/mine · private"] * 20
    assert none == "[no models found]"


async def test_a_token_that_is_not_the_owners_is_never_sent(session: Make, hub: StandinHub) -> None:
    settings = HubSettings(endpoint=hub.url)
    threads = hub_threads()
    for owner in ("hf_alice", None):
        with pytest.raises(RuntimeError, match="not the owner's"):
            await HubClient(settings, threads, owner, SERVER).ask(
                lambda api, token: list(api.list_models(token=POISON))
            )
    await threads.aclose()
    await session().output("hf_search", kind="models")


def test_a_get_that_got_no_answer_is_not_sent_again_whatever_the_library_retries() -> None:
    call = HubCall(10.0, 10.0, 1_000)
    call.attempt("GET", "https://hub.test/a")
    call.attempt("GET", "https://hub.test/b")
    with pytest.raises(NotReached):
        call.attempt("GET", "https://hub.test/b")
    call.answered()
    call.attempt("GET", "https://hub.test/b")
    call.attempt("PUT", "https://hub.test/part")
    call.attempt("PUT", "https://hub.test/part")
    following = HubCall(10.0, 10.0, 1_000, retries=True)
    following.attempt("GET", "https://hub.test/log")
    following.attempt("GET", "https://hub.test/log")
