"""Input redaction: takes the secrets out of every input before the session decides, so that no event holds one.

Everything made of events then agrees: journal, replay, snapshot, the model's context, what is approved and what runs. A
tool's arguments are redacted as well: a model only knows the marker of a secret, because its input was redacted.
"""

import functools
from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from agent.models import DeltaKind, ModelReply, RawToolCall
from agent.models.provider_state import redact_unsealed
from agent.redaction import Redactor, SlicedRedaction
from agent.redaction.slices import SLICE_CHARS
from agent.session.messages import (
    Delta,
    Fail,
    Input,
    ModelDone,
    ModelFailed,
    RestoreFailed,
    SaveFailed,
    Stop,
    SummaryDone,
    SummaryFailed,
    TitleDone,
    ToolAsked,
    ToolDone,
    ToolLogged,
    ToolStepped,
    WorkspaceRestored,
)
from agent.session.session import LOG, Session
from agent.tools import ToolResult
from protocol.content import PlanItem
from protocol.submissions import Interrupt, Shutdown, Submission, SubmissionBase
from protocol.view import open_call

StructT = TypeVar("StructT", bound=msgspec.Struct)

KINDS: tuple[DeltaKind, ...] = ("reasoning", "text")


def text_without_secrets(session: Session, delta: Delta) -> str:
    """What is complete and redacted of the model's text with this part; perhaps empty, and so if it is not of the call under way."""
    if delta.message_id != session.model_call_id:
        return ""
    return session.redaction_stream(delta.message_id, delta.kind).push(delta.text)


def without_secrets(session: Session, message: Input) -> Iterator[Input]:
    """The redacted input; before it, what was held back of the text streams that it ends."""
    redactor = session.rules.redactor
    match message:
        case ToolLogged():
            call = open_call(session.state.view, message.tool_call_id)
            if call is not None and call.state == "running":
                yield from _log(
                    message.tool_call_id, session.redaction_stream(message.tool_call_id, LOG).push(message.text)
                )
        case ModelDone():
            if message.message_id == session.model_call_id:
                for kind in KINDS:
                    yield from _delta(
                        Delta(message.message_id, kind, ""), session.finish_stream(message.message_id, kind)
                    )
            yield msgspec.structs.replace(message, reply=_reply(redactor, message.reply))
        case ToolDone():
            yield from _log(message.tool_call_id, session.finish_stream(message.tool_call_id, LOG))
            yield msgspec.structs.replace(message, result=_result(redactor, message.result))
        case ToolStepped():
            yield ToolStepped(message.tool_call_id, _struct(redactor, message.step))
        case ToolAsked():
            yield ToolAsked(_struct(redactor, message.question))
        case SummaryDone():
            yield msgspec.structs.replace(message, text=redactor.redact(message.text))
        case TitleDone():
            yield msgspec.structs.replace(message, text=redactor.redact(message.text))
        case WorkspaceRestored():
            yield msgspec.structs.replace(message, left=tuple(redactor.redact(path) for path in message.left))
        case SummaryFailed() | SaveFailed() | RestoreFailed():
            yield msgspec.structs.replace(message, message=redactor.redact(message.message))
        case ModelFailed():
            if message.message_id == session.model_call_id:
                yield from _abort_texts(session)
            yield msgspec.structs.replace(message, message=redactor.redact(message.message))
        case Fail():
            yield from _abort_texts(session)
            yield msgspec.structs.replace(message, message=redactor.redact(message.message))
        case SubmissionBase():
            if isinstance(message, Interrupt | Shutdown):
                yield from _abort_texts(session)
            yield _submission(redactor, message)
        case Stop():
            yield from _abort_texts(session)
            yield message
        case _:
            yield message


InputT = TypeVar("InputT", Submission, ToolDone)


async def in_slices(redactor: Redactor, message: InputT) -> InputT:
    """The input with its large texts redacted, with pauses for the event loop; `without_secrets` leaves these texts as they are."""
    return await _struct_in_slices(SlicedRedaction(redactor), message)


async def submission_without_secrets(redactor: Redactor, submission: Submission) -> Submission:
    """The submission with every text redacted, as the session would; to redact it again changes nothing more."""
    return _submission(redactor, await in_slices(redactor, submission))


async def _struct_in_slices(slices: SlicedRedaction, struct: StructT) -> StructT:
    large: dict[str, object] = {}
    for name in struct.__struct_fields__:
        value = getattr(struct, name)
        if isinstance(value, str):
            if len(value) > SLICE_CHARS:
                large[name] = await slices.redact(value)
        elif isinstance(value, msgspec.Struct):
            large[name] = await _struct_in_slices(slices, value)
        elif isinstance(value, dict):
            large[name] = await slices.redact_value(value)
        elif isinstance(value, list) and value and isinstance(value[0], msgspec.Struct):
            large[name] = [await _struct_in_slices(slices, item) for item in value]
    return msgspec.structs.replace(struct, **large) if large else struct


def _abort_texts(session: Session) -> Iterator[Input]:
    """All text streams end here: the harmless part of what was held back."""
    for key, kind, rest in session.abort_streams():
        if kind == LOG:
            yield from _log(key, rest)
        elif kind in KINDS:
            yield from _delta(Delta(key, kind, ""), rest)


def _delta(delta: Delta, text: str) -> Iterator[Input]:
    if text:
        yield Delta(delta.message_id, delta.kind, text)


def _log(tool_call_id: str, text: str) -> Iterator[Input]:
    if text:
        yield ToolLogged(tool_call_id, text)


def _reply(redactor: Redactor, reply: ModelReply) -> ModelReply:
    calls = tuple(_call(redactor, call) for call in reply.tool_calls)
    return msgspec.structs.replace(
        reply,
        tool_calls=calls,
        finish_reason=redactor.redact(reply.finish_reason),
        provider_state=redact_unsealed(reply.provider_state, redactor.redact),
    )


def _call(redactor: Redactor, call: RawToolCall) -> RawToolCall:
    """An id with a secret is emptied, and gets replaced; the arguments are redacted where they are decoded."""
    call_id = call.id if redactor.redact(call.id) == call.id else ""
    return RawToolCall(call_id, redactor.redact(call.name), call.arguments)


def _result(redactor: Redactor, result: ToolResult) -> ToolResult:
    plan = result.plan
    if plan is not None:
        plan = tuple(PlanItem(redactor.redact(item.text), item.status) for item in plan)
    return msgspec.structs.replace(result, output=redactor.redact(result.output), plan=plan)


def _submission(redactor: Redactor, submission: Submission) -> Submission:
    """Every field but the id: a client knows its submission by it, so an id with a secret is refused instead."""
    return msgspec.structs.replace(_struct(redactor, submission), id=submission.id)


def _struct(redactor: Redactor, struct: StructT) -> StructT:
    """Redact every text of the struct, within the protocol's limit: a marker may be longer than its secret."""
    bounds = _bounds(type(struct))
    return msgspec.structs.replace(struct, **{f: _field(redactor, getattr(struct, f), bounds[f]) for f in bounds})


def _field(redactor: Redactor, value: Any, most: int | None) -> Any:
    if isinstance(value, str):
        return redactor.redact(value)[:most]
    if isinstance(value, msgspec.Struct):
        return _struct(redactor, value)
    if isinstance(value, list) and value and isinstance(value[0], msgspec.Struct):
        return [_struct(redactor, item) for item in value]
    return redactor.redact_value(value)


@functools.cache
def _bounds(kind: type[msgspec.Struct]) -> dict[str, int | None]:
    """The maximum length of each field's text; None for a field without one."""
    about = inspect.type_info(kind)
    assert isinstance(about, inspect.StructType)
    return {field.name: _longest(field.type) for field in about.fields}


def _longest(about: inspect.Type) -> int | None:
    if isinstance(about, inspect.Metadata):
        return _longest(about.type)
    return about.max_length if isinstance(about, inspect.StrType) else None
