"""Ownership: which sessions this server may run, where several share a database. A server that is alone may run all."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from server.journal.base import Deleted, Journal, JournalError, Lease, NotFound, Unavailable
from server.journal.nodes.base import Nodes, OwnedElsewhere
from server.sessions.errors import SessionNotFound

log = logging.getLogger("holdfast.awake")

Moment = tuple[str, int]
"""An epoch of the journal, and this node's number in it. What was read at one moment may be gone at another."""


class Ownership:
    """What this server owns. `nodes`: None if it has the journal alone."""

    def __init__(self, journal: Journal, nodes: Nodes | None) -> None:
        self._journal = journal
        self._nodes = nodes

    @property
    def is_first(self) -> bool:
        """Whether this server does what only one of several on a database is to do."""
        return self._nodes is None or self._nodes.is_first

    @property
    def moment(self) -> Moment:
        """The present moment."""
        return self._journal.epoch, 0 if self._nodes is None else self._nodes.number

    def refusal(self) -> str:
        """Why this server may run no session now; empty if it may."""
        if self._nodes is None or self._nodes.is_good:
            return ""
        return "this server has not reached the database for too long; try again"

    def check(self, moment: Moment | None = None) -> None:
        """Raise `Unavailable` if this server may run no session now, or the moment is over."""
        if why := self.refusal():
            raise Unavailable(why)
        if moment is not None and self.moment != moment:
            raise Unavailable("a new epoch of the journal began meanwhile, or this server's lease was over; try again")

    async def check_session(self, session_id: str) -> None:
        """Raise `OwnedElsewhere` if another server runs the session, `Unavailable` as `check`."""
        self.check()
        if await self.runs_elsewhere(session_id):
            raise OwnedElsewhere("the session runs at another server now, and this can be done there alone; try again")

    @asynccontextmanager
    async def held(self, session_id: str) -> AsyncIterator[None]:
        """No other server takes the session during the block. Raises `JournalError`."""
        if self._nodes is None:
            yield
            return
        try:
            lease = await self._journal.acquire(session_id)
        except (NotFound, Deleted):
            yield  # nobody takes it
            return
        try:
            yield
        finally:
            await self._give_back(lease)

    @asynccontextmanager
    async def taken(self, session_id: str) -> AsyncIterator[Lease]:
        """Own the session. If the block fails it is given back: else nobody would run it, and nobody else could. Raises
        `SessionNotFound`, `JournalError`.
        """
        try:
            lease = await self._journal.acquire(session_id)
        except (NotFound, Deleted) as error:
            raise SessionNotFound(session_id) from error
        try:
            yield lease
        except BaseException:
            await self._give_back(lease)
            raise

    async def _give_back(self, lease: Lease) -> None:
        try:
            await self._journal.release(lease)
        except JournalError as error:
            log.warning("session %s: it was not given back: %s", lease.session_id, error)

    async def working_elsewhere(self, user_id: str) -> int:
        """How many sessions of the user have work under way at other servers on the same database. Raises `JournalError`."""
        return 0 if self._nodes is None else await self._nodes.working_elsewhere(user_id)

    async def runs_elsewhere(self, session_id: str) -> bool:
        """Whether another server on the same database runs the session. Raises `JournalError`."""
        return self._nodes is not None and await self._nodes.owned_elsewhere(session_id)
