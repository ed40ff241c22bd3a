"""AG-UI request: what a client asks for with a run, as submissions to its session. Pure."""

import hashlib
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec
from msgspec import Meta

from protocol.content import IMAGES_MAX, Arguments, ImageFile, QuestionAction, Scope
from protocol.submissions import AnswerQuestion, Approval, ExecApproval, Interrupt, Submission, UserInput
from server.http.compatible.ag_ui_interrupts import BadRun, parse_id
from server.http.compatible.messages import TEXT_PARTS, Image, NotTaken, Part, Said, image_of, text_of

Id = Annotated[str, Meta(min_length=1, max_length=256)]
Shape = TypeVar("Shape")
OWN_TOOLS: Final = (
    "`tools` of the client are not taken: the agent has the server's tools, and runs them itself; send none"
)
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


class Source(msgspec.Struct):
    """Where a part's bytes are: `data`: here, in base64; `url`: elsewhere."""

    type: str = ""
    value: str = ""


class MessagePart(Part):
    """A part of a message."""

    source: Source | None = None


class Message(msgspec.Struct, rename="camel"):
    """A message of the client's history. What else it holds is the client's own matter."""

    id: str
    role: str
    content: str | list[MessagePart] | dict[str, Any] | None = None
    tool_calls: list[Call] | None = None
    tool_call_id: str | None = None


class Answer(msgspec.Struct, rename="camel"):
    """The answer to one interrupt."""

    interrupt_id: Id
    status: Literal["resolved", "cancelled"]
    payload: Any = None


class Context(msgspec.Struct):
    """Something that the application tells of itself."""

    description: str
    value: str


class RunAgentInput(msgspec.Struct, rename="camel"):
    """A run: of AG-UI's `RunAgentInput`, what the server takes."""

    thread_id: Id
    run_id: Id
    messages: list[Message]
    context: Annotated[list[Context] | None, Meta(description="told to the model behind the message")] = None
    state: Annotated[Any, Meta(description="told to the model with the context; the agent never changes it")] = None
    tools: Annotated[list[Any] | None, Meta(description="none: a client's own tools are refused")] = None
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

    `say`: the message that begins a turn, by its id. `earlier`: what the client's history has before it. `context`: what the
    application tells of itself. `images`: the files of `say`. `submissions`: answers, or a stop.
    `answered`: the calls and questions that are answered. `after`: the position at which the interrupted run ended; None: not known.
    Without `say` and `submissions` the client wants to see the session.
    """

    say: UserInput | None = None
    earlier: Sequence[Said] = ()
    context: str = ""
    images: Sequence[Image] = ()
    submissions: Sequence[Submission] = ()
    answered: frozenset[str] = frozenset()
    after: int | None = None


def wanted(run: RunAgentInput) -> Wanted:
    """What the run asks for. Raises `BadRun`."""
    if run.tools:
        raise BadRun(OWN_TOOLS)
    if isinstance(run.forwarded_props, dict) and run.forwarded_props.get("holdfast") == "interrupt":
        return Wanted(submissions=[Interrupt(id=own_id(f"stop {run.run_id}"))])
    last = next((index for index in range(len(run.messages) - 1, -1, -1) if run.messages[index].role == "user"), None)
    goes_on = last is not None and last == len(run.messages) - 1
    if run.resume and not (goes_on and all(answer.status == "cancelled" for answer in run.resume)):
        return _answers(run.resume)
    if last is None:
        return Wanted()
    try:
        text, images = _said(run.messages[last])
    except NotTaken as error:
        raise BadRun(str(error)) from error
    if not text:
        raise BadRun("the last message of the user has no text")
    say = UserInput(text=text, id=own_id(run.messages[last].id), images=[ImageFile(one.path) for one in images])
    earlier = [Said(one.role, _history(one)) for one in run.messages[:last]]
    after = parse_id(run.resume[0].interrupt_id)[0] if run.resume else None
    return Wanted(say=say, earlier=earlier, context=_context(run), images=images, after=after)


def _said(message: Message) -> tuple[str, list[Image]]:
    """The text and the images of a message. Raises `NotTaken`."""
    content = message.content
    if not isinstance(content, list):
        return text_of(content), []
    images: list[Image] = []
    for part in content:
        if part.type != "image":
            continue
        if part.source is None or part.source.type != "data":
            raise NotTaken(
                "an image is taken with its bytes alone (`source.type` `data`): the server fetches no address"
            )
        images.append(image_of(part.source.value, f"{len(images)} {own_id(message.id)}"))
    if len(images) > IMAGES_MAX:
        raise NotTaken(f"a message may have {IMAGES_MAX} images")
    other = next((part.type for part in content if part.type not in ("image", *TEXT_PARTS)), None)
    if other is not None:
        raise NotTaken(f"a part of the message has the type {other!r}; text and images are taken")
    return text_of([part for part in content if part.type != "image"]), images


def _history(message: Message) -> str:
    """The text of an earlier message; of other parts that they were there."""
    if not isinstance(message.content, list):
        return text_of(message.content)
    return "\n\n".join(part.text if part.type in TEXT_PARTS else f"[{part.type[:32]}]" for part in message.content)


def _context(run: RunAgentInput) -> str:
    """What the application tells of itself."""
    told = [f"{one.description}: {one.value}" for one in run.context or ()]
    if run.state:
        told.append(f"State of the application: {msgspec.json.encode(run.state).decode()}")
    return "\n\n".join(told)


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
