"""Process places: bounds how many processes run at once for the sessions on this machine, in all and for each user."""

from agent.sandbox.search import SEARCH_TIMEOUT_S
from agent.sandbox.settings import SandboxSettings
from agent.util.places import PlaceLimits, Places

COMMANDS_MAX = 64
"""Commands at once, of all sessions; more wait. Each may take the memory and processes that the settings allow to one."""

COMMANDS_PER_USER = 16
"""Commands at once of one user, in all sessions. One session has `sandbox.commands_max`."""

COMMAND_WAIT_S = 600.0
"""How long a command waits for its place: as long as a call may take by default."""

SEARCHES_MAX = 4
"""Searches at once, of all sessions: each takes a processor as long as it runs."""

SEARCHES_PER_USER = 2
"""Searches at once of one user. One message may ask for many: they share these places and one time limit."""

SEARCH_LEFT_S = 1.0
"""What is left of its time limit to a search that waited longest; one that waits longer is refused."""


class ProcessPlaces:
    """The places of a server for commands and for searches."""

    def __init__(self, settings: SandboxSettings) -> None:
        session = settings.commands_max
        commands = PlaceLimits(
            total=COMMANDS_MAX,
            per_user=max(COMMANDS_PER_USER, session),
            per_session=session,
            wait_s=COMMAND_WAIT_S,
        )
        searches = PlaceLimits(
            total=SEARCHES_MAX,
            per_user=SEARCHES_PER_USER,
            per_session=SEARCHES_PER_USER,
            wait_s=SEARCH_TIMEOUT_S - SEARCH_LEFT_S,
        )
        self.commands = Places("commands", commands)
        self.searches = Places("searches", searches)
