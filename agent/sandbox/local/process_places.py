"""Process places: bounds how many processes run at once for the sessions on this machine, in all and for each user."""

from agent.sandbox.settings import SandboxSettings
from agent.util.executors import WorkExecutor
from agent.util.places import PlaceLimits, Places

COMMANDS_MAX = 64
"""Commands at once, of all sessions; more wait. Each may take the memory and processes that the settings allow to one."""

COMMANDS_PER_USER = 16
"""Commands at once of one user, in all sessions. One session has `sandbox.commands_max`."""

COMMAND_WAIT_S = 600.0
"""How long a command waits for its place: as long as a call may take by default."""


class ProcessPlaces:
    """The places of a server for commands, and the threads that wait for searches."""

    def __init__(self, settings: SandboxSettings, searches: WorkExecutor) -> None:
        session = settings.commands_max
        commands = PlaceLimits(
            total=COMMANDS_MAX,
            per_user=max(COMMANDS_PER_USER, session),
            per_session=session,
            wait_s=COMMAND_WAIT_S,
        )
        self.commands = Places("commands", commands)
        self.searches = searches
