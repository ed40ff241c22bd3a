"""Reducer: what a client of the Agent Host Protocol makes of actions: written after the protocol's own, on plain data."""

from typing import Any

State = dict[str, Any]
ENDINGS = {"chat/turnComplete": "complete", "chat/turnCancelled": "cancelled", "chat/error": "error"}
BEFORE_RUNNING = ("streaming", "pending-confirmation", "running")


def reduce_chat(state: State, action: State) -> None:
    """Apply an action to a chat's state, in place. What fits nothing changes nothing, as in the protocol."""
    kind, active = action["type"], state.get("activeTurn")
    if kind == "chat/turnStarted":
        state["activeTurn"] = {"id": action["turnId"], "startedAt": action["startedAt"], "message": action["message"]}
        state["activeTurn"]["responseParts"] = []
        state["modifiedAt"] = action["startedAt"]
        _drop_pending(state, action.get("queuedMessageId"))
    elif kind == "chat/pendingMessageSet":
        entry = {"id": action["id"], "message": action["message"]}
        if action["kind"] == "steering":
            state["steeringMessage"] = entry
        else:
            state.setdefault("queuedMessages", []).append(entry)
    elif kind == "chat/pendingMessageRemoved":
        _drop_pending(state, action["id"])
    elif kind == "chat/truncated":
        ids = [turn["id"] for turn in state["turns"]]
        del state["turns"][ids.index(action["turnId"]) + 1 if "turnId" in action else 0 :]
        state.pop("activeTurn", None)
    elif active is not None and action.get("turnId", active["id"]) == active["id"]:
        _reduce_turn(state, active, action)


def _reduce_turn(state: State, active: State, action: State) -> None:
    parts = active["responseParts"]
    match action["type"]:
        case "chat/responsePart":
            parts.append(dict(action["part"]))
        case "chat/delta" | "chat/reasoning":
            part = next(one for one in parts if one.get("id") == action["partId"])
            part["content"] += action["content"]
        case "chat/usage":
            active["usage"] = action["usage"]
        case "chat/inputRequested":
            parts.append({"kind": "inputRequest", "request": action["request"]})
        case "chat/inputCompleted":
            part = next(one for one in parts if one.get("request", {}).get("id") == action["requestId"])
            part["response"] = action["response"]
        case "chat/toolCallStart":
            names = ("toolCallId", "toolName", "displayName")
            parts.append(
                {"kind": "toolCall", "toolCall": {name: action[name] for name in names} | {"status": "streaming"}}
            )
        case kind if kind in ENDINGS:
            _end(state, active, action)
        case _:
            part = next(one for one in parts if one.get("toolCall", {}).get("toolCallId") == action["toolCallId"])
            part["toolCall"] = _reduced_call(part["toolCall"], action)


def _reduced_call(call: State, action: State) -> State:
    base = {name: call[name] for name in ("toolCallId", "toolName", "displayName")}
    filled = base | {name: call[name] for name in ("invocationMessage", "toolInput") if name in call}
    match action["type"], call["status"]:
        case "chat/toolCallReady", status if status in BEFORE_RUNNING:
            names = ["invocationMessage", "toolInput"]
            asked = "confirmed" not in action
            names += ["confirmationTitle", "editable", "options"] if asked else ["confirmed"]
            ready = base | {name: action[name] for name in names if name in action}
            return ready | {"status": "pending-confirmation" if asked else "running"}
        case "chat/toolCallConfirmed", "pending-confirmation":
            if action["approved"]:
                edited = action.get("editedToolInput", call["toolInput"])
                return filled | {"status": "running", "toolInput": edited, "confirmed": action["confirmed"]}
            names = ["reason", "reasonMessage"]
            return filled | {"status": "cancelled"} | {name: action[name] for name in names if name in action}
        case "chat/toolCallContentChanged", "running":
            return call | {"content": action["content"]}
        case "chat/toolCallComplete", "running" | "pending-confirmation":
            completed = filled | {"status": "completed", "confirmed": call.get("confirmed", "not-needed")}
            return completed | dict(action["result"])
    return call


def _end(state: State, active: State, action: State) -> None:
    for part in active["responseParts"]:
        call = part.get("toolCall")
        if call is not None and call["status"] not in ("completed", "cancelled"):
            names = ("toolCallId", "toolName", "displayName", "toolInput")
            part["toolCall"] = {name: call[name] for name in names if name in call} | {
                "status": "cancelled",
                "reason": "skipped",
                "invocationMessage": call.get("invocationMessage", ""),
            }
    if "part" in action:
        active["responseParts"].append(action["part"])
    ending = {"state": ENDINGS[action["type"]], "duration": action["duration"]}
    state["turns"].append(active | ending)
    state.pop("activeTurn")


def _drop_pending(state: State, pending_id: str | None) -> None:
    if state.get("steeringMessage", {}).get("id") == pending_id:
        state.pop("steeringMessage", None)
    queued = [one for one in state.get("queuedMessages", []) if one["id"] != pending_id]
    state.pop("queuedMessages", None)
    if queued:
        state["queuedMessages"] = queued


def reduce_session(state: State, action: State) -> None:
    """Apply an action to a session's state, in place."""
    match action["type"]:
        case "session/titleChanged":
            state["title"] = action["title"]
        case "session/configChanged":
            state["config"]["values"] |= action["config"]
        case "session/inputNeededSet":
            state["inputNeeded"] = [*state.get("inputNeeded", []), action["request"]]
        case "session/inputNeededRemoved":
            left = [one for one in state.pop("inputNeeded", []) if one["id"] != action["id"]]
            if left:
                state["inputNeeded"] = left
        case "session/activeClientSet":
            state["activeClients"] = [action["activeClient"]]


def content(state: State) -> State:
    """What of a state follows from its own channel's actions: without the sums for lists."""
    return {name: value for name, value in state.items() if name not in ("status", "title", "modifiedAt", "chats")}
