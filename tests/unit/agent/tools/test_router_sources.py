"""Tool router with changing sources: tools that appear and disappear."""

from collections.abc import Mapping

from agent.policy.effects import Effects
from agent.tools import PreparedCall, Tool, ToolLog, ToolResult, ToolRouter
from tests.support.prepared_calls import complaint_of


class Named:
    """A tool that says which one it is."""

    parameters: dict[str, object] = {"type": "object", "properties": {}}
    side_effects: str | None = None

    def __init__(self, name: str, description: str = "") -> None:
        self.name = name
        self.description = description or name

    def prepare(self, arguments: dict[str, object]) -> PreparedCall | str:
        return PreparedCall(self, arguments, Effects(self.description))

    async def execute(self, arguments: dict[str, object], log: ToolLog) -> ToolResult:
        return ToolResult(output=self.description, success=True)


class Source:
    """Tools as the test has them; `coming` are there once somebody waited for them."""

    def __init__(self, *tools: Tool, coming: tuple[Tool, ...] = ()) -> None:
        self.now: Mapping[str, Tool] = {tool.name: tool for tool in tools}
        self.coming = coming
        self.closed = 0

    def tools(self) -> Mapping[str, Tool]:
        return self.now

    def missing(self, name: str) -> str | None:
        return f"{name} is away"

    async def prepare_model_call(self) -> None:
        """Nothing needs to be started."""

    async def wait_ready(self) -> None:
        self.now = {**self.now, **{tool.name: tool for tool in self.coming}}

    async def aclose(self) -> None:
        self.closed += 1


async def nothing(text: str) -> None:
    """Hears what tools say."""


def names(router: ToolRouter) -> list[object]:
    return [spec["function"]["name"] for spec in router.specs()]  # type: ignore[index]  # as specs are made


async def test_each_look_sees_the_tools_there_are_then() -> None:
    source = Source(Named("b"))
    router = ToolRouter([Named("c")], sources=[source])
    assert names(router) == ["b", "c"]
    source.now = {"a": Named("a")}
    assert names(router) == ["a", "c"]
    assert (await router.run("a", {}, nothing)).output == "a"
    gone = await router.run("b", {}, nothing)
    assert (gone.success, gone.output) == (False, "there is no tool 'b' now: b is away; the tools are: a, c")
    assert complaint_of(router, "b", {}) == gone.output
    assert router.side_effects("b") is None


async def test_the_tools_that_stay_keep_their_names_and_unsound_names_are_not_taken() -> None:
    router = ToolRouter([Named("a", "own")], sources=[Source(Named("a", "came"), Named("b c")), Source(Named("a"))])
    assert names(router) == ["a"]
    assert (await router.run("a", {}, nothing)).output == "own"


async def test_a_call_of_what_is_on_its_way_waits_for_it() -> None:
    router = ToolRouter([], sources=[Source(coming=(Named("late"),))])
    assert complaint_of(router, "late", {}) is not None
    assert (await router.run("late", {}, nothing)).output == "late"


async def test_sources_are_closed_with_the_router() -> None:
    source = Source()
    await ToolRouter([], sources=[source]).aclose()
    assert source.closed == 1
