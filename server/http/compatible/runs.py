"""Run: which of a session's events belong to one request, and when it has ended. Pure."""

from protocol import events as ev


class Run:
    """The events of one run. `begun`: its turn has. `ended`: the last one has come."""

    def __init__(self, input_id: str = "", *, under_way: bool = False) -> None:
        """`input_id`: the submission whose turn it is; empty: the turn that is under way. `under_way`: it begins with the next event;
        else with the turn of its input."""
        self._input_id = input_id
        self._turn_id: str | None = None
        self.begun = under_way or not input_id
        self.ended = False

    @property
    def of_turn_under_way(self) -> bool:
        """Whether it is of a turn that others may have ended already."""
        return not self._input_id

    def takes(self, event: ev.Event) -> bool:
        """Whether the event is one of the run's."""
        if self.ended:
            return False
        match event:
            case ev.Processing() | ev.InputJoined() if event.submission_id == self._input_id:
                self.begun, self._turn_id = True, event.turn_id
            case ev.InputWithdrawn() if event.submission_id == self._input_id:
                self.begun = self.ended = True
            case ev.ShutdownEvent():
                self.begun = self.ended = True
            case ev.TurnComplete() | ev.Interrupted() | ev.ErrorEvent() if event.turn_id is not None:
                self.ended = self.begun and (not self._input_id or event.turn_id == self._turn_id)
        return self.begun
