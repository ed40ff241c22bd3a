"""Followed session: a session whose events go to one client of the protocol: its port, its conversation, and where the client stands."""

from collections.abc import Sequence
from typing import NamedTuple

from protocol.codec import decode_event
from server.ahp.addresses import ROOT, chat_uri, folder_uri
from server.ahp.conversation import Conversation
from server.ahp.rpc import Message
from server.ahp.sequence import place, seq_of
from server.ahp.state import Action
from server.sessions.ports.broadcaster import TailEvent
from server.sessions.ports.port import SessionPort
from server.websocket.policy import SubmissionPolicy

READ_BYTES = 65_536
"""Events that are read at once."""


class Step(NamedTuple):
    """An action, and where it stands in its session (`server.ahp.sequence`)."""

    place: int
    action: Action


class FollowedSession:
    """A session that a client follows. `channels`: to which of its channels it subscribes. `place`: of the last action there was.

    `live`: the client has the state up to the cursor, and gets what comes after. `drafts`: answers to questions that it did not send
    yet. `clients`: what it says of itself as a client of the session.
    """

    def __init__(self, uri: str, port: SessionPort, policy: SubmissionPolicy, cwd: str, created_at: str) -> None:
        self.uri, self.chat_uri = uri, chat_uri(uri)
        self.port, self.policy = port, policy
        self.channels: set[str] = set()
        self.talk = Conversation(self.chat_uri)
        self.place = 0
        self.live = False
        self.drafts: dict[str, Message] = {}
        self.clients: list[Message] = []
        self.cursor = port.follow()
        self._cwd = cwd
        self._created_at = created_at

    def channel_of(self, action: Action) -> str:
        """On which channel an action is."""
        return self.chat_uri if action.of_chat else self.uri

    async def catch_up(self, since: int | None) -> list[Step] | None:
        """Read the session up to now. What came after the place `since`, if that is where the client stands exactly; else None.

        Raises `JournalError`.
        """
        mark = self.port.head
        stands = since is None
        missed: list[Step] = []
        position = 0
        if since is not None:
            if 0 < seq_of(since) < mark:
                position = await self._read(0, seq_of(since), None)
            stands = self.place == since or seq_of(since) >= mark
        if position < mark:
            position = await self._read(position, mark, missed)
        self.cursor.advance(position)
        if since is not None and seq_of(since) >= mark:
            stands, missed = self.place == since, []
        return missed if stands else None

    async def _read(self, position: int, mark: int, steps: list[Step] | None) -> int:
        async for events in self.port.broadcaster.replay(position, mark, READ_BYTES):
            taken = self.fold(events)
            if steps is not None:
                steps += taken
            position = events[-1].seq
        return position

    def fold(self, events: Sequence[TailEvent]) -> list[Step]:
        """What these events are, and go on from there."""
        steps: list[Step] = []
        for record in events:
            for number, action in enumerate(self.talk.take(decode_event(record.data))):
                self.place = place(record.seq, number)
                steps.append(Step(self.place, action))
        return steps

    def chat(self, turns_max: int | None) -> Message:
        """The state of the chat's channel."""
        return {"resource": self.chat_uri, **self._dated(self.talk.state.chat(turns_max))}

    def session(self, schema: Message) -> Message:
        """The state of the session's channel. `schema`: of its configuration."""
        state = self.talk.state
        summary = self._dated(state.summary())
        session: Message = {
            "provider": "holdfast",
            "title": state.title,
            "status": state.status,
            "lifecycle": "ready",
            "activeClients": self.clients,
            "chats": [{"resource": self.chat_uri, "origin": {"kind": "user"}, **summary}],
            "defaultChat": self.chat_uri,
            "config": {"schema": schema, "values": {"approvals": state.mode or "default"}},
        }
        if self._cwd:
            session["workingDirectories"] = [folder_uri(self._cwd)]
        if state.needed:
            session["inputNeeded"] = list(state.needed.values())
        return session

    def summary_changed(self) -> Message:
        """The params of `root/sessionSummaryChanged`."""
        return {"channel": ROOT, "session": self.uri, "changes": self._dated(self.talk.state.summary())}

    def _dated(self, state: Message) -> Message:
        return state | {"modifiedAt": state["modifiedAt"] or self._created_at}
