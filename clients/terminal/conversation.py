"""Conversation: sends typed lines, shows events, and asks about calls that wait for approval."""

import asyncio
from collections.abc import Callable

from clients.session.client import SessionClient
from clients.session.errors import OutboxFull, SessionEnded, SubmissionRefused
from clients.session.library import LibraryClient
from clients.session.outcomes import CaughtUp, Ended, FeedItem, Rejected, Skipped, ViewReset
from clients.session.reconnect import Action
from clients.session.tasks import owned_tasks
from clients.session.view import at_rest
from clients.terminal.commands import (
    EDIT,
    HELP,
    AskEdit,
    Help,
    InvalidLine,
    ListOffers,
    Quit,
    ReadResource,
    UsePrompt,
    question,
    question_prompt,
    read_answer,
    read_edit,
    read_line,
    read_question,
)
from clients.terminal.input import LineReader
from clients.terminal.offering import Offering
from clients.terminal.offers import PROMPTS, RESOURCES
from clients.terminal.render import Renderer
from protocol import events as ev
from protocol.content import PendingTool, Question
from protocol.submissions import Approval, ExecApproval, Interrupt, Submission

FAILED, INTERRUPTED = 1, 130


class Conversation:
    """One person, or one script, and a session. `interactive`: lines may come at any time; else each waits for its turn."""

    def __init__(
        self,
        client: SessionClient,
        lines: LineReader,
        renderer: Renderer,
        write: Callable[[str], None],
        library: LibraryClient,
        *,
        interactive: bool,
    ) -> None:
        self._offering = Offering(library, renderer, write, self._show_error, self._send)
        self._client = client
        self._lines = lines
        self._renderer = renderer
        self._write = write
        self._interactive = interactive
        self._shown = 0
        self._changed = asyncio.Event()
        self._left = asyncio.Event()
        self._code = 0
        self._question: PendingTool | None = None
        self._editing = False
        self._asked: Question | None = None
        self._answered: set[str] = set()
        self._answers: dict[str, str] = {}
        self._pressed = False

    async def run(self) -> int:
        """Until one side leaves; the exit code."""
        async with owned_tasks() as start:
            start(self._show(), "show events")
            start(self._listen(), "read lines")
            await self._left.wait()
        return self._code

    def interrupt_pressed(self) -> None:
        """Ctrl-C: interrupt what runs; pressed twice without a line or a turn between, leave."""
        self._write(self._renderer.break_line())
        if self._pressed:
            self._leave(INTERRUPTED)
            return
        self._pressed = True
        if self._client.view.state in ("running", "awaiting_approval"):
            self._write(self._renderer.line("[interrupting; Ctrl-C again leaves]", "dim"))
            self._send(Interrupt())
        else:
            self._write(self._renderer.line("[Ctrl-C again leaves; the session stays]", "dim"))
            self._show_prompt()

    async def _show(self) -> None:
        async for item in self._client:
            self._write(self._renderer.render(item))
            self._note(item)
            if self._shown >= self._client.view.seq:
                self._show_prompt()
            self._changed.set()
        self._leave()

    def _note(self, item: FeedItem) -> None:
        match item:
            case ViewReset():
                self._shown = item.view.seq
            case CaughtUp() | Skipped():
                self._shown = max(self._shown, item.seq)
            case Rejected():
                self._answers.pop(item.submission_id, None)
                self._answered.clear()  # a question that is still open is asked again
                self._fail_script()
            case Ended():
                self._code = 0 if item.action is Action.STAY_AWAY and self._client.view.state == "closed" else FAILED
            case ev.EventBase():
                self._shown = item.seq
                if isinstance(item, ev.Processing):
                    self._pressed = False
                elif isinstance(item, ev.ErrorEvent):
                    self._fail_script()

    async def _listen(self) -> None:
        while True:
            line = await self._lines.next()
            if not self._interactive:
                await self._until_rest()
            if line is None or not await self._act(line):
                break
        if not self._interactive:
            await self._until_rest()
            if self._client.view.pending_approval:
                self._write(self._renderer.line("[a call waits for an answer; come back to give it]", "ask"))
        self._leave()

    async def _act(self, line: str) -> bool:
        """Do what the line says; False if it says to leave."""
        self._renderer.entered()
        self._pressed = False
        if self._question is not None and (self._editing or not line.startswith("/")):
            self._answer(line, self._question)
            return True
        if self._asked is not None and (line.strip() == "/decline" or not line.startswith("/")):
            self._answer_question(line, self._asked)
            return True
        if self._offering.prompt and (line.strip() == "/cancel" or not line.startswith("/")):
            await self._offering.answer(line)
            self._show_prompt()
            return True
        match read_line(line):
            case Quit():
                return False
            case ListOffers():
                await self._offering.show_list()
            case UsePrompt(words=words):
                await self._offering.begin(words, PROMPTS)
            case ReadResource(words=words):
                await self._offering.begin(words, RESOURCES)
            case None:
                pass
            case Help():
                self._write(HELP)
            case InvalidLine(why=why):
                self._show_error(why)
            case submission:
                self._send(submission)
        self._show_prompt()
        return True

    def _answer(self, line: str, pending: PendingTool) -> None:
        answer = read_edit(line, pending) if self._editing else read_answer(line, pending)
        if isinstance(answer, AskEdit):
            self._editing = True
            self._prompt(EDIT)
            return
        self._editing = False
        self._question = None
        if isinstance(answer, InvalidLine):
            self._show_error(answer.why)
        elif isinstance(answer, Approval):
            submission_id = self._send(ExecApproval(approvals=[answer]))
            if submission_id is not None:
                self._answers[submission_id] = answer.tool_call_id
        self._show_prompt()

    def _answer_question(self, line: str, asked: Question) -> None:
        answer = read_question(line, asked)
        self._asked = None
        if isinstance(answer, InvalidLine):
            self._show_error(answer.why)
        elif answer is not None and self._send(answer) is not None:
            self._answered.add(asked.question_id)
        self._show_prompt()

    def _ask(self) -> bool:
        """Show the next question of a running call; whether there is one."""
        waiting = [one for one in self._client.view.questions if one.question_id not in self._answered]
        if self._asked is None or self._asked not in waiting:
            self._asked = waiting[0] if waiting else None
            if self._asked is not None:
                self._write(self._renderer.asked(self._asked))
                self._prompt(question_prompt(self._asked))
        return self._asked is not None

    def _show_prompt(self) -> None:
        """Show the next question, or the prompt; what is on the screen already is not repeated."""
        view = self._client.view
        pending = view.pending_approval
        if self._question is not None and self._question in pending:
            return
        self._question, self._editing = None, False
        open_questions = [call for call in pending if call.tool_call_id not in self._answers.values()]
        if open_questions:
            self._question = open_questions[0]
            number = len(pending) - len(open_questions) + 1
            self._write(self._renderer.question(self._question, number, len(pending)))
            self._prompt(question(self._question))
        elif self._ask():
            return
        elif self._offering.prompt:
            self._prompt(self._offering.prompt)
        elif at_rest(view) and not self._client.core.unsettled:
            self._answers.clear()
            self._prompt("> ")

    def _prompt(self, text: str) -> None:
        if self._interactive:
            self._write(self._renderer.prompt(text))

    def _send(self, submission: Submission) -> str | None:
        try:
            submission_id = self._client.send(submission)
        except SubmissionRefused as refused:
            self._show_error(refused.message)
        except OutboxFull as full:
            self._show_error(str(full))
        except SessionEnded:
            self._leave(FAILED)
        else:
            if self._interactive:
                self._renderer.own.add(submission_id)
            if not self._client.core.live:
                self._write(self._renderer.line("[not connected; it is sent when the connection is back]", "dim"))
            return submission_id
        return None

    def _show_error(self, why: str) -> None:
        self._fail_script()
        self._write(self._renderer.line(why, "bad"))

    def _fail_script(self) -> None:
        if not self._interactive:
            self._code = FAILED

    def _leave(self, code: int | None = None) -> None:
        if code is not None:
            self._code = code
        self._left.set()

    async def _until_rest(self) -> None:
        """Until everything is sent, answered, done and shown."""
        core = self._client.core
        while not (core.live and not core.unsettled and at_rest(core.view) and self._shown >= core.view.seq):
            self._changed.clear()
            await self._changed.wait()
