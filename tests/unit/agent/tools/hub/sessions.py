"""Tool session: calls the Hugging Face tools through a ToolRouter."""

from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.routing import BaseRoute

from agent.policy.effects import Effects
from agent.tools import ToolResult, ToolRouter, Workspace
from agent.tools.hub import HubThreads
from tests.support.hub.standin_datasets import StandinDatasets
from tests.support.hub.standin_hub import StandinHub
from tests.support.hub.standin_jobs import StandinJobs
from tests.support.hub.standin_search import StandinSearch
from tests.support.prepared_calls import complaint_of, effects_of

POISON = "hf_serversownlogin0123456789"


@dataclass
class Parts:
    """What the stand-in Hub can do besides identities and repositories."""

    search: StandinSearch = field(default_factory=StandinSearch)
    datasets: StandinDatasets = field(default_factory=StandinDatasets)
    jobs: StandinJobs = field(default_factory=StandinJobs)

    def routes(self) -> list[Callable[[StandinHub], list[BaseRoute]]]:
        return [self.search.routes, self.datasets.routes, self.jobs.routes]


@dataclass
class Session:
    """`log`: what the tools streamed."""

    router: ToolRouter
    threads: HubThreads
    workspace: Workspace
    log: list[str] = field(default_factory=list)

    async def run(self, tool: str, **arguments: object) -> ToolResult:
        """The call's result, whatever it is."""

        async def log(text: str) -> None:
            self.log.append(text)

        return await self.router.run(tool, arguments, log)

    async def output(self, tool: str, **arguments: object) -> str:
        """The output of a call that succeeds."""
        result = await self.run(tool, **arguments)
        assert result.success, result.output
        return result.output

    async def refused(self, tool: str, **arguments: object) -> str:
        """The output of a call that does not."""
        result = await self.run(tool, **arguments)
        assert not result.success, result.output
        return result.output

    def does(self, tool: str, **arguments: object) -> Effects:
        """What a call that fits would do."""
        assert complaint_of(self.router, tool, arguments) is None
        return effects_of(self.router, tool, arguments)

    def unfit(self, tool: str, **arguments: object) -> str:
        """What is wrong with a call."""
        complaint = complaint_of(self.router, tool, arguments)
        assert complaint is not None
        return complaint
