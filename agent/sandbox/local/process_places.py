"""Process places: bounds how many processes run at once for the sessions on this machine, in all and for each user."""

from agent.util.executors import WorkExecutor
from agent.util.places import PlaceLimits, Places

COMMANDS_MAX = 64
"""Commands at once, of all sessions; more wait. Each may take the memory and processes that the settings allow to one."""

COMMANDS_PER_USER = 16
"""Commands at once of one user, in all sessions."""

COMMANDS_PER_SESSION = 4
"""Commands of one session at once; more wait. Models seldom ask for more, and each may take a whole processor."""

COMMAND_WAIT_S = 600.0
"""How long a command waits for its place: as long as a call may take by default."""


class ProcessPlaces:
    """The places of a server for commands, and the threads that wait for searches."""

    def __init__(self, searches: WorkExecutor) -> None:
        commands = PlaceLimits(
            total=COMMANDS_MAX,
            per_user=COMMANDS_PER_USER,
            per_session=COMMANDS_PER_SESSION,
            wait_s=COMMAND_WAIT_S,
        )
        self.commands = Places("commands", commands)
        self.searches = searches
