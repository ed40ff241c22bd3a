"""Runs of AG-UI: a run of a client's thread, as server-sent events. Imported where the route is on alone."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from functools import partial
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from protocol import codes
from protocol.view import View
from server.http.bodies import Bodies
from server.http.compatible import event_stream
from server.http.compatible.ag_ui_events import AgUiMapping, Held, Out
from server.http.compatible.ag_ui_history import snapshot
from server.http.compatible.ag_ui_interrupts import BadRun
from server.http.compatible.ag_ui_request import RunAgentInput, Wanted, wanted
from server.http.compatible.attached import Attached, Refused
from server.http.compatible.event_stream import EventStream
from server.http.compatible.feed import batches
from server.http.compatible.reading import read_json
from server.http.compatible.runs import Run
from server.http.compatible.uploads import Uploads
from server.http.requests import bad_request, caller
from server.journal.base import JournalError
from server.sessions.manager import SessionManager
from server.util.refusal import HTTPRefusal, RequestRefused
from server.websocket.admission import SocketAdmission

TOO_LATE: Final = (codes.APPROVAL_STALE, codes.QUESTION_UNKNOWN, codes.NOTHING_TO_INTERRUPT)
"""Refusals of answers that somebody else has given: the run goes on with what happened."""


class AgUiRuns:
    """What the route does."""

    def __init__(self, manager: SessionManager, admission: SocketAdmission, uploads: Uploads) -> None:
        self._manager = manager
        self._uploads = uploads
        self._admission = admission
        self._bodies = Bodies()

    async def run(self, request: Request) -> Response | EventStream:
        """Run an AG-UI thread: say something, answer interrupts, or come back to what runs."""
        principal = caller(request)
        asked = await read_json(self._bodies, request, self._admission.policy(principal, "owner"), RunAgentInput)
        try:
            what = wanted(asked)
        except BadRun as error:
            raise bad_request(str(error)) from error
        attached = Attached(self._admission, self._manager, principal)
        try:
            await attached.open(asked.thread_id)
            stream = await self._begin(asked, what, attached)
        except BaseException:
            await attached.keep.aclose()
            raise
        return EventStream(
            stream,
            attached.keep,
            principal=principal,
            sockets=self._admission.open,
            send_timeout_s=self._admission.limits.send_timeout_s,
            headers={"holdfast-session": attached.row.session_id},
        )

    async def _begin(self, asked: RunAgentInput, what: Wanted, attached: Attached) -> AsyncGenerator[bytes, None]:
        """Hand in what is asked for; the events of the run. Raises `RequestRefused`, `JournalError`."""
        held = Held(asked.messages)
        mapping = AgUiMapping(asked.thread_id, asked.run_id, attached.row.session_id, attached.row.model, held)
        first = mapping.started()
        run = Run()
        interrupted = None if what.after is None else _position(what.after, attached)
        if what.say is not None:
            images = partial(self._uploads.put, attached.row, what.images) if what.images else None
            seq = await attached.say(what.say, what.earlier, what.context, images)
            run = Run(str(what.say.id), under_way=interrupted is not None)
            after = seq - 1 if interrupted is None else interrupted
        elif what.submissions:
            view = await attached.port.view()
            _check_all_answered(view, what)
            after = attached.port.head if interrupted is None else interrupted
            for submission in what.submissions:
                try:
                    seq = await attached.submit(submission)
                    after = min(after, seq - 1) if interrupted is None else after
                except Refused as refused:
                    if refused.code not in TOO_LATE:
                        raise
                    first += mapping.refused(refused.code, refused.message)
        else:
            view = await attached.port.view()
            after = view.seq
            first += mapping.joined(view, snapshot(view))
        attached.cursor.advance(after)
        return self._stream(attached, mapping, run, first)

    async def _stream(
        self, attached: Attached, mapping: AgUiMapping, run: Run, first: list[Out]
    ) -> AsyncGenerator[bytes, None]:
        yield _encoded(first)
        cursor, seq = attached.cursor, attached.cursor.position
        loop, heartbeat_s = asyncio.get_running_loop(), self._admission.limits.heartbeat_s
        quiet_until = loop.time() + heartbeat_s
        try:
            if cursor.at_head and await self._is_over(attached, mapping, run):
                yield _encoded(mapping.interrupted(seq) if mapping.waits else mapping.finished())
                return
            async for events, at_head in batches(cursor, heartbeat_s):
                out: list[Out] = []
                for event in events:
                    seq = event.seq
                    if run.takes(event):
                        out += mapping.finished(event) if run.ended else mapping.events(event)
                    if run.ended:
                        break
                waits = not run.ended and at_head and bool(mapping.waits)
                if waits:
                    out += mapping.interrupted(seq)
                if out:
                    yield _encoded(out)
                elif not events or loop.time() > quiet_until:
                    yield event_stream.HEARTBEAT
                else:
                    continue
                quiet_until = loop.time() + heartbeat_s
                if run.ended or waits:
                    return
            reason = cursor.close_reason
            yield _encoded(mapping.failed("going_away", reason.text if reason else "the server lets go; send it again"))
        except JournalError as error:
            yield _encoded(mapping.failed("unavailable", f"the journal cannot be read: {error}; send it again"))

    async def _is_over(self, attached: Attached, mapping: AgUiMapping, run: Run) -> bool:
        """Whether nothing comes: the turn waits, or there is none under way."""
        if mapping.waits:
            return True
        return run.of_turn_under_way and (await attached.port.standing()).state in ("idle", "closed")


def _position(after: int, attached: Attached) -> int:
    if after > attached.port.head:
        raise RequestRefused(
            HTTPRefusal("bad_request", "the interrupt is not one of this session, or was lost; send no `resume`")
        )
    return after


def _check_all_answered(view: View, what: Wanted) -> None:
    """Raises `RequestRefused` where some of what waits has an answer, and some has none: the turn would wait on."""
    waiting = {one.tool_call_id for one in view.pending_approval} | {one.question_id for one in view.questions}
    missing = waiting - what.answered
    if missing and waiting & what.answered:
        raise bad_request(f"`resume` must answer all interrupts; there is no answer for {', '.join(sorted(missing))}")


def _encoded(messages: Sequence[Out]) -> bytes:
    return b"".join(map(event_stream.data, messages))
