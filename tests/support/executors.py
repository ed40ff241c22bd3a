"""Threads for what is tested alone: as a server has them, for nobody in particular."""

from agent.hub.pools import HubThreads
from agent.sandbox.local.process_places import ProcessPlaces
from agent.util.executors import Executors, HolderExecutor
from agent.util.places import SERVER, Holder
from agent.workspace.disk_executor import DiskExecutor


def hub_threads() -> HubThreads:
    """Threads for the Hub."""
    executors = Executors()
    return HubThreads(executors.hub, executors.hub_follow)


def disk() -> DiskExecutor:
    """The disk executor of one session."""
    return DiskExecutor(Executors().disk, Holder("ann", "s"))


def places() -> ProcessPlaces:
    """Places for the processes of sandboxes."""
    return ProcessPlaces(Executors().search)


def conversion() -> HolderExecutor:
    """Threads for work of the processor."""
    return Executors().conversion.of(SERVER)
