"""Continuation: what came after a position that the client has, told exactly, while the session's history is read again. Pure."""

from clients.acp.mapping.transcript import Transcript
from clients.acp.rpc import Message
from clients.session.core import Position
from protocol import events as ev
from protocol.view import View, apply


class Continuation:
    """Events up to the position are folded and not shown. Of one that goes over it, the client has a part, and gets the whole."""

    def __init__(self, position: Position) -> None:
        self.position = position
        self.passed = False
        self._past = View()

    def before(self, event: ev.Event, transcript: Transcript) -> list[Message] | None:
        """The updates of an event at which the position is passed, or up to it (none); None: it is shown as all later ones are."""
        if event.seq <= self.position.seq:
            apply(self._past, event)
            return []
        if self.passed:
            return None
        self.pass_over(transcript)
        if ev.first_seq(event) > self.position.seq:
            return None
        past, self._past = self._past, View()
        apply(past, event)
        return transcript.take_again(event, past)

    def pass_over(self, transcript: Transcript) -> None:
        """The client has all that is there up to the position."""
        if not self.passed:
            self.passed = True
            transcript.skip(self._past)
            transcript.shown_seq = self.position.seq
