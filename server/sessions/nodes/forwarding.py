"""Forwarding: hands submissions to the server that runs their session, and takes those that other servers forward.

A forwarded submission waits in the database until the append that accepts it, so it outlives both servers: the session's next
owner takes it, once.
"""

import asyncio
import logging
import secrets
import sys
from collections import defaultdict
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import msgspec

from agent.redaction import Redactor
from agent.session.messages import OwnerUploadedNotes, SubmissionRefusal
from agent.session.redact_input import submission_without_secrets
from agent.util.tasks import TaskOwner
from protocol import codec, codes
from protocol.events import Accepted
from protocol.submissions import Submission, submission_id
from server.journal.base import Deleted, Journal, JournalError, NotFound, Unavailable
from server.journal.nodes.base import Nodes, OwnedElsewhere
from server.journal.nodes.inbox import RENEW, Forwarded, Settled, Waiting
from server.sessions import idempotency
from server.sessions.errors import GoingAway, SessionCapacityError, SessionNotFound
from server.sessions.inbox import Answer, DuplicateSubmission, PendingAnswer

log = logging.getLogger("holdfast.forwarding")

ID_BYTES = 12

LOOK_S = 1.0
"""Time between two looks for what waits here, in case a word was lost."""

ASK_S = 5.0
"""How long an answer is awaited before it is asked for."""

REPORT = b""
"""In place of a submission's digest: it is no submission."""

KEPT = (codes.GOING_AWAY, codes.JOURNAL_UNAVAILABLE)
"""Refusals after which a forwarded submission goes on waiting: the session's owner changes, or its journal fails for now."""


class Actor(Protocol):
    """Takes submissions: `server.sessions.actor.SessionActor`."""

    def submit(
        self, submission: Submission, share_id: str = "", sender: object = None, digest: bytes = b""
    ) -> "PendingAnswer | SubmissionRefusal":
        """Add a submission to the inbox."""

    def report(self, message: OwnerUploadedNotes) -> None:
        """Add what happened outside of the session to the inbox."""


class Waker(Protocol):
    """Wakes sessions: `server.sessions.registry.SessionRegistry`."""

    def activated(self, session_id: str, user_id: str | None = None) -> AbstractAsyncContextManager[Actor]:
        """The session's actor, which is started if the session slept."""

    async def renew(self, session_id: str) -> None:
        """Have the session's tools made anew."""


class Forwarding:
    """The submissions of this server's sockets to sessions elsewhere, and those of others to sessions here."""

    def __init__(self, nodes: Nodes, journal: Journal, waker: Waker, redactor: Callable[[], Redactor]) -> None:
        self._nodes = nodes
        self._journal = journal
        self._waker = waker
        self._redactor = redactor
        self._awaited: dict[tuple[str, str], PendingAnswer] = {}
        self._since: dict[tuple[str, str], float] = {}
        """When each of these was forwarded, by the loop's clock."""
        self._handled: set[int] = set()
        """The numbers of those that an actor here has."""
        self._wake = asyncio.Event()
        self._tasks = TaskOwner("forwarding")

    def start(self) -> None:
        """Start the tasks."""
        self._nodes.watch_inbox(self._wake.set, self._settled)
        self._tasks.start(self._take(), "take")
        self._tasks.start(self._ask(), "ask")

    def look(self) -> None:
        """Look now: a session was activated here."""
        self._wake.set()

    async def aclose(self) -> None:
        """Stop. What waits goes on waiting; its clients send it again."""
        await self._tasks.aclose()
        for answer in self._awaited.values():
            if not answer.done():
                answer.set_result(idempotency.STOPPING)

    async def submit(
        self, session_id: str, submission: Submission, share_id: str = "", sender: object = None
    ) -> "PendingAnswer | SubmissionRefusal":
        """As `SessionActor.submit`, for a session that another server runs."""
        if not submission_id(submission):
            submission = msgspec.structs.replace(submission, id=secrets.token_hex(ID_BYTES))
        own_id = submission_id(submission)
        redactor = self._redactor()
        if redactor.redact(own_id) != own_id:
            return SubmissionRefusal(codes.INVALID, "`id` looks like a secret, and ids are stored; use another one")
        try:
            earlier = await self._journal.answer(session_id, own_id)
            if earlier is not None:
                return _done(idempotency.repeat_answer(idempotency.digest(submission), earlier))
            forwarded = Forwarded(
                codec.encode(await submission_without_secrets(redactor, submission)),
                idempotency.digest(submission),
                share_id,
                f"{self._nodes.number} {id(sender)}" if sender is not None else "",
            )
            answer = self._await(session_id, own_id)
            put = await self._nodes.forward(session_id, own_id, forwarded)
        except (Deleted, NotFound):
            return SubmissionRefusal(codes.SESSION_CLOSED, "the session was deleted")
        except JournalError as error:
            return idempotency.not_stored(error)
        if put == "full":
            return self._refused(session_id, own_id, idempotency.INBOX_IS_FULL)
        if put == "conflict":
            return idempotency.conflict(own_id)
        return answer

    async def report(self, session_id: str, notes: OwnerUploadedNotes) -> None:
        """Tell the session's server who uploaded AGENTS.md. Nobody hears what became of that. Raises `JournalError`."""
        forwarded = Forwarded(msgspec.json.encode(notes), REPORT, "", "")
        put = await self._nodes.forward(session_id, f"report-{secrets.token_hex(ID_BYTES)}", forwarded)
        if put != "waits":
            raise Unavailable(f"session {session_id}: too much waits for its server; upload the file again")

    def _await(self, session_id: str, own_id: str) -> PendingAnswer:
        """The future of this submission's answer; the same for each that waits for it."""
        key = (session_id, own_id)
        answer = self._awaited.get(key)
        if answer is None:
            loop = asyncio.get_running_loop()
            answer = self._awaited[key] = loop.create_future()
            self._since[key] = loop.time()
        return answer

    def _refused(self, session_id: str, own_id: str, refusal: SubmissionRefusal) -> SubmissionRefusal:
        self._answer(session_id, own_id, refusal)
        return refusal

    def _answer(self, session_id: str, own_id: str, answer: Answer) -> None:
        waiting = self._awaited.pop((session_id, own_id), None)
        since = self._since.pop((session_id, own_id), None)
        if since is not None:
            self._nodes.counts.inbox_wait(asyncio.get_running_loop().time() - since)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)

    def _settled(self, settled: Settled) -> None:
        """The owner's server tells what became of a submission."""
        key = (settled.session_id, settled.submission_id)
        if key not in self._awaited:
            return
        if settled.code:
            code = settled.code if settled.code in codes.REFUSALS else codes.INTERNAL  # of a newer version
            self._answer(*key, SubmissionRefusal(code, settled.message))
        else:
            self._tasks.start(self._look_up(*key), "look up")

    async def _look_up(self, session_id: str, own_id: str) -> None:
        """Answer what has an answer by now, or waits no more and has none."""
        try:
            waits = await self._nodes.waits(
                session_id, own_id
            )  # before the answer: it ends with the append that answers
            record = await self._journal.answer(session_id, own_id)
        except (Deleted, NotFound):
            self._answer(session_id, own_id, SubmissionRefusal(codes.SESSION_CLOSED, "the session was deleted"))
            return
        except JournalError as error:
            log.info("session %s: what became of a submission is asked again: %s", session_id, error)
            return
        if record is not None:
            event = codec.decode_event(record.answer)
            assert isinstance(event, Accepted), "what is answered was accepted"
            self._answer(session_id, own_id, event)
        elif not waits:
            self._answer(session_id, own_id, idempotency.STOPPING)

    async def _ask(self) -> None:
        """Ask for answers that did not come."""
        old: set[tuple[str, str]] = set()
        while True:
            await asyncio.sleep(ASK_S if self._nodes.tells else LOOK_S / 2)
            for session_id, own_id in [key for key in self._awaited if key in old]:
                await self._look_up(session_id, own_id)
            old = set(self._awaited)

    async def _take(self) -> None:
        """Take what others forward to sessions that this server owns."""
        while True:
            try:
                async with asyncio.timeout(LOOK_S):
                    await self._wake.wait()
            except TimeoutError:
                log.debug("looking for what other servers forwarded")
            self._wake.clear()
            try:
                found = await self._nodes.waiting(list(self._handled)) if self._nodes.is_good else []
            except JournalError as error:
                log.info("what other servers forward is looked for again: %s", error)
                continue
            by_session: dict[str, list[Waiting]] = defaultdict(list)
            for one in found:
                self._handled.add(one.number)
                by_session[one.session_id].append(one)
            for session_id, waiting in by_session.items():
                self._tasks.start(self._hand_in(session_id, waiting), session_id)

    async def _hand_in(self, session_id: str, waiting: list[Waiting]) -> None:
        """Hand these to the session's actor, in their order, and see that each is settled."""
        submitted = [one for one in waiting if one.forwarded.digest != RENEW]
        try:
            if len(submitted) < len(waiting):  # before what was submitted after it
                await self._waker.renew(session_id)
                await self._nodes.remove([one.number for one in waiting if one.forwarded.digest == RENEW])
            if not submitted:
                return
            async with self._waker.activated(session_id) as actor:
                answers = [_submit(actor, one.forwarded) for one in submitted]
            for one, answer in zip(submitted, answers, strict=True):
                if answer is None:
                    await self._nodes.remove([one.number])
                else:
                    await self._settle(one, answer if isinstance(answer, SubmissionRefusal) else await answer)
        except SessionCapacityError as error:
            for one in submitted:
                await self._settle(one, SubmissionRefusal(codes.CAPACITY, str(error)))
        except (SessionNotFound, OwnedElsewhere, GoingAway, JournalError) as error:
            log.info("session %s: what was forwarded to it waits on: %s", session_id, error)
        finally:
            self._handled.difference_update(one.number for one in waiting)

    async def _settle(self, one: Waiting, answer: Answer) -> None:
        """Tell the other server what became of its submission, and remove it if no append did. Raises `JournalError`."""
        if isinstance(answer, SubmissionRefusal):
            if answer.code in KEPT:
                return
            await self._nodes.remove([one.number])
            self._nodes.answer(one.from_node, Settled(one.session_id, one.submission_id, answer.code, answer.message))
            return
        if isinstance(answer, DuplicateSubmission):
            await self._nodes.remove([one.number])
        self._nodes.answer(one.from_node, Settled(one.session_id, one.submission_id))


def _submit(actor: Actor, forwarded: Forwarded) -> "PendingAnswer | SubmissionRefusal | None":
    """Hand it to the actor. None: nobody waits for an answer."""
    if forwarded.digest == REPORT:
        actor.report(msgspec.json.decode(forwarded.submission, type=OwnerUploadedNotes))
        return None
    try:
        submission = codec.decode_submission(forwarded.submission)
    except codec.FrameError as error:  # the other server may be of a newer version
        return SubmissionRefusal(error.code, str(error))
    # Senders are told apart by identity.
    sender = sys.intern(forwarded.sender) if forwarded.sender else None
    return actor.submit(submission, forwarded.share_id, sender, forwarded.digest)


def _done(answer: Answer) -> PendingAnswer:
    future: PendingAnswer = asyncio.get_running_loop().create_future()
    future.set_result(answer)
    return future
