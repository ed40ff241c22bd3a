"""Shared sessions: what a server does about sessions that others on its database run."""

from collections.abc import Callable

from agent.redaction import Redactor
from agent.session.messages import OwnerUploadedNotes, SubmissionRefusal
from protocol.submissions import Submission
from server.journal.base import Journal
from server.journal.nodes.base import Nodes
from server.sessions.inbox import PendingAnswer
from server.sessions.nodes.feed import Feed
from server.sessions.nodes.followed import FollowedSessions
from server.sessions.nodes.forwarding import Forwarding, Waker
from server.sessions.nodes.spending import Spending
from server.sessions.ports.table import PortTable
from server.sessions.quotas import Quotas


class SharedSessions:
    """The feed of sessions elsewhere, what is forwarded to them and from there, who follows them here, and what their users spend."""

    def __init__(
        self,
        nodes: Nodes,
        journal: Journal,
        ports: PortTable,
        waker: Waker,
        redactor: Callable[[], Redactor],
        quotas: Quotas,
    ) -> None:
        """`redactor`: takes the known secrets out of what is forwarded."""
        self._nodes = nodes
        self._feed = Feed(nodes, ports)
        self._forwarding = Forwarding(nodes, journal, waker, redactor)
        self._followed = FollowedSessions(nodes, ports)
        self._spending = Spending(nodes, ports, quotas)

    def start(self, lost: Callable[[], None], deleted: Callable[[str], None]) -> None:
        """Start the tasks. `lost`: see `Nodes.watch`; `deleted`: called with a session that another server deleted."""
        self._nodes.watch(lost)
        self._feed.start(deleted)
        self._forwarding.start()
        self._followed.start()
        self._spending.start()

    async def aclose(self) -> None:
        """Stop."""
        await self._spending.aclose()
        await self._followed.aclose()
        await self._forwarding.aclose()
        await self._feed.aclose()

    def opened(self, session_id: str) -> None:
        """Somebody follows the session from now on."""
        self._feed.opened(session_id)

    def attached(self, session_id: str) -> None:
        """The session has a socket here."""
        self._followed.attached(session_id)

    def activated(self) -> None:
        """A session is run here from now on: something may wait for it."""
        self._forwarding.look()

    async def report(self, session_id: str, notes: OwnerUploadedNotes) -> None:
        """Tell the server that runs the session who uploaded AGENTS.md. Raises `JournalError`."""
        await self._forwarding.report(session_id, notes)

    async def room_elsewhere(self) -> bool:
        """Whether another server could wake a session. Raises `JournalError`."""
        return await self._nodes.room_elsewhere()

    async def forward(
        self, session_id: str, submission: Submission, share_id: str = "", sender: object = None
    ) -> PendingAnswer | SubmissionRefusal:
        """Hand a submission to the server that runs the session, or that wakes it, where nobody runs it."""
        return await self._forwarding.submit(session_id, submission, share_id, sender)


def shared_sessions(
    nodes: Nodes | None,
    journal: Journal,
    ports: PortTable,
    waker: Waker,
    redactor: Callable[[], Redactor],
    quotas: Quotas,
) -> SharedSessions | None:
    """The same; None for a server that is alone."""
    return None if nodes is None else SharedSessions(nodes, journal, ports, waker, redactor, quotas)
