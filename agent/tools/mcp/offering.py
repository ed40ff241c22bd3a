"""MCP offering: which tools of all servers a model call is given, and the tool that finds the others.

Providers take about 128 tools in one request, and each model call pays for their definitions.
"""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import zip_longest

from agent.policy.effects import Effects
from agent.tools.base import PreparedCall, Tool, ToolLog, ToolResult
from agent.tools.mcp.naming import Identity

FIND_TOOLS = "find_tools"
FOUND_MAX = 10
"""Tools that one search finds."""

KEPT_MAX = 64
"""Tools found earlier that go on being offered, the newest first; at most half of all that are offered."""

ABOUT_CHARS_MAX = 300
QUERY_CHARS_MAX = 500


def offered(named: Mapping[str, Identity], most: int, found: Sequence[str] = ()) -> AbstractSet[str]:
    """The names that models are given, at most so many: those found last, then the first tools of each server, in turn."""
    if len(named) <= most:
        return frozenset(named)
    chosen = [name for name in found if name in named][: min(KEPT_MAX, most // 2)]
    by_server: dict[str, list[str]] = {}
    for name, (server, _) in sorted(named.items()):
        by_server.setdefault(server, []).append(name)
    in_turn = (name for row in zip_longest(*by_server.values()) for name in row if name is not None)
    kept = dict.fromkeys(chosen)
    for name in in_turn:
        if len(kept) >= most:
            break
        kept.setdefault(name)
    return frozenset(kept)


class FindTools:
    """Finds tools that are not offered by words of their names and descriptions. `on_found`: gets the names, which are offered
    from the next model call on."""

    name = FIND_TOOLS
    side_effects: str | None = None

    def __init__(self, hidden: Mapping[str, Tool], on_found: Callable[[Sequence[str]], None]) -> None:
        self._hidden = hidden
        self._on_found = on_found
        self.description = (
            f"Find more tools: {len(hidden)} tools of MCP servers are not listed here. Give some words of what you need to "
            "do; the tools that fit can be called from your next message on."
        )
        self.parameters: dict[str, object] = {
            "type": "object",
            "properties": {"query": {"type": "string", "description": "Words of the task, such as: create issue"}},
            "required": ["query"],
        }

    def prepare(self, arguments: dict[str, object]) -> PreparedCall | str:
        query = arguments.get("query")
        if not isinstance(query, str) or not 0 < len(query.strip()) <= QUERY_CHARS_MAX:
            return f"`query` must be text of 1-{QUERY_CHARS_MAX} characters - at `$.query`"
        return PreparedCall(self, arguments, Effects())

    async def execute(self, arguments: dict[str, object], log: ToolLog) -> ToolResult:
        words = {word for word in str(arguments["query"]).lower().replace("_", " ").split() if len(word) > 1}
        scores = {name: _score(tool, words) for name, tool in self._hidden.items()}
        best = sorted((name for name in scores if scores[name]), key=lambda name: (-scores[name], name))[:FOUND_MAX]
        if not best:
            return ToolResult(output="no tool has one of these words; try others", success=True)
        self._on_found(best)
        lines = [f"{name}: {' '.join(self._hidden[name].description.split())[:ABOUT_CHARS_MAX]}" for name in best]
        return ToolResult(
            output="\n".join([*lines, "These tools can be called from your next message on."]), success=True
        )


def _score(tool: Tool, words: AbstractSet[str]) -> int:
    """How well a tool fits: a word in its name counts three times one in its description."""
    name, about = tool.name.lower(), tool.description[:2_000].lower()
    return sum(3 * (word in name) + (word in about) for word in words)
