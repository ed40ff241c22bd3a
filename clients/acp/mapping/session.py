"""Session: one session of a client: its requests and the session's events in, messages and submissions out. Pure.

What comes out is in order: a `dict` is a message to the client, anything else a submission to the server.
"""

from clients.acp.dialects.v1 import V1
from clients.acp.mapping.activity import Activity
from clients.acp.mapping.content import prompt_text
from clients.acp.mapping.continuation import Continuation
from clients.acp.mapping.images import image_files, read_images, with_images
from clients.acp.mapping.permissions import Permissions
from clients.acp.mapping.prompts import Answer, Prompts, answer_of
from clients.acp.mapping.questions import Questions
from clients.acp.mapping.settings import Offered, Settings
from clients.acp.mapping.transcript import Transcript
from clients.acp.mapping.types import COMMANDS, Ids, Opening, Out
from clients.acp.rpc import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    Failure,
    Message,
    RequestId,
    Response,
    notification,
    refusal,
    result,
)
from clients.session.core import Position
from clients.session.outcomes import CaughtUp, Connected, Ended, FeedItem, Reconnecting, Rejected, ViewReset
from protocol import codes
from protocol import events as ev
from protocol import submissions as sub
from protocol.view import View

STALE = {codes.APPROVAL_STALE, codes.APPROVAL_UNKNOWN}


class SessionMapping:
    """A session that the client has open. `view`: the session as it was received; it may be ahead of what `take` was given."""

    def __init__(self, session_id: str, dialect: V1, ids: Ids, offered: Offered) -> None:
        self.session_id = session_id
        self.view = View()
        self.epoch = ""
        """The epoch of the positions of what comes from the server now."""
        self.head = 0
        """The session's newest position when the connection was made."""
        self.refused = False
        """Whether the client was told that it cannot have the session so."""
        self.cwd: str | None = None
        """The folder of this machine in which the session works; None: one of the server's own."""
        self.partial = False
        """Whether the view lacks the oldest messages: then a load needs another client."""
        self.uploads: dict[str, dict[str, bytes]] = {}
        """Images of prompts that were not submitted yet, by submission: they are put into the workspace before it."""
        self._dialect = dialect
        self._ids = ids
        self._settings = Settings(dialect, offered)
        self._transcript = Transcript(dialect)
        self._prompts = Prompts(at_insertion=dialect.answers_at_insertion)
        self._activity = Activity(dialect, self._prompts)
        self._permissions = Permissions(dialect, ids.request)
        self._questions = Questions(dialect, ids.request)
        self._openings: list[tuple[RequestId, Opening]] = []
        self._answers_sent: dict[str, str] = {}  # the call that each of our approvals is for
        self._texts: dict[str, str] = {}
        self._continuation: Continuation | None = None
        self._unsent: list[
            sub.Submission
        ] = []  # prompts since the connection ended, so that an interrupt goes before them
        self._opened = False
        self._synced = False
        self._live = False
        self._interrupting: str | None = None

    def open(self, request_id: RequestId, opening: Opening, since: Position | None = None) -> list[Out]:
        """The client wants the session: its answer comes when the session is there, behind the history that it asks for.

        `since`: it has everything up to this position; then the session's client must read the whole history.
        """
        if self._synced and self._opened:
            if opening == "load":
                changes, self._transcript = self._transcript.changes, Transcript(self._dialect)
                self._transcript.cwd, self._transcript.changes = self.cwd, changes
            return [*self._show(opening), *self._answer_opening(request_id, opening), *self._offer()]
        self._openings.append((request_id, opening))
        self._continuation = None if since is None else Continuation(since)
        return []

    def prompt(self, request_id: RequestId, blocks: object) -> list[Out]:
        """The client's user says something. Raises `Failure`."""
        text = prompt_text(blocks)
        submission_id = self._ids.submission()
        images = read_images(blocks, submission_id)
        submission: sub.Submission
        match text.strip():
            case "/compact":
                submission = sub.Compact(id=submission_id)
                self._prompts.add(request_id, submission_id, "compact")
            case "/undo":
                submission = sub.Undo(id=submission_id)
                self._prompts.add(request_id, submission_id, "undo")
            case _:
                submission = sub.UserInput(id=submission_id, text=text, images=image_files(images))
                if images:
                    self.uploads[submission_id] = images
                self._prompts.add(request_id, submission_id, "input")
        self._transcript.own.add(submission_id)
        self._texts[submission_id] = text
        if not self._live:
            self._unsent.append(submission)
            return []
        return [submission]

    def cancel(self, now: float, request_id: RequestId | None = None) -> list[Out]:
        """The client wants its prompts to end, or the one with this request: by an answer to each, soon."""
        cancelled = {prompt.submission_id for prompt in self._prompts.cancel(now, request_id)}
        never_sent = cancelled & {sub.submission_id(one) for one in self._unsent}
        self._unsent = [one for one in self._unsent if sub.submission_id(one) not in never_sent]
        for one in never_sent:
            self.uploads.pop(one, None)
        answers = self._answers(self._prompts.drop(never_sent))
        running = self.view.turn_id
        own = any(prompt.turn_id == running for prompt in self._prompts.all() if prompt.cancelled)
        waiting = [
            one.submission_id for one in self._prompts.all() if one.cancelled and one.accepted and not one.turn_id
        ]
        if not self._live:
            return answers
        withdrawn = [out for one in waiting for out in self._withdraw(one)]
        if running is None or not (own or not (cancelled or request_id)):
            return [*answers, *withdrawn]
        return [*answers, *withdrawn, *self._interrupt(running)]

    def has_prompt(self, request_id: RequestId) -> bool:
        """Whether this request is a prompt without an answer."""
        return any(prompt.request_id == request_id for prompt in self._prompts.unanswered())

    def overdue(self, now: float) -> list[Out]:
        """Answers for cancelled prompts that nothing came of."""
        return self._answers(self._prompts.overdue(now))

    def answered(self, response: Response) -> list[Out]:
        """The client answered one of our requests."""
        submission_id = self._ids.submission()
        answer = self._questions.answered(response, submission_id)
        if answer is not None:
            return [answer]
        approval = self._permissions.answered(response)
        if approval is None:
            return []
        self._answers_sent[submission_id] = approval.tool_call_id
        return [sub.ExecApproval(id=submission_id, approvals=[approval])]

    def set_option(self, request_id: RequestId, params: Message) -> list[Out]:
        """The client chose a value of an option. Raises `Failure`."""
        return [self._settings.choose(request_id, params, self.view, self._ids.submission())]

    def set_mode(self, request_id: RequestId, params: Message) -> list[Out]:
        """The client chose a mode, by the request that is older than options. Raises `Failure`."""
        return [self._settings.choose_mode(request_id, params, self._ids.submission())]

    def close(self) -> list[Out]:
        """The client lets go of the session, which goes on without it."""
        self._prompts.cancel(0.0)
        return self._answers(self._prompts.fail(Failure(INTERNAL_ERROR, "the session was closed")))

    def take(self, item: FeedItem) -> list[Out]:
        """What one item of the session's feed means for the client."""
        if isinstance(item, ev.AssistantChunk) and self._continuation is None:
            return self._updates(self._transcript.take(item, self.view), item.seq) if self._is_new(item) else []
        match item:
            case Connected() if self._continuation is not None and not self._opened:
                return self._check(self._continuation.position)
            case CaughtUp():
                return self._caught_up()
            case ViewReset():
                self._synced = False
                self.partial = item.omitted_messages > 0
            case Reconnecting():
                self._live = False
            case Rejected():
                return self._rejected(item)
            case Ended():
                return self.fail(Failure(INTERNAL_ERROR, f"the session ended: {item.why}"))
            case ev.EventBase():
                return self._event(item)
        return []

    def fail(self, failure: Failure) -> list[Out]:
        """The session cannot be had any more: everything that waits is answered so."""
        waiting = [request_id for request_id, _ in self._openings]
        self._openings, self._unsent = [], []
        refused: list[Out] = [refusal(request_id, failure) for request_id in waiting]
        refused += self._settings.fail(failure)
        return [
            *refused,
            *self._answers(self._prompts.fail(failure)),
            *self._permissions.keep([]),
            *self._questions.keep([]),
        ]

    def _check(self, position: Position) -> list[Out]:
        """Whether the session has the position from which the client wants to go on."""
        if (self.epoch, position.seq) == (position.epoch, min(position.seq, self.head)):
            return []
        self.refused = True
        why = "the session does not have this position any more; resume it with `replayFrom` of the type `start`"
        return self.fail(Failure(INVALID_PARAMS, why))

    def _event(self, event: ev.Event) -> list[Out]:
        out: list[Out] = []
        if isinstance(event, ev.Accepted):
            out += self._accepted(event)
        elif isinstance(event, ev.ToolOutput):
            self._transcript.note(event)
        continued = None if self._continuation is None else self._continuation.before(event, self._transcript)
        new = continued is None and self._is_new(event)
        if continued is not None:
            out += self._updates(continued, event.seq)
        elif new:
            updates = (
                self._user(event) + self._transcript.take(event, self.view) + self._activity.take(event, self.view)
            )
            out += self._updates(updates, event.seq)
        if isinstance(event, ev.ApprovalRequired) and new and self._synced:
            waiting = {pending.tool_call_id for pending in self.view.pending_approval}
            asked = [pending for pending in event.tools if pending.tool_call_id in waiting]
            out += self._permissions.ask(self.session_id, asked, self.cwd)
        elif isinstance(event, ev.ToolStateChange | ev.ToolOutput):
            out += [*self._permissions.withdraw(event.tool_call_id), *self._questions.keep(self.view.questions)]
        elif isinstance(event, ev.AskUser | ev.QuestionClosed) and self._synced:
            out += self._ask_questions()
        elif isinstance(event, ev.ModelChanged | ev.ModeChanged) and new and self._synced:
            out += self._updates(self._settings.changed(event), event.seq)
        out += self._answers(self._prompts.take(event))
        if isinstance(event, ev.Processing | ev.InputJoined):
            prompt = self._prompts.find(event.submission_id)
            if prompt is not None and prompt.cancelled and self._live:
                out += self._interrupt(event.turn_id)
        return out

    def _is_new(self, event: ev.Event) -> bool:
        if self._continuation is not None:
            return self._continuation.passed and event.seq > self._transcript.shown_seq
        return self._synced and event.seq > self._transcript.shown_seq

    def _accepted(self, event: ev.Accepted) -> list[Out]:
        submission = event.submission
        if isinstance(submission, sub.UserInput | sub.Edit):
            self._texts[event.submission_id] = with_images(submission.text, submission.images)
        self._answers_sent.pop(event.submission_id, None)
        prompt = self._prompts.find(event.submission_id)
        withdrawn: list[Out] = self._withdraw(event.submission_id) if prompt is not None and prompt.cancelled else []
        return [*self._settings.accepted(event, self.view), *withdrawn]

    def _rejected(self, rejected: Rejected) -> list[Out]:
        answered = self._settings.refused(rejected.submission_id, rejected.code, rejected.message)
        if answered:
            return [*answered]
        call_id = self._answers_sent.pop(rejected.submission_id, None)
        if call_id is not None and rejected.code not in STALE and rejected.code != codes.FORBIDDEN:
            self._permissions.again(call_id)
            return [*self._permissions.ask(self.session_id, self.view.pending_approval, self.cwd)]
        self._texts.pop(rejected.submission_id, None)
        return self._answers(self._prompts.refused(rejected.submission_id, rejected.code, rejected.message))

    def _caught_up(self) -> list[Out]:
        """The view is whole. The first time, the client's request is answered; later, it gets what it missed."""
        was_synced, self._synced, self._live = self._synced, True, True
        self._transcript.cwd = self.cwd
        out: list[Out] = []
        if not self._opened:
            self._opened = True
            openings, self._openings = self._openings, []
            out += self._show("load" if any(kind == "load" for _, kind in openings) else "resume")
            for request_id, opening in openings:
                out += self._answer_opening(request_id, opening)
            out += self._offer()
        elif not was_synced:
            out += self._updates(self._transcript.update(self.view))
        if not was_synced:
            self._texts |= {one.submission_id: with_images(one.text, one.images) for one in self.view.queued}
            out += self._answers(self._prompts.reconcile(self.view))
        out += [*self._permissions.keep(self.view.pending_approval), *self._ask_questions()]
        out += self._permissions.ask(self.session_id, self.view.pending_approval, self.cwd)
        running = self.view.turn_id
        if running is not None and any(one.cancelled and one.turn_id == running for one in self._prompts.all()):
            out += self._interrupt(running)
        unsent, self._unsent = self._unsent, []
        return out + unsent

    def _show(self, opening: Opening) -> list[Out]:
        if self._continuation is not None:
            self._continuation.pass_over(self._transcript)
            self._continuation = None
            # Of what the view shows the client has all; the feed may be behind the view, and goes on.
            return self._updates(self._activity.now(self.view), self._transcript.shown_seq)
        updates = self._transcript.update(self.view)
        shown = self._updates(updates, self.view.seq) if opening == "load" else []
        return [*shown, *self._updates(self._activity.now(self.view), self.view.seq)]

    def _answer_opening(self, request_id: RequestId, opening: Opening) -> list[Out]:
        body: Message = {"sessionId": self.session_id} if opening == "new" else {}
        return [result(request_id, {**body, **self._settings.body(self.view)})]

    def _offer(self) -> list[Out]:
        return self._updates(self._dialect.commands(COMMANDS))

    def _user(self, event: ev.Event) -> list[Message]:
        """The input that enters the history; a command enters it when it is accepted."""
        if isinstance(event, ev.Processing | ev.InputJoined) or (
            isinstance(event, ev.Accepted) and isinstance(event.submission, sub.Compact | sub.Undo)
        ):
            text = self._texts.pop(event.submission_id, None)
        else:
            return []
        return [] if text is None else self._transcript.user(event.submission_id, text)

    def _updates(self, updates: list[Message], seq: int | None = None) -> list[Out]:
        """Notifications. The last one has the position that the client has with it, where it may ask for what comes after."""
        out: list[Out] = [
            notification("session/update", {"sessionId": self.session_id, "update": update}) for update in updates
        ]
        if out and seq is not None and self._dialect.tells_positions:
            position = {"_holdfast.position": {"epoch": self.epoch, "seq": seq}}
            out[-1]["params"]["_meta"] = position  # type: ignore[index]  # the last is a message
        return out

    def _answers(self, answers: list[Answer]) -> list[Out]:
        return [answer_of(answer, at_insertion=self._dialect.answers_at_insertion) for answer in answers]

    def _ask_questions(self) -> list[Out]:
        waiting = self.view.questions
        return [*self._questions.keep(waiting), *self._questions.ask(self.session_id, waiting)]

    def _withdraw(self, submission_id: str) -> list[Out]:
        """Take back a prompt that waits; if it has begun meanwhile, that is refused, and its turn is interrupted."""
        return [sub.Withdraw(id=self._ids.submission(), submission_id=submission_id)]

    def _interrupt(self, turn_id: str) -> list[Out]:
        """One for each turn: the client's own outbox sends it again where that is needed."""
        if self._interrupting == turn_id:
            return []
        self._interrupting = turn_id
        return [sub.Interrupt(id=self._ids.submission())]
