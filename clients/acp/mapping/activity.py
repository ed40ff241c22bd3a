"""Activity: whether the session works, waits for an answer, or rests, as the client was told. Pure."""

from clients.acp.dialects.v1 import V1
from clients.acp.mapping.prompts import Ending, Prompts
from clients.acp.rpc import Message
from protocol import events as ev
from protocol import submissions as sub
from protocol.view import View


class Activity:
    """The updates about it; version 1 has none. `prompts` knows how a turn ended."""

    def __init__(self, dialect: V1, prompts: Prompts) -> None:
        self._dialect = dialect
        self._prompts = prompts
        self._state = ""

    def take(self, event: ev.Event, view: View) -> list[Message]:
        """What an event says of it."""
        match event:
            case ev.Processing() | ev.InputJoined() | ev.Accepted(submission=sub.Compact() | sub.Restore()):
                return self._works("running")
            case ev.ApprovalRequired() | ev.AskUser():
                return self._works("requires_action")
            case ev.ToolStateChange() | ev.ToolOutput() | ev.QuestionClosed() if self._state == "requires_action":
                return [] if view.pending_approval or view.questions else self._works("running")
            case ev.WorkspaceRestored():
                return self._rests("end_turn")
            case ev.Compacted(operation_id=None) | ev.ErrorEvent(turn_id=None):
                return []
            case ev.TurnComplete() | ev.Interrupted() | ev.ErrorEvent() | ev.Compacted():
                return self._rests(self._prompts.ending(event))
        return []

    def now(self, view: View) -> list[Message]:
        """How it is now, for a client that knows nothing of it."""
        self._state = ""
        match view.state:
            case "running":
                return self._works("requires_action" if view.questions else "running")
            case "awaiting_approval":
                return self._works("requires_action")
        return self._rests(None)

    def _works(self, state: str) -> list[Message]:
        if state == self._state:
            return []
        self._state = state
        return self._dialect.working(state)

    def _rests(self, ending: Ending | None) -> list[Message]:
        self._state = "idle"
        return self._dialect.rested(ending)
