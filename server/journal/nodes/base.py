"""Nodes: the interface to the other servers on the same database. No code outside the journal knows how they are reached."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from server.journal.base import JournalError, Record, Spent
from server.journal.nodes.counts import NodeCounts
from server.journal.nodes.inbox import Forwarded, Put, Settled, Waiting
from server.journal.nodes.listing import Load, NodeSeen


class OwnedElsewhere(JournalError):
    """Another node, which lives, owns the session."""


class Nodes(Protocol):
    """This node among the others."""

    @property
    def number(self) -> int:
        """This node's number. It changes when the node was declared dead and goes on."""

    @property
    def is_good(self) -> bool:
        """Whether this node may run sessions now. Once it may not it drops them, before others take them."""

    @property
    def is_first(self) -> bool:
        """Whether this node, of those that do not drain, has lived for longest, and so does what only one is to do. No promise: two may be,
        for a moment.
        """

    @property
    def spoken(self) -> int:
        """The version of events that all nodes know which live (`protocol.events.NEWEST` of each), as of the last beat."""

    @property
    def tells(self) -> bool:
        """Whether the nodes tell one another what they do; otherwise each looks once a second."""

    async def others_stay(self) -> bool:
        """Whether another node lives that is not about to stop: it can go on with what this one runs. Raises `JournalError`."""

    async def room_elsewhere(self) -> bool:
        """Whether another node, which lives and is not about to stop, could wake a session, as of its last beat. Raises `JournalError`."""

    def drain(self) -> None:
        """This node is about to stop: with the next beat another is first, and no other counts on it."""

    def watch(self, lost: Callable[[], None]) -> None:
        """Call `lost` in the event loop when this node may not run sessions any more: it must drop all of them."""

    @property
    def counts(self) -> NodeCounts:
        """What happened here since the start."""

    @property
    def beat_age_s(self) -> float:
        """How long ago this node last beat, as it knows."""

    def report(self, load: Callable[[], Load]) -> None:
        """Tell the others at each beat what `load` says; it is called in the event loop."""

    async def everybody(self) -> list[NodeSeen]:
        """This node and the others, those too that ended last, within the last hour; the living first. Raises `JournalError`."""

    async def owners(self, session_ids: Sequence[str]) -> dict[str, str]:
        """The names of the nodes that own these sessions and live. Raises `JournalError`."""

    async def owned_elsewhere(self, session_id: str) -> bool:
        """Whether another node, which lives, owns the session. Raises `JournalError`."""

    async def working_elsewhere(self, user_id: str) -> int:
        """How many sessions of the user have work under way at other nodes, which live. Raises `JournalError`."""

    async def forward(self, session_id: str, submission_id: str, forwarded: Forwarded) -> Put:
        """Have a submission wait for the session's owner, and tell the owner; durable on return. The same again is one.

        Raises `Deleted`, `NotFound`, `Unavailable`.
        """

    async def give(self, session_id: str, sealed: bytes, word: str) -> bool:
        """Keep what a session's client gave, in place of what it gave before; empty: nothing. Whether another node, which owns the session,
        is told: durably, by what waits under the id `word` until it has heard.

        Raises `Deleted`, `NotFound`, `Unavailable`.
        """

    async def given(self, session_id: str) -> bytes:
        """What `give` keeps for the session. Raises `Unavailable`."""

    async def waiting(self, but: Sequence[int]) -> list[Waiting]:
        """Submissions that wait for sessions which this node owns, the oldest first, without these. Raises `JournalError`."""

    async def waits(self, session_id: str, submission_id: str) -> bool:
        """Whether this submission still waits. Raises `JournalError`."""

    async def remove(self, numbers: Sequence[int]) -> None:
        """These submissions wait no more. Raises `JournalError`."""

    def answer(self, to: int, settled: Settled) -> None:
        """Tell a node what became of a submission that it forwarded."""

    def watch_inbox(self, arrived: Callable[[], None], answered: Callable[[Settled], None]) -> None:
        """Call `arrived` in the event loop when there may be something for `waiting`, and `answered` with what `answer` told this node."""

    async def orphans(self, most: int) -> list[str]:
        """Sessions with work under way, or submissions that wait, that nobody who lives owns. Raises `JournalError`."""

    def listen(self, told: Callable[[Mapping[str, int]], None], missed: Callable[[], None]) -> None:
        """Call `told` in the event loop with how far sessions are stored, as other nodes store them (`words.DELETED`: it was
        deleted), and `missed` when some of that may have been lost.
        """

    def want(self, session_ids: Sequence[str], *, also: bool = False) -> None:
        """Tell the other nodes which sessions are followed here, so that they tell of these: all of them, to be told each second
        (`wanted.KEPT_S`); `also`: those that are followed from now on.
        """

    async def heads(self, session_ids: Sequence[str]) -> dict[str, int]:
        """How far these sessions are stored. One that is missing was deleted. Raises `JournalError`."""

    async def deleted(self, session_ids: Sequence[str]) -> list[str]:
        """Those of these sessions that were deleted, as far as that is remembered. Raises `JournalError`."""

    async def follow(self, session_ids: Sequence[str]) -> list[str]:
        """These sessions have sockets now, at this node. Those that were being written just then, which are to be told of again.

        Raises `JournalError`.
        """

    async def unfollowed(self, session_ids: Sequence[str], for_s: float) -> list[str]:
        """Those of these sessions of which no node has told by `follow` for so long, and that are older. Raises `JournalError`."""

    async def spent(self, user_ids: Sequence[str], day: str) -> list[Spent]:
        """What these users' model calls cost on a day, at all nodes; nothing of a user without any. Raises `JournalError`."""

    async def read_after(self, wanted: Sequence[tuple[str, int]]) -> dict[str, list[Record]]:
        """Of each session the next records after a position, in order and without a hole; as many as `Journal.read` gives.

        A record that was merged across the position comes whole. Raises `JournalError`.
        """
