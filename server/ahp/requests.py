"""Requests: what a client's actions ask of a session, as submissions. Pure."""

from base64 import b64decode
from typing import Any, TypeVar

import msgspec

from protocol import codec
from protocol import submissions as sub
from protocol.content import When
from server.ahp import calls
from server.ahp.conversation import Conversation
from server.ahp.questions import answer_of
from server.ahp.rpc import INVALID_PARAMS, Message, RpcError, text_of

Kind = TypeVar("Kind", bound=msgspec.Struct)

TRUNCATED_MAX = 100
"""Turns that one action removes."""
ATTACHED_CHARS = 200_000
"""Characters of one attached text that reach the model."""

ECHOED = (
    "session/activeClientSet",
    "session/activeClientRemoved",
    "session/isReadChanged",
    "session/isArchivedChanged",
    "chat/draftChanged",
    "chat/isReadChanged",
    "chat/inputAnswerChanged",
)
"""Actions that concern the client alone: it gets them back, and they are kept no longer than its connection."""


def submissions_of(action: Message, talk: Conversation, drafts: dict[str, Message]) -> list[sub.Submission]:
    """What the client's action asks of the session, in order; nothing for those of `ECHOED`. Raises `RpcError`.

    `drafts`: answers to questions that the client sent before, by the question.
    """
    kind = text_of(action, "type")
    match kind:
        case "chat/turnStarted":
            return [*_model(action, talk), _input(action, "turnId", "queue")]
        case "chat/pendingMessageSet":
            pending_id = text_of(action, "id")
            if pending_id in talk.state.queued:
                raise RpcError(INVALID_PARAMS, "a message that waits cannot be changed; remove it and send another")
            return [_input(action, "id", "steer" if action.get("kind") == "steering" else "queue")]
        case "chat/pendingMessageRemoved":
            return [_checked(sub.Withdraw(submission_id=text_of(action, "id")))]
        case "chat/toolCallConfirmed":
            return [_checked(sub.ExecApproval(approvals=[_approval(action, talk)]))]
        case "chat/turnCancelled":
            return [sub.Interrupt()]
        case "chat/truncated":
            return _truncated(action, talk)
        case "chat/inputCompleted":
            return [_checked(answer_of(action, drafts.get(str(action.get("requestId")), {})))]
        case "session/titleChanged":
            return [_checked(sub.SetTitle(title=text_of(action, "title")))]
        case "session/configChanged":
            config = action.get("config")
            mode = config.get("approvals") if isinstance(config, dict) else None
            return [_checked(sub.SetMode(mode=mode))] if isinstance(mode, str) else []
        case _ if kind in ECHOED:
            return []
    raise RpcError(INVALID_PARAMS, f"this server does not take the action {kind[:64]!r} of a client")


def key_of(action: Message) -> str:
    """What a client's action and the one by which the session answers it have in common; empty if that is nothing."""
    match action["type"]:
        case "chat/turnStarted":
            return f"input {action.get('turnId')}"
        case "chat/pendingMessageSet":
            return f"input {action.get('id')}"
        case "chat/pendingMessageRemoved":
            return f"removed {action.get('id')}"
        case "chat/toolCallConfirmed":
            return f"call {action.get('toolCallId')}"
        case "chat/turnCancelled" | "chat/turnComplete" | "chat/error":
            return f"end {action.get('turnId')}"
        case "chat/inputCompleted":
            return f"question {action.get('requestId')}"
        case "chat/truncated" | "session/titleChanged" | "session/configChanged":
            return str(action["type"])
    return ""


def _checked(submission: Kind) -> Kind:
    """The submission, judged as one that came over the wire. Raises `RpcError`."""
    try:
        codec.check_plain(submission)
        return msgspec.convert(msgspec.to_builtins(submission), type(submission))
    except ValueError as error:
        raise RpcError(INVALID_PARAMS, f"the session cannot take this action: {error}") from error


def _input(action: Message, id_name: str, when: When) -> sub.UserInput:
    message = action.get("message")
    if not isinstance(message, dict):
        raise RpcError(INVALID_PARAMS, "`message` must be an object")
    text = text_of(message, "text", "")
    attachments = message.get("attachments")
    for one in attachments if isinstance(attachments, list) else []:
        if isinstance(one, dict):
            text += "\n\n" + _attached(one)
    return _checked(sub.UserInput(id=text_of(action, id_name), text=text.strip(), when=when))


def _attached(attachment: Message) -> str:
    """An attachment as text: a file or a place is named, a text is there."""
    label = str(attachment.get("label", ""))[:200]
    uri = attachment.get("uri")
    if isinstance(uri, str):
        return f"[@{label}]({uri[:2000]})"
    text = attachment.get("modelRepresentation")
    if not isinstance(text, str):
        text = _embedded(attachment)
    if text is None:
        return f"[the attachment {label!r} is no text, and was left out]"
    note = "\n[cut]" if len(text) > ATTACHED_CHARS else ""
    return f"{label}:\n<file>\n{text[:ATTACHED_CHARS]}{note}\n</file>"


def _embedded(attachment: Message) -> str | None:
    data, kind = attachment.get("data"), str(attachment.get("contentType", ""))
    if not isinstance(data, str) or not kind.startswith("text/"):
        return None
    try:
        return b64decode(data, validate=True).decode(errors="replace")
    except ValueError as error:
        raise RpcError(INVALID_PARAMS, f"an attachment is not base64: {error}") from error


def _model(action: Message, talk: Conversation) -> list[sub.Submission]:
    """The model that the message is to be answered by, if it is another than the session's."""
    message = action.get("message")
    chosen: Any = message.get("model") if isinstance(message, dict) else None
    name = chosen.get("id") if isinstance(chosen, dict) else None
    if not isinstance(name, str) or not name or name == talk.model:
        return []
    return [_checked(sub.SetModel(model=name))]


def _approval(action: Message, talk: Conversation) -> sub.Approval:
    call_id, approved = text_of(action, "toolCallId"), action.get("approved")
    if not isinstance(approved, bool):
        raise RpcError(INVALID_PARAMS, "`approved` must be true or false")
    option = action.get("selectedOptionId")
    scope = "session" if option in (calls.SESSION, calls.NEVER) else "once"
    suggestion, reason = action.get("userSuggestion"), action.get("reasonMessage")
    said = suggestion.get("text") if isinstance(suggestion, dict) else reason
    said = said.get("markdown") if isinstance(said, dict) else said
    feedback = said if isinstance(said, str) else ""
    arguments: Message | msgspec.UnsetType = msgspec.UNSET
    edited = action.get("editedToolInput")
    pending = talk.needs_approval(call_id)
    if approved and isinstance(edited, str) and pending is not None and edited != calls.input_of(pending.arguments):
        arguments = _edited(edited)
    return sub.Approval(call_id, approved, feedback=feedback, arguments=arguments, scope=scope)  # type: ignore[arg-type]  # a Scope


def _edited(text: str) -> Message:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError) as error:
        raise RpcError(INVALID_PARAMS, f"the edited arguments are no JSON object: {error}") from error


def _truncated(action: Message, talk: Conversation) -> list[sub.Submission]:
    """Undo what came after a turn; what runs is stopped first."""
    kept = action.get("turnId")
    removed = talk.turns_after(kept)
    if removed is None:
        raise RpcError(INVALID_PARAMS, "there is no such turn")
    undos = talk.undos(removed)
    if undos is None or undos > TRUNCATED_MAX:
        raise RpcError(
            INVALID_PARAMS, f"turns can be removed from the end, {TRUNCATED_MAX} at most, and not what joined one"
        )
    running: list[sub.Submission] = [sub.Interrupt()] if talk.state.active else []
    return [*running, *[sub.Undo()] * undos]
