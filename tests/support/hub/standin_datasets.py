"""Stand-in for the Hub's dataset viewer, below `/viewer`: splits, sizes, first rows, rows and search."""

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tests.support.hub.standin_hub import StandinHub

CELL_CHARS = 2_000
"""The viewer itself cuts longer texts."""


@dataclass
class Split:
    """One split: its columns with their types as the viewer tells them, and its rows."""

    config: str
    name: str
    features: dict[str, Any]
    rows: list[dict[str, Any]]


class StandinDatasets:
    """`splits` by dataset; a dataset in `private` is there for its owner alone; `sized`: whether sizes are known."""

    def __init__(self) -> None:
        self.splits: dict[str, list[Split]] = {}
        self.private: set[str] = set()
        self.sized = True
        self.hub: StandinHub | None = None

    def routes(self, hub: StandinHub) -> list[BaseRoute]:
        """As a part of the stand-in Hub."""
        self.hub = hub
        answers = {
            "splits": self._splits,
            "size": self._size,
            "first-rows": self._rows,
            "rows": self._rows,
            "search": self._rows,
        }
        return [Route(f"/viewer/{path}", answer) for path, answer in answers.items()]

    def _dataset(self, request: Request) -> list[Split] | None:
        assert self.hub is not None
        dataset = request.query_params["dataset"]
        user = self.hub.users.get(request.headers.get("authorization", "").removeprefix("Bearer "))
        if dataset in self.private and dataset.partition("/")[0] != user:
            return None
        return self.splits.get(dataset)

    async def _splits(self, request: Request) -> Response:
        splits = self._dataset(request)
        if splits is None:
            return missing()
        dataset = request.query_params["dataset"]
        return JSONResponse(
            {"splits": [{"dataset": dataset, "config": one.config, "split": one.name} for one in splits], "failed": []}
        )

    async def _size(self, request: Request) -> Response:
        splits = self._dataset(request)
        if splits is None:
            return missing()
        if not self.sized:
            return JSONResponse({"error": "the response is not ready yet. Please retry later."}, 500)
        return JSONResponse(
            {"size": {"splits": [{"config": s.config, "split": s.name, "num_rows": len(s.rows)} for s in splits]}}
        )

    async def _rows(self, request: Request) -> Response:
        query = request.query_params
        split = next(
            (s for s in self._dataset(request) or [] if (s.config, s.name) == (query["config"], query["split"])), None
        )
        if split is None:
            return missing()
        numbered = list(enumerate(split.rows))
        if "query" in query:
            numbered = [one for one in numbered if query["query"].lower() in str(one[1]).lower()]
        first, most = int(query.get("offset", 0)), int(query.get("length", 100))
        if most > 100:
            return JSONResponse({"error": "Parameter 'length' must not be greater than 100"}, 422)
        return JSONResponse(
            {
                "features": [
                    {"feature_idx": number, "name": name, "type": kind}
                    for number, (name, kind) in enumerate(split.features.items())
                ],
                "rows": [to_json(number, row) for number, row in numbered[first : first + most]],
                "num_rows_total": len(numbered),
                "partial": False,
            }
        )


def to_json(number: int, row: dict[str, Any]) -> dict[str, Any]:
    """A row as the viewer tells it, long texts cut."""
    long = [name for name, value in row.items() if isinstance(value, str) and len(value) > CELL_CHARS]
    values = {name: value[:CELL_CHARS] if name in long else value for name, value in row.items()}
    return {"row_idx": number, "row": values, "truncated_cells": long}


def missing() -> Response:
    """No such dataset, config or split, or none for this user: one answer for all."""
    return JSONResponse({"error": "The dataset does not exist, or is not accessible without authentication."}, 404)
