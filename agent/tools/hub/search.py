"""Search tool: `hf_search` finds models, datasets, Spaces and papers of the Hugging Face Hub."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from agent.hub.client import Token
from agent.hub.formatting import count, day
from agent.tools.base import ToolLog, ToolResult
from agent.tools.hub.base import HubTool
from agent.util.text import one_line

Kind = Literal["models", "datasets", "spaces", "papers"]
Sort = Literal["relevance", "downloads", "likes", "trending_score", "last_modified", "created_at"]
Name = Annotated[str, Meta(max_length=200)]

_TAKES: dict[Kind, tuple[str, ...]] = {
    "models": ("author", "task", "tags", "sort"),
    "datasets": ("author", "task", "tags", "sort"),
    "spaces": ("author", "tags", "sort"),
    "papers": (),
}


FOUND_MAX = 50
"""Most rows of one `hf_search`: a model refines a search instead of reading more."""


class Search(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The arguments of `hf_search`."""

    kind: Annotated[Kind, Meta(description="What to look for.")]
    query: Annotated[Name, Meta(description="Words to look for, such as `llama 8b instruct`; empty: everything.")] = ""
    author: Annotated[Name, Meta(description="Only of this user or organization; not for papers.")] = ""
    task: Annotated[
        Name, Meta(description="Only for this task, such as `text-classification`; for models and datasets.")
    ] = ""
    tags: Annotated[
        list[Name],
        Meta(max_length=10, description="Only with all of these tags, such as `license:mit`; not for papers."),
    ] = []
    sort: Annotated[Sort, Meta(description="Order, the highest or newest first; not for papers.")] = "relevance"
    limit: Annotated[int, Meta(ge=1, le=1_000, description="Most rows to show.")] = 10


class SearchTool(HubTool[Search]):
    """`hf_search`: lists the results, a line each."""

    __slots__ = ()

    name = "hf_search"
    description = (
        "Search the Hugging Face Hub for models, datasets, Spaces or papers, with the user's own account where there is "
        "one. One line for each: its id, and what is known of it."
    )
    arguments = Search

    def validate(self, arguments: Search) -> str | None:
        takes = _TAKES[arguments.kind]
        for name in ("author", "task", "tags", "sort"):
            given = getattr(arguments, name) not in ("", [], "relevance")
            if given and name not in takes:
                return f"There is no `{name}` for {arguments.kind} - at `$.{name}`"
        if arguments.kind == "spaces" and arguments.sort == "downloads":
            return "Spaces have no downloads - at `$.sort`"
        if arguments.kind == "papers" and not arguments.query:
            return "Papers are found by words alone - at `$.query`"
        most = FOUND_MAX
        if arguments.limit > most:
            return f"Expected `int` <= {most} - at `$.limit`"
        return None

    async def execute(self, arguments: Search, log: ToolLog) -> ToolResult:
        lines = await self._hub.ask(
            lambda api, token: [_LINES[arguments.kind](one) for one in _find(api, token, arguments)]
        )
        if not lines:
            return ToolResult(output=f"[no {arguments.kind} found]", success=True)
        numbered = [f"{number}. {line}" for number, line in enumerate(lines, 1)]
        if len(lines) == arguments.limit:
            numbered.append(f"[the first {len(lines)}; there may be more]")
        return ToolResult(output="\n".join(numbered), success=True)


def _find(api: Any, token: Token, search: Search) -> Any:
    if search.kind == "papers":
        return list(api.list_papers(query=search.query, limit=search.limit, token=token))[: search.limit]
    filters: dict[str, Any] = {
        "search": search.query or None,
        "author": search.author or None,
        "filter": search.tags or None,
        "sort": None if search.sort == "relevance" else search.sort,
        "limit": search.limit,
        "token": token,
    }
    if search.kind == "models":
        return api.list_models(pipeline_tag=search.task or None, **filters)
    if search.kind == "datasets":
        return api.list_datasets(task_categories=search.task or None, **filters)
    return api.list_spaces(**filters)


def _model(one: Any) -> str:
    return _joined(one, [one_line(one.pipeline_tag, 60), one_line(one.library_name, 60)])


def _dataset(one: Any) -> str:
    return _joined(one, [one_line(one.description, 160)])


def _space(one: Any) -> str:
    return _joined(one, [one_line(one.sdk, 60)])


def _joined(one: Any, about: list[str]) -> str:
    downloads = getattr(one, "downloads", None)
    changed = one.last_modified or one.created_at
    parts = [
        one_line(one.id),
        *about,
        f"{count(downloads)} downloads" if downloads is not None else "",
        f"{count(one.likes)} likes" if one.likes is not None else "",
        f"changed {day(changed)}" if one.last_modified else f"made {day(changed)}" if changed else "",
        "private" if one.private else "",
        f"gated: {one_line(one.gated)}" if getattr(one, "gated", None) else "",
    ]
    return " · ".join(part for part in parts if part)


def _paper(one: Any) -> str:
    names = [one_line(author.name, 60) for author in (one.authors or [])[:3]]
    parts = [
        one_line(one.id),
        one_line(one.title),
        ", ".join(names) + (" et al." if len(one.authors or []) > len(names) else ""),
        day(one.published_at)[:10],
        f"{count(one.upvotes)} upvotes" if one.upvotes is not None else "",
        one_line(one.summary, 300),
    ]
    return " · ".join(part for part in parts if part)


_LINES = {"models": _model, "datasets": _dataset, "spaces": _space, "papers": _paper}
