"""Changes: follows what an MCP server says has changed, and whether it offers resources."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from agent.tools.mcp.listing import ListingPace

if TYPE_CHECKING:
    from mcp import Client

log = logging.getLogger("holdfast.mcp")

RESOURCES_TIMEOUT_S: Final = 10.0
"""How long a server may take to say whether it has resources. Nothing waits for it."""


class ResourceWatch:
    """Whether a server offers resources. It is asked when it is connected, and again when it says that they changed: many servers
    declare that they can have some, and have none. `on_change`: called when the answer is another."""

    def __init__(self, name: str, on_change: Callable[[], None]) -> None:
        self.found = False
        self._name = name
        self._on_change = on_change
        self._changed = asyncio.Event()

    def changed(self) -> None:
        """The server's resources may have changed."""
        self._changed.set()

    async def follow(self, client: "Client") -> None:
        """Ask now, and after each change, until cancelled."""
        pace = ListingPace()
        while True:
            self._changed.clear()
            found = await self._ask(client)
            pace.listed(time.monotonic())
            if found != self.found:
                self.found = found
                self._on_change()
            await self._changed.wait()
            await asyncio.sleep(pace.wait_s(time.monotonic()))

    async def _ask(self, client: "Client") -> bool:
        try:
            async with asyncio.timeout(RESOURCES_TIMEOUT_S):
                if (await client.list_resources()).resources:
                    return True
                return bool((await client.list_resource_templates()).resource_templates)
        except Exception as error:  # whatever the library raises: the server offers none now
            log.debug("MCP server %s lists no resources", self._name, exc_info=error)
            return False


async def follow_changes(name: str, client: "Client", on_tools: Callable[[], None], resources: ResourceWatch) -> None:
    """Subscribe to changes, which a server with the newer protocol sends only to subscribers. `on_tools`: called for tools."""
    from mcp import MCPError
    from mcp.client.subscriptions import SubscriptionLost
    from mcp.shared.subscriptions import ToolsListChanged
    from mcp.types.version import MODERN_PROTOCOL_VERSIONS

    offered = client.server_capabilities
    of_tools = offered.tools is not None and bool(offered.tools.list_changed)
    of_resources = offered.resources is not None and bool(offered.resources.list_changed)
    if client.protocol_version not in MODERN_PROTOCOL_VERSIONS or not (of_tools or of_resources):
        return
    try:
        async with client.listen(tools_list_changed=of_tools, resources_list_changed=of_resources) as changes:
            on_tools()  # for changes before the subscription
            resources.changed()
            async for change in changes:
                if isinstance(change, ToolsListChanged):
                    on_tools()
                else:
                    resources.changed()
    except (MCPError, SubscriptionLost, RuntimeError) as error:
        log.debug("MCP server %s sends no changes", name, exc_info=error)
    on_tools()
