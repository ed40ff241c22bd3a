"""Attached: a session that a request follows, and what it hands in to it, within the limits of sockets."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Final

import msgspec

from agent.session.messages import SubmissionRefusal
from protocol import codec, codes
from protocol.events import Accepted, Event
from protocol.submissions import Submission, UserInput, submission_id
from server.auth.principal import Principal
from server.http.compatible.messages import Said, first_input, said_by_user, with_context
from server.http.compatible.threads import open_thread
from server.sessions import idempotency
from server.sessions.manager import SessionManager
from server.sessions.ports.port import SessionPort
from server.telemetry import log_context
from server.util.refusal import HTTPRefusal, RequestRefused
from server.websocket.admission import SocketAdmission

MESSAGE_ROOM: Final = 1_024
"""Of a websocket message, what an input has besides its text."""

STATUS = {
    codes.ID_CONFLICT: 409,
    codes.FORBIDDEN: 403,
    codes.TOO_MANY_SUBMISSIONS: 429,
    codes.BUDGET_EXHAUSTED: 429,
    codes.STORAGE_FULL: 429,
    codes.QUEUE_FULL: 429,
    codes.INBOX_FULL: 429,
    codes.SESSION_CLOSED: 409,
    codes.HISTORY_FULL: 409,
    codes.BUSY: 409,
    codes.INTERNAL: 500,
}
"""The HTTP status of a refusal; of others 503 if it may be sent again, else 400."""


class Attached:
    """One request's hold on a session. `row`: of the session. It lasts until `keep` is closed."""

    def __init__(self, admission: SocketAdmission, manager: SessionManager, principal: Principal) -> None:
        self.keep = AsyncExitStack()
        self.principal = principal
        self._admission = admission
        self._manager = manager

    async def open(self, name: str | None) -> None:
        """Attach to the session that the caller means; None: a new one. Raises as `open_thread`, and `RequestRefused` at a limit.

        A request counts as a submission, whatever it asks for: to show a session is work too.
        """
        self._admission.check(self.principal)
        too_many = self._admission.policy(self.principal, "owner").count()
        if too_many is not None:
            raise refused(too_many)
        if name is None:
            session_id = await self._manager.create_session(self.principal.user_id)
            self.row = (await self._manager.registry.open(session_id)).row
        else:
            self.row = await open_thread(self._manager, self.principal, name)
        log_context.bind(session=self.row.session_id)
        self.port: SessionPort = await self.keep.enter_async_context(self._manager.attach(self.row))
        self.cursor = self.port.follow()
        self.keep.callback(self.cursor.detach)
        self._admission.check_attached(self.principal, self.port)

    async def say(
        self,
        wanted: UserInput,
        earlier: Sequence[Said],
        context: str = "",
        prepare: Callable[[], Awaitable[None]] | None = None,
    ) -> int:
        """Hand in an input, unless it was before; the position of its `accepted`. Raises `RequestRefused`, `JournalError`.

        `earlier`: what the client said before it. In a session where nothing was said yet the model is told of it. `context`: what
        the application tells of itself; of an input that was handed in before it may be another. `prepare`: done before it is handed in.
        """
        most = self._admission.limits.inbound_message_bytes - MESSAGE_ROOM
        later = msgspec.structs.replace(wanted, text=with_context(wanted.text, context))
        told = with_context(first_input(earlier, wanted.text, most // 4), context)
        first = msgspec.structs.replace(wanted, text=told)
        if len(first.text.encode("utf-8", "replace")) > most:
            message = f"the message, with the application's instructions, may have {most} bytes; write less"
            raise RequestRefused(HTTPRefusal("too_large", message))
        known = await self._manager.journal.answer(self.row.session_id, submission_id(wanted))
        if known is not None:
            accepted = codec.decode_event(known.answer)
            same = known.digest in map(idempotency.digest, (wanted, later, first))
            if not same and not _is_said_by(accepted, wanted):
                raise refused(idempotency.conflict(known.submission_id))
            return accepted.seq
        if prepare is not None:
            await prepare()
        view = await self.port.view()
        return await self.submit(later if view.messages or view.queued else first)

    async def submit(self, submission: Submission) -> int:
        """Hand in a submission; the position of its `accepted`. Raises `Refused`, `RequestRefused`."""
        try:
            codec.check_plain(submission)
        except ValueError as error:
            raise RequestRefused(HTTPRefusal("bad_request", str(error))) from error
        waiting = await self.port.submit(submission, sender=self)
        answer = waiting if isinstance(waiting, SubmissionRefusal) else await waiting
        if isinstance(answer, SubmissionRefusal):
            raise Refused(answer)
        return answer.seq


def _is_said_by(event: Event, wanted: UserInput) -> bool:
    """Whether the input that was accepted is this one, with another context."""
    if not isinstance(event, Accepted) or not isinstance(event.submission, UserInput):
        return False
    said = event.submission
    return said_by_user(said.text) == wanted.text and said.images == wanted.images


class Refused(RequestRefused):
    """The session refused a submission. `code`: as on the wire."""

    def __init__(self, refusal: SubmissionRefusal) -> None:
        super().__init__(refused(refusal).refusal)
        self.code = refusal.code
        self.message = refusal.message


def refused(refusal: SubmissionRefusal) -> RequestRefused:
    """The HTTP answer to a refusal of a session."""
    retryable = codes.REFUSALS[refusal.code].retryable
    status = STATUS.get(refusal.code, 503 if retryable else 400)
    return RequestRefused(
        HTTPRefusal(refusal.code, refusal.message, status=status, retry_after_s=1.0 if retryable else None)
    )
