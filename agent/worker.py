"""Worker: runs a session's effects as tasks and reports their results. The only I/O of a turn."""

import asyncio
import logging
import time
from typing import Protocol

from agent.call_asker import OpenQuestions, WorkerCallAsker
from agent.models import DeltaKind, ModelError, ModelReply, ModelRequest, Sink, TextSink
from agent.sandbox.session_snapshots import SessionSnapshots
from agent.session import context
from agent.session.messages import (
    AnswerCall,
    CallModel,
    CancelTitle,
    CancelWork,
    Effect,
    EndSession,
    Input,
    MakeTitle,
    ModelDone,
    ModelFailed,
    NotesWritten,
    RestoreFailed,
    RestoreWorkspace,
    RunTool,
    SaveFailed,
    SaveWorkspace,
    SetGrants,
    Summarize,
    SummaryDone,
    SummaryFailed,
    TitleDone,
    ToolDone,
    ToolSpent,
    ToolStepped,
    WorkspaceRestored,
    WorkspaceSaved,
)
from agent.tools import ToolResult, ToolRouter
from agent.tools.base import CALL_ASKER, SubagentContext
from agent.util.errors import ToolError, log_fault
from agent.util.tasks import TaskOwner
from agent.util.tracing import NO_TRACER, Attributes, Span, Tracer
from protocol import codes

log = logging.getLogger("holdfast.worker")


class ModelCalls(Protocol):
    """A model client, such as `agent.models.Models`."""

    async def call(self, request: ModelRequest, sink: Sink) -> ModelReply:
        """Stream one message into the sink. Raises `ModelError`."""


class ResultSink(Protocol):
    """Receives the results: the session's inbox."""

    def sink(self, message_id: str) -> TextSink:
        """Where the text of a model's message goes. It blocks while too much text is queued."""

    async def tool_log(self, tool_call_id: str, text: str) -> None:
        """Live output of a tool. Blocks while too much text is queued."""

    def result(self, message: Input) -> None:
        """The result of an effect."""


class Worker:
    """Runs a session's effects. The session decides that at most one model call, or one message's tool calls, run at a time."""

    __slots__ = (
        "_attributes",
        "_denials",
        "_grants",
        "_models",
        "_questions",
        "_results",
        "_tasks",
        "_title",
        "_tools",
        "_tracer",
    )

    def __init__(
        self, session_id: str, models: ModelCalls, tools: ToolRouter, results: ResultSink, tracer: Tracer = NO_TRACER
    ) -> None:
        self._models = models
        self._tools = tools
        self._results = results
        self._tracer = tracer
        self._attributes: Attributes = {"gen_ai.conversation.id": session_id}
        self._tasks = TaskOwner(f"session/{session_id}")
        self._grants: tuple[str, ...] = ()
        self._denials: tuple[str, ...] = ()
        self._questions = OpenQuestions()
        self._title: asyncio.Task[None] | None = None

    def start(self, effect: Effect) -> None:
        """Begin an effect, or cancel what runs. Does not block."""
        match effect:
            case CallModel():
                self._tasks.start(self._call_model(effect), effect.message_id)
            case Summarize():
                self._tasks.start(self._summarize(effect), effect.summary_id)
            case MakeTitle():
                self._title = self._tasks.start(self._make_title(effect), effect.title_id)
            case CancelTitle():
                if self._title is not None:
                    self._title.cancel()
            case AnswerCall():
                self._questions.answer(effect)
            case SetGrants():
                self._grants, self._denials = effect.grants, effect.denials
            case RunTool():
                self._grants, self._denials = effect.grants, effect.denials
                self._tasks.start(self._run_tool(effect), f"tool/{effect.tool}")
            case SaveWorkspace():
                self._tasks.start(self._save_workspace(effect), effect.snapshot_id)
            case RestoreWorkspace():
                self._tasks.start(self._restore_workspace(effect), effect.present_id)
            case CancelWork() | EndSession():
                self.cancel()

    def cancel(self) -> None:
        """Cancel what runs, without waiting for its end."""
        self._tasks.cancel()

    @property
    def running(self) -> int:
        """How many tasks have not ended yet."""
        return len(self._tasks)

    async def aclose(self) -> None:
        """Cancel what runs, wait for it to end, and close the tools."""
        await self._tasks.aclose()
        await self._tools.aclose()

    async def _call_model(self, effect: CallModel) -> None:
        sink = self._results.sink(effect.message_id)
        try:
            await self._tools.prepare_model_call()
            notes = await self._tools.notes()
            by, by_owner = effect.notes_by, notes.written_as(effect.owner_notes)
            by = by if by is not None and notes.written_as(by.digest) else None
            request = ModelRequest(
                model=effect.model,
                messages=context.with_notes(
                    effect.messages, notes.text, effect.notes_max_tokens, by_owner=by_owner, by=by
                ),
                tools=self._tools.specs(),
                reasoning_effort=effect.reasoning_effort,
                read_image=None if self._tools.images is None else self._tools.images.read,
            )
            reply = await self._call(request, sink)
        except Exception as error:  # noqa: BLE001  # whatever fails here must end the turn, not leave it waiting
            self._results.result(ModelFailed(effect.message_id, *_error_of(error)))
        else:
            self._results.result(ModelDone(effect.message_id, reply))

    async def _summarize(self, effect: Summarize) -> None:
        parts: list[str] = []

        async def sink(kind: DeltaKind, text: str) -> None:
            if kind == "text":
                parts.append(text)

        request = ModelRequest(model=effect.model, messages=effect.messages, tools=[])
        try:
            reply = await self._call(request, sink)
        except Exception as error:  # noqa: BLE001  # as above
            self._results.result(SummaryFailed(effect.summary_id, *_error_of(error)))
        else:
            self._results.result(SummaryDone(effect.summary_id, "".join(parts), reply))

    async def _make_title(self, effect: MakeTitle) -> None:
        """A failure is only logged: the session has a title already."""
        parts: list[str] = []

        async def sink(kind: DeltaKind, text: str) -> None:
            if kind == "text":
                parts.append(text)

        request = ModelRequest(effect.model, effect.messages, [], effect.max_tokens, optional=True)
        done = TitleDone(effect.title_id)
        try:
            async with asyncio.timeout(effect.timeout_s):
                reply = await self._call(request, sink)
            done = TitleDone(effect.title_id, "".join(parts), reply.usage, reply.finish_reason == "length")
        except (ModelError, TimeoutError) as error:
            log.info("no title was made: %s", error)
        except Exception as error:  # noqa: BLE001  # as above
            log_fault(log, error, "a title could not be made")
        self._results.result(done)

    async def _call(self, request: ModelRequest, sink: Sink) -> ModelReply:
        with self._tracer.span("chat", request.model, self._attributes) as span:
            try:
                reply = await self._models.call(request, sink)
            except ModelError as error:
                span.fail(error.code)
                raise
            _record_reply(span, reply)
            return reply

    async def _run_tool(self, effect: RunTool) -> None:
        async def tool_log(text: str) -> None:
            await self._results.tool_log(effect.tool_call_id, text)

        started = time.monotonic()
        report = self._results.result
        CALL_ASKER.set(WorkerCallAsker(effect.tool_call_id, effect.model, self._questions, self._call, report))
        try:
            before = await self._notes_before(effect)
            attributes = {**self._attributes, "gen_ai.tool.call.id": effect.tool_call_id}
            with self._tracer.span("execute_tool", effect.tool, attributes) as span:
                result = await self._tools.run(effect.tool, dict(effect.arguments), tool_log, self._context(effect))
                if not result.success:
                    span.fail("tool_failed")
            await self._compare_notes(effect, before)
        except Exception as error:  # noqa: BLE001  # as above
            message = log_fault(log, error, "tool %s failed outside its router", effect.tool)
            result = ToolResult(output=f"{type(error).__name__}: {message}", success=False)
        self._results.result(ToolDone(effect.tool_call_id, result, int((time.monotonic() - started) * 1000)))

    async def _notes_before(self, effect: RunTool) -> str | None:
        """The digest of AGENTS.md before a call that may change it; None if it cannot, or if it is not known."""
        return None if self._tools.side_effects(effect.tool) is None else await self._tools.notes_digest()

    async def _compare_notes(self, effect: RunTool, before: str | None) -> None:
        """Report that AGENTS.md is another one than before the call."""
        after = None if before is None else await self._tools.notes_digest()
        if after is not None and after != before:
            self._results.result(NotesWritten(effect.tool_call_id, effect.tool, after))

    async def _save_workspace(self, effect: SaveWorkspace) -> None:
        try:
            taken = await self._snapshots.save(effect.snapshot_id, effect.keep)
        except ToolError as error:
            self._results.result(SaveFailed(effect.snapshot_id, str(error)))
        except Exception as error:  # noqa: BLE001  # as above
            message = log_fault(log, error, "a snapshot of the workspace could not be taken")
            self._results.result(SaveFailed(effect.snapshot_id, message))
        else:
            self._results.result(WorkspaceSaved(effect.snapshot_id, taken.files, taken.left_out, taken.kept))

    async def _restore_workspace(self, effect: RestoreWorkspace) -> None:
        try:
            done = await self._snapshots.restore(effect.snapshot_id, effect.present_id)
        except ToolError as error:
            self._results.result(RestoreFailed(effect.operation_id, str(error)))
        except Exception as error:  # noqa: BLE001  # as above
            message = log_fault(log, error, "a workspace could not be restored")
            self._results.result(RestoreFailed(effect.operation_id, message))
        else:
            result = WorkspaceRestored(effect.operation_id, done.restored, done.removed, done.left, done.left_count)
            self._results.result(result)

    @property
    def _snapshots(self) -> SessionSnapshots:
        if self._tools.snapshots is None:
            raise ToolError("there are no snapshots of this session's files")
        return self._tools.snapshots

    def _context(self, effect: RunTool) -> SubagentContext:
        """What a sub-agent may use: its steps and its usage are reported for its own call."""
        call_id, results = effect.tool_call_id, self._results
        return SubagentContext(
            model=effect.model,
            grants=lambda: self._grants,
            denials=lambda: self._denials,
            tools=self._tools,
            call_model=self._call,
            report_step=lambda step: results.result(ToolStepped(call_id, step)),
            report_usage=lambda usage: results.result(ToolSpent(call_id, usage)),
        )


def _record_reply(span: Span, reply: ModelReply) -> None:
    span.set_attributes({"gen_ai.response.finish_reasons": (reply.finish_reason,)})
    if reply.usage is not None:
        tokens = {"input": reply.usage.input_tokens, "output": reply.usage.output_tokens}
        span.set_attributes({f"gen_ai.usage.{kind}_tokens": count for kind, count in tokens.items()})


def _error_of(error: Exception) -> tuple[str, str, bool]:
    if isinstance(error, ModelError):
        return error.code, error.message, error.retryable
    return codes.INTERNAL, log_fault(log, error, "a model call failed by a fault of the server"), True
