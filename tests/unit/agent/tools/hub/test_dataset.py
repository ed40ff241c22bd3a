"""`hf_dataset`: splits, schema and rows, as tables."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.hub.standin_datasets import Split
from tests.support.hub.standin_hub import StandinHub
from tests.unit.agent.tools.hub.sessions import Parts, Session

Make = Callable[..., Session]
TEXT = {"_type": "Value", "dtype": "string"}
NUMBER = {"_type": "Value", "dtype": "int64"}
LABEL = {"_type": "ClassLabel", "names": ["neg", "pos"]}


@pytest.fixture(autouse=True)
def _datasets(parts: Parts) -> None:
    rows = [{"text": f"review {number}", "label": number % 2} for number in range(250)]
    parts.datasets.splits["stanfordnlp/imdb"] = [
        Split("plain_text", "train", {"text": TEXT, "label": LABEL}, rows),
        Split("plain_text", "test", {"text": TEXT, "label": LABEL}, rows[:3]),
        Split("other", "test", {"n": NUMBER}, [{"n": 1}]),
    ]
    parts.datasets.splits["alice/own"] = [Split("default", "train", {"n": NUMBER}, [{"n": 7}])]
    parts.datasets.private.add("alice/own")


def shape(parts: Parts, features: dict[str, object], *rows: dict[str, Any]) -> None:
    parts.datasets.splits["bob/odd"] = [Split("default", "train", features, list(rows))]


async def test_splits_are_listed_with_their_rows(session: Make) -> None:
    output = await session().output("hf_dataset", operation="splits", dataset="stanfordnlp/imdb")
    assert output.split("\n") == [
        "stanfordnlp/imdb: 3 splits",
        "",
        "| config | split | rows |",
        "|---|---|---|",
        "| plain_text | train | 250 |",
        "| plain_text | test | 3 |",
        "| other | test | 1 |",
    ]


async def test_splits_are_listed_before_the_viewer_knows_their_sizes(session: Make, parts: Parts) -> None:
    parts.datasets.sized = False
    output = await session().output("hf_dataset", operation="splits", dataset="stanfordnlp/imdb")
    assert "| other | test |  |" in output


async def test_the_schema_shows_each_columns_type(session: Make, parts: Parts) -> None:
    nested = {"a": TEXT, "b": {"_type": "List", "feature": NUMBER}}
    shape(parts, {"text": TEXT, "label": LABEL, "deep": nested, "tokens": [NUMBER], "picture": {"_type": "Image"}})
    output = await session().output("hf_dataset", operation="schema", dataset="bob/odd")
    assert output.split("\n")[2:] == [
        "| column | type |",
        "|---|---|",
        "| text | string |",
        "| label | ClassLabel(neg, pos) |",
        "| deep | {a: string, b: list<int64>} |",
        "| tokens | list<int64> |",
        "| picture | Image |",
    ]


async def test_rows_are_a_table_with_a_note_how_to_continue(session: Make) -> None:
    one = session()
    output = await one.output("hf_dataset", operation="rows", dataset="stanfordnlp/imdb", offset=100, limit=2)
    assert output.split("\n") == [
        "stanfordnlp/imdb (plain_text/train): 2 of 250 rows",
        "",
        "| row | text | label |",
        "|---|---|---|",
        "| 100 | review 100 | 0 |",
        "| 101 | review 101 | 1 |",
        "",
        "[go on with offset=102]",
    ]
    last = await one.output("hf_dataset", operation="rows", dataset="stanfordnlp/imdb", config="other")
    assert "(other/test): 1 of 1 rows" in last and "go on" not in last


async def test_rows_are_searched(session: Make) -> None:
    rows = await session().output("hf_dataset", operation="search", dataset="stanfordnlp/imdb", query="review 24")
    assert "11 rows that match" in rows and "| 249 | review 249 | 1 |" not in rows and "| 24 | review 24 | 0 |" in rows


async def test_cell_text_cannot_leave_its_cell(session: Make, parts: Parts) -> None:
    shape(parts, {"t|xt": TEXT}, {"t|xt": "a | b \\ c\n| d |\x1b[2J\u202e"}, {"t|xt": {"deep": ["x", None]}})
    output = await session().output("hf_dataset", operation="rows", dataset="bob/odd")
    assert output.split("\n")[2:] == [
        "| row | t\\|xt |",
        "|---|---|",
        "| 0 | a \\| b \\ c \\| d \\| |",
        '| 1 | {"deep":["x",null]} |',
    ]


async def test_long_values_and_tables_are_cut_with_a_note(session: Make, parts: Parts) -> None:
    shape(parts, {"t": TEXT}, *({"t": "x" * 5_000} for _ in range(50)))
    result = await session(view_chars_max=10_000).run("hf_dataset", operation="rows", dataset="bob/odd", limit=50)
    assert result.success and result.truncated and len(result.output) < 10_300
    assert "values longer than 500 characters are cut; only the first 19 rows of 50 fit: ask for fewer" in result.output


async def test_a_private_dataset_is_its_owners(session: Make, hub: StandinHub) -> None:
    assert "| 0 | 7 |" in await session("alice").output("hf_dataset", operation="rows", dataset="alice/own")
    assert "private" in await session("bob").refused("hf_dataset", operation="rows", dataset="alice/own")
    nobody = await session("").refused("hf_dataset", operation="rows", dataset="alice/own")
    assert "nobody is logged in" in nobody


async def test_an_unknown_split_is_answered_with_those_there_are(session: Make) -> None:
    output = await session().refused("hf_dataset", operation="rows", dataset="stanfordnlp/imdb", split="dev")
    assert "it has: plain_text/train, plain_text/test, other/test" in output


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"operation": "rows", "dataset": "../secret"}, "`$.dataset`"),
        ({"operation": "rows", "dataset": "a/b\n"}, "`$.dataset`"),
        ({"operation": "rows", "dataset": "a--b/c"}, "is no name of a repository"),
        ({"operation": "search", "dataset": "a/b"}, "Operation `search` needs `query` - at `$.query`"),
        ({"operation": "splits", "dataset": "a/b", "offset": 3}, "Operation `splits` takes no `offset`"),
        ({"operation": "rows", "dataset": "a/b", "limit": 51}, "<= 50"),
    ],
)
async def test_missing_arguments_are_named(session: Make, arguments: dict[str, object], complaint: str) -> None:
    one = session()
    assert complaint in one.unfit("hf_dataset", **arguments)
    await one.output("hf_dataset", operation="splits", dataset="stanfordnlp/imdb")


async def test_reading_a_dataset_needs_no_approval(session: Make) -> None:
    one = session()
    assert not one.does("hf_dataset", operation="rows", dataset="stanfordnlp/imdb").kinds
    await one.output("hf_dataset", operation="splits", dataset="stanfordnlp/imdb")
