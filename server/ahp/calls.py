"""Calls: what happens to a tool call, as actions of the protocol. Pure."""

import re

import msgspec

from protocol import events as ev
from protocol.content import PendingTool
from protocol.view import ENDED_WITHOUT_OUTPUT
from server.ahp.rpc import Message

LOG_CHARS = 16_000
"""Of a running call's output: the newest, for each action has all of it."""
INPUT_CHARS = 200
"""Of the line that says what a call does."""

ASKED_CHARS = 20_000
"""Of the arguments of a call that waits, as they are shown."""

ONCE, SESSION, REJECT, NEVER = "once", "session", "reject", "never"


def started(turn_id: str, event: ev.ToolCallEvent) -> Message:
    """The model asks for a call."""
    names = {"toolName": event.tool, "displayName": event.tool}
    return {"type": "chat/toolCallStart", "turnId": turn_id, "toolCallId": event.tool_call_id, **names}


def ready(turn_id: str, call_id: str, tool: str, arguments: Message) -> Message:
    """What the call is; without `confirmed` it waits for approval."""
    body = {"type": "chat/toolCallReady", "turnId": turn_id, "toolCallId": call_id}
    return body | {"invocationMessage": title_of(tool, arguments), "toolInput": input_of(arguments)}


def asked(turn_id: str, pending: PendingTool) -> Message:
    """The call waits for approval. VS Code shows its message alone, so all that is approved is in there; titles it takes for Markdown."""
    body = ready(turn_id, pending.tool_call_id, pending.tool, pending.arguments)
    shown = f"{escaped(pending.tool)}: {escaped(pending.reason)}\n\n{fenced(body['toolInput'])}"
    body |= {"invocationMessage": {"markdown": shown}, "confirmationTitle": "Allow this call?", "editable": True}
    if isinstance(pending.grant, str):
        body["options"] = [
            {"id": ONCE, "label": "Allow", "kind": "approve", "group": 0},
            {"id": SESSION, "label": "Allow for this session", "kind": "approve", "group": 0},
            {"id": REJECT, "label": "Reject", "kind": "deny", "group": 1},
            {"id": NEVER, "label": "Reject for this session", "kind": "deny", "group": 1},
        ]
    return body


def approved(turn_id: str, event: ev.ToolStateChange) -> Message:
    """A call that waited may run."""
    body: Message = {"type": "chat/toolCallConfirmed", "turnId": turn_id, "toolCallId": event.tool_call_id}
    body |= {"approved": True, "confirmed": confirmation_of(event)}
    if isinstance(event.arguments, dict):
        body["editedToolInput"] = input_of(event.arguments)
    return body


def confirmation_of(event: ev.ToolStateChange) -> str:
    """Who let a call run."""
    return "user-action" if event.by == "user" else "setting"


def refused(turn_id: str, event: ev.ToolStateChange) -> Message:
    """A call that waited does not run."""
    denied = event.state == "rejected"
    why = event.feedback or event.detail or ENDED_WITHOUT_OUTPUT[event.state]
    body: Message = {"type": "chat/toolCallConfirmed", "turnId": turn_id, "toolCallId": event.tool_call_id}
    return body | {"approved": False, "reason": "denied" if denied else "skipped", "reasonMessage": why}


def logged(turn_id: str, call_id: str, log: str) -> Message:
    """A running call's output so far."""
    content = [{"type": "text", "text": log}]
    return {"type": "chat/toolCallContentChanged", "turnId": turn_id, "toolCallId": call_id, "content": content}


def completed(turn_id: str, event: ev.ToolOutput) -> Message:
    """A call has its result; what it did to files stands behind its output, as diffs."""
    content = [{"type": "text", "text": event.output}]
    if not isinstance(event.changes, msgspec.UnsetType):
        content += [{"type": "text", "text": change.patch} for change in event.changes if change.patch]
    result: Message = {"success": event.success, "pastTenseMessage": f"Ran {event.tool}", "content": content}
    if not event.success:
        result["error"] = {"message": event.output[:INPUT_CHARS]}
    return _complete(turn_id, event.tool_call_id, result)


def cut_off(turn_id: str, event: ev.ToolStateChange) -> Message:
    """A running call ended without a result."""
    why = event.detail or ENDED_WITHOUT_OUTPUT[event.state]
    result = {"success": False, "pastTenseMessage": why, "content": [], "error": {"message": why, "code": event.state}}
    return _complete(turn_id, event.tool_call_id, result)


def _complete(turn_id: str, call_id: str, result: Message) -> Message:
    return {"type": "chat/toolCallComplete", "turnId": turn_id, "toolCallId": call_id, "result": result}


def title_of(tool: str, arguments: Message) -> str:
    """What the call does, in a line."""
    for name in ("command", "path", "pattern", "query", "url"):
        value = arguments.get(name)
        if isinstance(value, str) and value:
            return f"{tool}: {value[:INPUT_CHARS]}"
    return tool


def input_of(arguments: Message) -> str:
    """The call's arguments as the text that a client shows and lets its user edit."""
    return msgspec.json.format(msgspec.json.encode(arguments), indent=2).decode()


def escaped(text: str) -> str:
    """A text that Markdown shows as it is, in a line."""
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|<>~$&:])", r"\\\1", " ".join(text.split()))


def fenced(text: str) -> str:
    """A text as a block of code, whatever is in it; a very long one without its end, and it says so."""
    fence = "`" * max([2, *map(len, re.findall(r"`+", text))]) + "`"
    cut = "" if len(text) <= ASKED_CHARS else f"\n\n{len(text) - ASKED_CHARS} more characters: see the session's page."
    return f"{fence}json\n{text[:ASKED_CHARS]}\n{fence}{cut}"


def newest(log: str) -> str:
    """The end of a long output."""
    return log if len(log) <= LOG_CHARS else log[-LOG_CHARS:]
