"""AG-UI request: what a client asks for with a run, as submissions to its session. Pure."""

import hashlib
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec
from msgspec import Meta

from protocol.content import Arguments, QuestionAction, Scope
from protocol.submissions import AnswerQuestion, Approval, ExecApproval, Interrupt, Submission, UserInput
from server.http.compatible.ag_ui_interrupts import BadRun, parse_id
from server.http.compatible.messages import Content, NotText, Said, text_of

Id = Annotated[str, Meta(min_length=1, max_length=256)]
Shape = TypeVar("Shape")
OWN_ID_CHARS_MAX: Final = 64
"""Of a submission's id on the wire."""


class Function(msgspec.Struct):
    """A tool call's name and arguments."""

    name: str
    arguments: str


class Call(msgspec.Struct):
    """A tool call, as a client has it."""

    id: str
    function: Function


class Message(msgspec.Struct, rename="camel"):
    """A message of the client's history. What else it holds is the client's own matter."""

    id: str
    role: str
    content: Content = None
    tool_calls: list[Call] | None = None
    tool_call_id: str | None = None


class Answer(msgspec.Struct, rename="camel"):
    """The answer to one interrupt."""

    interrupt_id: Id
    status: Literal["resolved", "cancelled"]
    payload: Any = None


class RunAgentInput(msgspec.Struct, rename="camel"):
    """A run: of AG-UI's `RunAgentInput`, what the server takes. `tools`, `context` and `state` are not taken."""

    thread_id: Id
    run_id: Id
    messages: list[Message]
    resume: list[Answer] | None = None
    forwarded_props: Annotated[
        Any, Meta(description='`{"holdfast": "interrupt"}` stops the turn that runs; else not taken')
    ] = None


class Decision(msgspec.Struct, forbid_unknown_fields=True):
    """The payload that answers an interrupt about a call."""

    approved: bool
    feedback: str = ""
    arguments: Arguments | None = None
    scope: Scope = "once"


class Reply(msgspec.Struct, forbid_unknown_fields=True):
    """The payload that answers an interrupt about a question."""

    action: QuestionAction
    content: dict[str, str | float | int | bool | list[str]] = {}


class Wanted(msgspec.Struct, frozen=True):
    """What a run asks for.

    `say`: the message that begins a turn, by its id. `earlier`: what the client's history has before it. `submissions`: answers, or a
    stop. `answered`: the calls and questions that are answered. `after`: the position at which the interrupted run ended; None: not
    known. Without `say` and `submissions` the client wants to see the session.
    """

    say: UserInput | None = None
    earlier: Sequence[Said] = ()
    submissions: Sequence[Submission] = ()
    answered: frozenset[str] = frozenset()
    after: int | None = None


def wanted(run: RunAgentInput) -> Wanted:
    """What the run asks for. Raises `BadRun`."""
    if isinstance(run.forwarded_props, dict) and run.forwarded_props.get("holdfast") == "interrupt":
        return Wanted(submissions=[Interrupt(id=own_id(f"stop {run.run_id}"))])
    last = next((index for index in range(len(run.messages) - 1, -1, -1) if run.messages[index].role == "user"), None)
    goes_on = last is not None and last == len(run.messages) - 1
    if run.resume and not (goes_on and all(answer.status == "cancelled" for answer in run.resume)):
        return _answers(run.resume)
    if last is None:
        return Wanted()
    try:
        text = text_of(run.messages[last].content)
        earlier = [Said(one.role, text_of(one.content)) for one in run.messages[:last]]
    except NotText as error:
        raise BadRun(str(error)) from error
    if not text:
        raise BadRun("the last message of the user has no text")
    after = parse_id(run.resume[0].interrupt_id)[0] if run.resume else None
    return Wanted(say=UserInput(text=text, id=own_id(run.messages[last].id)), earlier=earlier, after=after)


def own_id(client_id: str) -> str:
    """A submission's id for an id of the client's, which may be longer than the wire takes."""
    if 0 < len(client_id) <= OWN_ID_CHARS_MAX:
        return client_id
    return hashlib.blake2b(client_id.encode(), digest_size=16).hexdigest()


def _answers(resume: Sequence[Answer]) -> Wanted:
    """The submissions that answer interrupts. Their ids follow from what they say: the same answers sent again are known."""
    approvals: list[Approval] = []
    replies: list[AnswerQuestion] = []
    positions: list[int] = []
    for answer in resume:
        seq, kind, about = parse_id(answer.interrupt_id)
        positions.append(seq)
        if kind == "call":
            approvals.append(_approval(about, answer))
        else:
            reply = _payload(answer, Reply) if answer.status == "resolved" else Reply("cancel")
            replies.append(AnswerQuestion(question_id=about, action=reply.action, content=reply.content))
    submissions: list[Submission] = [*replies, *([ExecApproval(approvals=approvals)] if approvals else [])]
    answered = {one.tool_call_id for one in approvals} | {one.question_id for one in replies}
    return Wanted(
        submissions=[msgspec.structs.replace(one, id=_digest(one)) for one in submissions],
        answered=frozenset(answered),
        after=min(positions),
    )


def _approval(tool_call_id: str, answer: Answer) -> Approval:
    if answer.status == "cancelled":
        return Approval(tool_call_id=tool_call_id, approved=False)
    decision = _payload(answer, Decision)
    arguments = msgspec.UNSET if decision.arguments is None else decision.arguments
    return Approval(tool_call_id, decision.approved, decision.feedback, arguments, decision.scope)


def _payload(answer: Answer, shape: type[Shape]) -> Shape:
    given = {"approved": answer.payload} if isinstance(answer.payload, bool) else answer.payload
    try:
        return msgspec.convert(given, shape)
    except msgspec.ValidationError as error:
        raise BadRun(f"the payload for the interrupt {answer.interrupt_id!r}: {error}") from error


def _digest(submission: Submission) -> str:
    return hashlib.blake2b(msgspec.json.encode(submission, order="sorted"), digest_size=16).hexdigest()
