"""`hf_search`: what the Hub finds, in short lines, for this owner."""

from collections.abc import Callable

import pytest

from tests.support.hub.standin_hub import StandinHub
from tests.unit.agent.tools.hub.sessions import Parts, Session

Make = Callable[..., Session]
AT = "2026-10-01T12:30:00.000Z"


@pytest.fixture(autouse=True)
def _things(parts: Parts) -> None:
    add = parts.search.add
    add("models", "meta/llama-8b", pipeline_tag="text-generation", downloads=12_345, likes=7, lastModified=AT)
    add("models", "bob/llama-tiny", pipeline_tag="text-classification", downloads=99, likes=1_200_000, createdAt=AT)
    add("models", "alice/secret-llama", private=True, gated="manual")
    add("datasets", "stanfordnlp/imdb", description="Film\x1b[31m reviews\n\nof many", tags=["task_categories:text"])
    add("spaces", "bob/demo", sdk="gradio", likes=3)
    paper = {
        "title": "Attention is all",
        "publishedAt": "2017-06-12T00:00:00.000Z",
        "upvotes": 9,
        "summary": "We " * 400,
    }
    parts.search.things["papers"].append(
        {"id": "1706.03762", **paper, "authors": [{"name": name} for name in ("A", "B", "C", "D")]}
    )


async def test_found_models_are_listed_one_on_a_line(session: Make) -> None:
    found = (await session("bob").output("hf_search", kind="models", query="llama")).split("\n")
    assert found == [
        "1. meta/llama-8b · text-generation · 12.3k downloads · 7 likes · changed 2026-10-01 12:30",
        "2. bob/llama-tiny · text-classification · 99 downloads · 1.2M likes · made 2026-10-01 12:30",
    ]


async def test_filters_and_order_are_the_hubs_own(session: Make, hub: StandinHub) -> None:
    one = session()
    assert "llama-tiny" in await one.output("hf_search", kind="models", task="text-classification")
    assert "llama-8b" not in await one.output("hf_search", kind="models", author="bob")
    liked = await one.output("hf_search", kind="models", sort="likes")
    assert liked.index("llama-tiny") < liked.index("llama-8b")
    assert "imdb" in await one.output("hf_search", kind="datasets", task="text")
    assert "demo · gradio · 3 likes" in await one.output("hf_search", kind="spaces", author="bob")
    assert await one.output("hf_search", kind="spaces", query="nothing") == "[no spaces found]"


async def test_an_owner_finds_what_is_private_and_others_do_not(session: Make, hub: StandinHub) -> None:
    assert "alice/secret-llama · private · gated: manual" in await session("alice").output("hf_search", kind="models")
    assert "secret" not in await session("bob").output("hf_search", kind="models")
    assert "secret" not in await session("").output("hf_search", kind="models")
    assert [request.token for request in hub.faults.received] == ["hf_alice", "hf_bob", ""]


async def test_papers_come_with_their_authors_and_the_beginning_of_their_summary(session: Make) -> None:
    found = await session().output("hf_search", kind="papers", query="attention")
    assert found.startswith("1. 1706.03762 · Attention is all · A, B, C et al. · 2017-06-12 · 9 upvotes · We We")
    assert len(found) < 500 and found.endswith("…")


async def test_text_of_the_hub_has_no_control_characters(session: Make) -> None:
    assert "Film reviews of many" in await session().output("hf_search", kind="datasets")


async def test_no_more_rows_than_requested_and_a_note_about_more(session: Make, parts: Parts) -> None:
    for number in range(60):
        parts.search.add("models", f"many/m{number}")
    found = await session().output("hf_search", kind="models", author="many", limit=45)
    assert found.count("many/m") == 45 and found.endswith("[the first 45; there may be more]")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"kind": "papers", "query": "x", "author": "bob"}, "no `author` for papers - at `$.author`"),
        ({"kind": "papers"}, "at `$.query`"),
        ({"kind": "spaces", "task": "x"}, "no `task` for spaces"),
        ({"kind": "spaces", "sort": "downloads"}, "no downloads"),
        ({"kind": "models", "limit": 51}, "Expected `int` <= 50 - at `$.limit`"),
        ({"kind": "buckets"}, "`$.kind`"),
    ],
)
async def test_an_impossible_request_is_refused_with_a_reason(
    session: Make, arguments: dict[str, object], complaint: str
) -> None:
    one = session()
    assert complaint in one.unfit("hf_search", **arguments)
    await one.output("hf_search", kind="models")


async def test_searching_needs_no_approval(session: Make) -> None:
    one = session()
    assert not one.does("hf_search", kind="models").kinds
    await one.output("hf_search", kind="models")
