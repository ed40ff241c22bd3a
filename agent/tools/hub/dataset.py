"""Dataset tool: `hf_dataset` shows a dataset's splits, schema and rows, from the Hub's dataset viewer."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta

from agent.hub.client import Token
from agent.hub.errors import HubError
from agent.hub.formatting import count, fitting, table
from agent.hub.names import REPO_ID, repo_fault
from agent.tools.base import ToolLog, ToolResult
from agent.tools.hub import base
from agent.tools.hub.base import HubTool, argument_error
from agent.util.text import one_line

if TYPE_CHECKING:
    from huggingface_hub import HfApi

Operation = Literal["splits", "schema", "rows", "search"]
_NEEDS: dict[Operation, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "splits": (("dataset",), ()),
    "schema": (("dataset",), ("config", "split")),
    "rows": (("dataset",), ("config", "split", "offset", "limit")),
    "search": (("dataset", "query"), ("config", "split", "offset", "limit")),
}


ROWS_MAX = 50
"""Most rows of a dataset that one call shows: half of what the dataset viewer gives at once."""

CELL_CHARS_MAX = 500
"""Longest value shown in a dataset's row; of a longer one the end is cut, so that all columns are seen."""


class InspectDataset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The arguments of `hf_dataset`."""

    operation: Annotated[
        Operation,
        Meta(
            description="`splits`: its configs and splits with their sizes; `schema`: its columns and their types; "
            "`rows`: some rows; `search`: rows that hold a text."
        ),
    ]
    dataset: Annotated[str, Meta(description="Its id, such as `stanfordnlp/imdb`.", pattern=REPO_ID, max_length=200)]
    config: Annotated[str, Meta(max_length=200, description="Config (subset); empty: the first.")] = ""
    split: Annotated[str, Meta(max_length=200, description="Split; empty: the first of the config.")] = ""
    query: Annotated[str, Meta(max_length=500, description="Text to search for; with `search`.")] = ""
    offset: Annotated[int, Meta(ge=0, le=10**12, description="First row, counted from 0.")] = 0
    limit: Annotated[int, Meta(ge=1, le=100, description="Most rows to show.")] = 10


class DatasetTool(HubTool[InspectDataset]):
    """`hf_dataset`: shows what is in a dataset, without downloading it."""

    __slots__ = ()

    name = "hf_dataset"
    description = (
        "Look into a dataset of the Hugging Face Hub without downloading it: its splits, its columns, some rows. Rows come "
        "as a Markdown table with a column `row` for their number; long values are cut."
    )
    arguments = InspectDataset

    def validate(self, arguments: InspectDataset) -> str | None:
        most = ROWS_MAX
        if arguments.limit > most:
            return f"Expected `int` <= {most} - at `$.limit`"
        return repo_fault(arguments.dataset, "dataset") or argument_error(
            arguments, arguments.operation, *_NEEDS[arguments.operation]
        )

    async def execute(self, arguments: InspectDataset, log: ToolLog) -> ToolResult:
        if arguments.operation == "splits":
            return await self._splits(arguments)
        where = await self._where(arguments)
        if arguments.operation == "schema":
            answer = await self._get("first-rows", where)
            return self._schema(where, answer)
        window: dict[str, str | int] = {"offset": arguments.offset, "length": arguments.limit}
        if arguments.operation == "rows":
            answer = await self._get("rows", {**where, **window})
        else:
            answer = await self._get("search", {**where, **window, "query": arguments.query})
        return self._rows(arguments, where, answer)

    async def _splits(self, arguments: InspectDataset) -> ToolResult:
        splits = _list((await self._get("splits", {"dataset": arguments.dataset})).get("splits"))
        sizes = await self._sizes(arguments.dataset)
        rows = [
            (
                one_line(one.get("config")),
                one_line(one.get("split")),
                str(sizes.get((str(one.get("config")), str(one.get("split"))), "")),
            )
            for one in splits
        ]
        return self._shown(f"{arguments.dataset}: {len(rows)} splits", ("config", "split", "rows"), rows, cut=False)

    async def _sizes(self, dataset: str) -> dict[tuple[str, str], int]:
        """Number of rows by config and split. Empty while the viewer does not know it: it counts large datasets later."""
        try:
            answer = await self._get("size", {"dataset": dataset})
        except HubError:
            return {}
        parts = _list(_dict(answer.get("size")).get("splits"))
        return {(str(one.get("config")), str(one.get("split"))): int(one.get("num_rows") or 0) for one in parts}

    async def _where(self, arguments: InspectDataset) -> dict[str, str | int]:
        """Dataset, config and split; the first config and split if the call names none. Raises HubError."""
        config, split = arguments.config, arguments.split
        if not (config and split):
            splits = _list((await self._get("splits", {"dataset": arguments.dataset})).get("splits"))
            for one in splits:
                if config in ("", one.get("config")) and split in ("", one.get("split")):
                    config, split = str(one.get("config")), str(one.get("split"))
                    break
            else:
                known = ", ".join(one_line(f"{one.get('config')}/{one.get('split')}", 100) for one in splits[:50])
                raise HubError(f"{arguments.dataset} has no such config and split; it has: {known or 'none'}")
        return {"dataset": arguments.dataset, "config": config, "split": split}

    async def _get(self, path: str, query: Mapping[str, str | int]) -> dict[str, Any]:
        settings = self._hub.settings

        def get(api: "HfApi", token: Token) -> Any:
            from huggingface_hub.utils import (  # type: ignore[attr-defined]  # not declared as exported
                build_hf_headers,
                get_session,
                hf_raise_for_status,
            )

            url = f"{settings.datasets_server.rstrip('/')}/{path}"
            response = get_session().get(url, params=dict(query), headers=build_hf_headers(token=token))
            hf_raise_for_status(response)
            return response.json()

        answer = await self._hub.ask(get)
        if not isinstance(answer, dict):
            raise HubError("the dataset viewer's answer cannot be understood")
        return answer

    def _schema(self, where: Mapping[str, str | int], answer: Mapping[str, Any]) -> ToolResult:
        features = _list(answer.get("features"))
        rows = [(one_line(one.get("name")), _type(one.get("type"))) for one in features]
        title = f"{_named(where)}: {len(rows)} columns"
        return self._shown(title, ("column", "type"), rows, cut=False)

    def _rows(self, arguments: InspectDataset, where: Mapping[str, str | int], answer: Mapping[str, Any]) -> ToolResult:
        names = [str(one.get("name")) for one in _list(answer.get("features"))]
        entries = _list(answer.get("rows"))[: arguments.limit]
        total, partial = answer.get("num_rows_total"), bool(answer.get("partial"))
        rows: list[tuple[str, ...]] = []
        cut = False
        for one in entries:
            values = _dict(one.get("row"))
            cells = [self._cell(values.get(name)) for name in names]
            cut = cut or bool(one.get("truncated_cells")) or any(was_cut for _, was_cut in cells)
            rows.append((str(one.get("row_idx", "")), *(text for text, _ in cells)))
        of = f" of {total}" if isinstance(total, int) else ""
        what = "rows that match" if arguments.operation == "search" else "rows"
        title = f"{_named(where)}: {len(rows)}{of} {what}" + (" (only a part of it is indexed)" if partial else "")
        more = isinstance(total, int) and arguments.offset + len(rows) < total and bool(rows)
        notes = [f"go on with offset={arguments.offset + len(rows)}"] if more else []
        return self._shown(title, ("row", *(one_line(name, 80) for name in names)), rows, cut=cut, notes=notes)

    def _cell(self, value: Any) -> tuple[str, bool]:
        most = CELL_CHARS_MAX
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        return one_line(text[: 4 * most], most), len(text) > most

    def _shown(
        self,
        title: str,
        columns: tuple[str, ...],
        rows: Sequence[tuple[str, ...]],
        *,
        cut: bool,
        notes: Sequence[str] = (),
    ) -> ToolResult:
        lines, over = fitting(table(columns, rows).split("\n"), base.VIEW_CHARS_MAX)
        remarks = list(notes)
        if cut:
            remarks.append(f"values longer than {CELL_CHARS_MAX} characters are cut")
        if over:
            remarks.append(f"only the first {max(0, len(lines) - 2)} rows of {count(len(rows))} fit: ask for fewer")
        text = "\n".join([one_line(title, 400), "", *lines] + ([f"\n[{'; '.join(remarks)}]"] if remarks else []))
        return ToolResult(output=text, success=True, truncated=cut or over)


def _named(where: Mapping[str, str | int]) -> str:
    return f"{where['dataset']} ({where['config']}/{where['split']})"


def _type(kind: Any) -> str:
    """A short name of a feature's type: `string`, `list<int64>`, `ClassLabel(neg, pos)`, `{a: string}`."""
    if isinstance(kind, list):
        return f"list<{_type(kind[0]) if kind else ''}>"
    if not isinstance(kind, dict):
        return one_line(kind, 80)
    name = kind.get("_type")
    if name == "Value":
        return one_line(kind.get("dtype"), 80)
    if name == "ClassLabel":
        labels = [one_line(label, 40) for label in _any_list(kind.get("names"))]
        return f"ClassLabel({', '.join(labels[:20])}{', …' if len(labels) > 20 else ''})"
    if name in ("Sequence", "List", "LargeList"):
        return f"list<{_type(kind.get('feature'))}>"
    if name is not None:
        return one_line(name, 80)
    return one_line("{" + ", ".join(f"{key}: {_type(inner)}" for key, inner in list(kind.items())[:50]) + "}", 500)


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _any_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _list(value: Any) -> list[dict[str, Any]]:
    """The objects of a list; other values are left out."""
    return [one for one in _any_list(value) if isinstance(one, dict)]
