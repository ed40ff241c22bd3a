"""Watched sessions: one session with clients at two nodes. At its end all views are compared, and each event that was seen is looked up in
the database.
"""

import contextlib
from collections.abc import Sequence
from functools import partial

import msgspec

from clients.prove.checker import check
from clients.prove.trace import NEWCOMER, WITNESS, Closed
from protocol import codec
from protocol import events as ev
from protocol.content import AssistantMessage
from protocol.frames import Refused
from protocol.merge import Merger
from protocol.submissions import SetTitle, UserInput
from protocol.view import View
from tests.faults.harness.follower import Cut, Follower, Record
from tests.faults.process.process import ServerProcess
from tests.support.live import same_view
from tests.support.polling import eventually
from tests.support.postgres.databases import Databases

STORED = """
    SELECT e.seq - e.span, e.seq, e.data FROM events e JOIN sessions s ON s.key = e.session
    WHERE s.session_id = convert_to('{}', 'UTF8') ORDER BY e.seq
"""


class Watched:
    """One session with clients at two nodes, judged by the checker of `holdfast prove`."""

    def __init__(self, a: ServerProcess, b: ServerProcess) -> None:
        self.record = Record()
        self.nodes: tuple[ServerProcess, ServerProcess] = (a, b)
        self.followers = (Follower("at a", self.record), Follower("at b", self.record))

    async def begin(self, at: int) -> None:
        """A new one, that the node of this number runs, with a client at each."""
        owner, other = self.followers[at], self.followers[1 - at]
        await owner.come(self.nodes[at].ws)
        other.session_id = owner.session_id
        await other.come(self.nodes[1 - at].ws)

    async def say(self, at: int, text: str) -> None:
        """A user input; it is sent again, as its answer asks for, until it is accepted."""
        follower = self.followers[at]

        async def accepted() -> bool:
            follower.answers.pop(text[:20], None)
            await follower.send(UserInput(text=text, id=text[:20]))
            await follower.until(lambda: text[:20] in follower.answers)
            answered = follower.answers[text[:20]]
            assert isinstance(answered, ev.Accepted) or answered.retryable
            return isinstance(answered, ev.Accepted)

        await eventually(accepted)

    async def name(self, at: int, title: str) -> None:
        """Give the session a title."""
        follower = self.followers[at]
        await follower.send(SetTitle(title=title, id=title))
        await follower.until(lambda: isinstance(follower.answers.get(title), ev.Accepted))

    async def refused(self, at: int, text: str) -> Refused:
        """A user input that must be refused."""
        follower = self.followers[at]
        await follower.send(UserInput(text=text, id=text[:20]))
        await follower.until(lambda: text[:20] in follower.answers)
        answered = follower.answers.pop(text[:20])
        assert isinstance(answered, Refused), "it was accepted"
        return answered

    async def until_seen(self, at: int, *said: str) -> None:
        """Until the client there sees that the model said this, and no turn runs."""
        follower = self.followers[at]
        await follower.until(
            lambda: not follower.view.turn_id and not follower.view.queued and texts(follower.view) == list(said)
        )

    async def until_seen_in_part(self, said: str) -> None:
        """Until both see that the model has said this so far."""
        for one in self.followers:
            await one.until(partial(says, one, said))

    async def until_a_tool_says(self, text: str) -> None:
        """Until both see this in the output of a tool that runs."""
        for one in self.followers:
            await one.until(partial(runs, one, text))

    async def until_at_rest(self, at: int) -> None:
        """Until the client there sees that no turn runs."""
        view = self.followers[at].view
        await self.followers[at].until(lambda: not view.turn_id and not view.queued)

    async def come_back(self, *which: int) -> None:
        """Once its socket is closed each client, or each of these, comes back with its position."""
        for at in which or (0, 1):
            one, node = self.followers[at], self.nodes[at]
            with contextlib.suppress(Cut):
                await one.until(lambda: False)

            async def came(one: Follower = one, node: ServerProcess = node) -> bool:
                try:
                    await one.come(node.ws)
                except Cut:
                    return False
                return True

            await eventually(came, "a way back")

    def noticed(self) -> list[str]:
        """The clients whose sockets have ended so far, once for each."""
        return [entry.client for entry in self.record.trace if isinstance(entry, Closed)]

    async def check(self, databases: Databases, name: str) -> int:
        """Everybody sees the same, newcomers at both nodes too, and each event that anybody saw is in the database; how many."""
        late = [Follower(WITNESS, self.record), Follower(NEWCOMER, self.record), Follower("late", self.record)]
        late[0].position = late[2].position = ("", 0)
        for one, node in zip(late, (self.nodes[1], self.nodes[0], self.nodes[0]), strict=True):
            one.session_id = self.followers[0].session_id
            await one.come(node.ws)
        await self.followers[0].until(lambda: self.followers[0].view.seq == late[0].view.seq)
        await self.followers[1].until(lambda: self.followers[1].view.seq == late[0].view.seq)
        for one in (*late, *self.followers):
            assert same_view(one.view, late[0].view), one.name
        stored = databases.execute(STORED.format(self.followers[0].session_id), name)
        seen = [codec.decode_event(data) for one in self.followers for data in one.seen]
        for event in seen:
            assert any(holds(first, last, data, event) for first, last, data in stored) or merges(stored, event), event
        for one in (*late, *self.followers):
            await one.go()
        violations = check(self.record.trace)
        assert not violations, violations
        return len(seen)


def texts(view: View) -> list[str]:
    """What the model said."""
    return [one.text for one in view.messages if isinstance(one, AssistantMessage)]


def says(follower: Follower, text: str) -> bool:
    """Whether the model's message that is open there is this."""
    return follower.view.open_message is not None and follower.view.open_message.text == text


def runs(follower: Follower, text: str) -> bool:
    """Whether a tool that runs has this in its output there."""
    return any(text in call.log for call in follower.view.open_calls)


def merges(stored: Sequence[tuple[object, ...]], event: ev.Event) -> bool:
    """Whether what is stored gives that event when it is merged for a replay."""
    merger = Merger()
    pieces = [codec.decode_event(data) for _, _, data in stored if isinstance(data, bytes)]
    within = [one for one in pieces if ev.first_seq(event) <= ev.first_seq(one) and one.seq <= event.seq]
    merged = [ready for one in within for ready in merger.push(one)] + merger.flush()
    return [codec.encode(one) for one in merged] == [codec.encode(event)]


def holds(first: object, last: object, data: object, event: ev.Event) -> bool:
    """Whether what is stored from `first` to `last` is that event, or was merged of it and others."""
    assert isinstance(first, int) and isinstance(last, int) and isinstance(data, bytes)
    stored = codec.decode_event(data)
    if not first <= ev.first_seq(event) <= event.seq <= last:
        return False
    if isinstance(event, ev.AssistantChunk) and isinstance(stored, ev.AssistantChunk | ev.AssistantMessageEvent):
        begin = event.offset - (stored.offset if isinstance(stored, ev.AssistantChunk) else 0)
        return stored.message_id == event.message_id and stored.text[begin : begin + len(event.text)] == event.text
    return type(stored) is type(event) and msgspec.structs.replace(stored, first_seq=event.first_seq) == event
