"""Port table: the ports of this server, by session."""

from weakref import WeakValueDictionary

from protocol.codes import CloseReason
from server.journal.base import Journal
from server.sessions.ports.broadcaster import DELETED_REASON
from server.sessions.ports.port import SessionPort, Waker
from server.sessions.ports.states import SleepingStates


class PortTable:
    """At most one port for each session. A port is here while somebody refers to it: its sockets, or its actor's task."""

    def __init__(self, journal: Journal, states: SleepingStates, waker: Waker) -> None:
        self._journal = journal
        self._states = states
        self._waker = waker
        self._ports: WeakValueDictionary[str, SessionPort] = WeakValueDictionary()

    def __len__(self) -> int:
        """How many there are."""
        return len(self._ports)

    def get(self, session_id: str) -> SessionPort | None:
        """The session's port; None if nobody follows the session and it sleeps."""
        return self._ports.get(session_id)

    def all(self) -> list[SessionPort]:
        """All ports."""
        return list(self._ports.values())

    def open(self, session_id: str, user_id: str, head: int) -> SessionPort:
        """The session's port; a new one if there is none. `head`: what is stored now, and only the caller can change that."""
        port = self._ports.get(session_id)
        if port is None:
            port = SessionPort(session_id, user_id, head, self._journal, self._states, self._waker)
            self._ports[session_id] = port
        return port

    def sockets(self, session_id: str) -> int:
        """How many sockets the session has."""
        port = self._ports.get(session_id)
        return 0 if port is None else port.sockets

    def with_sockets(self) -> set[str]:
        """The ids of the sessions that have sockets."""
        return {port.session_id for port in self._ports.values() if port.sockets}

    def deleted(self, session_id: str) -> None:
        """The session was deleted: end its followers, and keep nothing of it."""
        self._states.forget(session_id)
        port = self._ports.get(session_id)
        if port is not None:
            port.end(DELETED_REASON)

    def renew(self, reason: CloseReason) -> None:
        """Stored events may be lost: end all followers, and begin anew with what is stored."""
        self._states.clear()
        for port in list(self._ports.values()):
            port.end(reason)
        self._ports.clear()

    def end_sleeping(self, reason: CloseReason) -> None:
        """End the followers of all sessions that sleep. Those of an actor end when it does."""
        for port in list(self._ports.values()):
            if port.actor is None:
                port.end(reason)
