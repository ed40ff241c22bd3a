"""Stand-in for the Hub's search: models, datasets, Spaces and papers, as huggingface_hub asks for them."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tests.support.hub.standin_hub import StandinHub

SORTS = {"downloads", "likes", "trendingScore", "lastModified", "createdAt"}
PAGE = 20


class StandinSearch:
    """`things`: what there is, by kind, as the Hub's API tells it; a private one is shown to its owner alone."""

    def __init__(self) -> None:
        self.things: dict[str, list[dict[str, Any]]] = {"models": [], "datasets": [], "spaces": [], "papers": []}
        self.hub: StandinHub | None = None

    def add(self, kind: str, thing_id: str, **about: Any) -> None:
        """One more."""
        self.things[kind].append({"id": thing_id, "private": False, "tags": [], **about})

    def routes(self, hub: StandinHub) -> list[BaseRoute]:
        """As a part of the stand-in Hub."""
        self.hub = hub
        kinds = [Route(f"/api/{kind}", self._search) for kind in ("models", "datasets", "spaces")]
        return [*kinds, Route("/api/papers/search", self._papers)]

    async def _search(self, request: Request) -> Response:
        assert self.hub is not None
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        user = self.hub.users.get(token)
        if token and user is None:
            return JSONResponse({"error": "Invalid credentials in Authorization header"}, 401)
        query = request.query_params
        words, author, task = query.get("search", ""), query.get("author"), query.get("pipeline_tag")
        found = [
            one
            for one in self.things[request.url.path.rpartition("/")[2]]
            if words.lower() in one["id"].lower()
            and author in (None, one["id"].partition("/")[0])
            and task in (None, one.get("pipeline_tag"))
            and set(query.getlist("filter")) <= set(one["tags"])
            and (not one["private"] or one["id"].partition("/")[0] == user)
        ]
        sort = query.get("sort")
        if sort is not None:
            if sort not in SORTS:
                return JSONResponse({"error": f"Invalid sort: {sort}"}, 400)
            found.sort(key=lambda one: one.get(sort) or 0, reverse=True)
        first = int(query.get("cursor", 0))
        size = min(PAGE, int(query.get("limit", PAGE)))
        headers = {}
        if first + size < len(found):
            following = request.url.include_query_params(cursor=first + size)
            headers["link"] = f'<{following}>; rel="next"'
        return JSONResponse(found[first : first + size], headers=headers)

    async def _papers(self, request: Request) -> Response:
        words, most = request.query_params.get("q", "").lower(), int(request.query_params.get("limit", PAGE))
        return JSONResponse([one for one in self.things["papers"] if words in one["title"].lower()][:most])
