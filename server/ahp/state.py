"""State: what a client has of a session and its chat: the reduction of the actions that were sent. Pure.

The reducers are the protocol's (`types/channels-chat/reducer.ts` and `types/channels-session/reducer.ts` of its source), for the actions
that this server sends.
"""

from typing import Any, NamedTuple

from server.ahp.rpc import Message

IDLE, ERROR, IN_PROGRESS, INPUT_NEEDED = 1, 2, 8, 24
"""A session's status, as the protocol numbers it."""

HISTORY_CHARS = 4_000_000
"""Characters of ended turns that are kept, of the newest ones; for older ones there are the page and the other interfaces."""

READY = ("invocationMessage", "toolInput", "confirmationTitle", "editable", "options", "confirmed")
"""What a call has when its arguments are there."""
TEXTS = {"chat/delta": "markdown", "chat/reasoning": "reasoning"}


class Action(NamedTuple):
    """An action, and whether it is the chat's; else it is the session's."""

    body: Message
    of_chat: bool = True


class _Text:
    """The text of a part that grows: joined when somebody asks for it."""

    def __init__(self, part: Message) -> None:
        self.part = part
        self._pieces = [part["content"]]
        self.length = len(part["content"])

    def add(self, text: str) -> None:
        self._pieces.append(text)
        self.length += len(text)

    def settle(self) -> str:
        """The whole text; the part has it too from here on."""
        whole = self.part["content"] = "".join(self._pieces)
        self._pieces = [whole]
        return whole


class ConversationState:
    """The state of a session and its chat. `apply` reduces an action, `chat` and `session` are what a subscriber gets."""

    def __init__(self) -> None:
        self.turns: list[Message] = []
        self.active: Message | None = None
        self.steering: Message | None = None
        self.queued: dict[str, Message] = {}
        self.needed: dict[str, Message] = {}
        self.calls: dict[str, Message] = {}
        """Those of the active turn, by their id, as the protocol has them."""
        self.title = self.mode = self.modified_at = ""
        self.failed = False
        self._texts: dict[str, _Text] = {}
        self._sizes: list[int] = []

    @property
    def turn_id(self) -> str:
        """The active turn; empty: there is none."""
        return self.active["id"] if self.active else ""

    def text(self, part_id: str) -> str | None:
        """The text of a part of the active turn so far; None: there is no such part."""
        text = self._texts.get(part_id)
        return None if text is None else text.settle()

    def length(self, part_id: str) -> int | None:
        """How long it is."""
        text = self._texts.get(part_id)
        return None if text is None else text.length

    def apply(self, body: Message) -> None:
        """Reduce an action."""
        kind = body["type"]
        if kind in TEXTS:
            text = self._texts.get(body["partId"])
            if text is not None:
                text.add(body["content"])
        elif kind.startswith("chat/toolCall"):
            self._apply_call(kind, body)
        elif kind.startswith("session/"):
            self._apply_session(kind, body)
        elif kind in ("chat/turnComplete", "chat/turnCancelled", "chat/error"):
            self._end_turn(kind, body)
        else:
            self._apply_chat(kind, body)

    def _apply_chat(self, kind: str, body: Message) -> None:
        match kind:
            case "chat/turnStarted":
                parts: list[Message] = []
                self.active = {"id": body["turnId"], "startedAt": body["startedAt"], "message": body["message"]}
                self.active["responseParts"] = parts
                self.modified_at, self.failed = body["startedAt"], False
                self._forget_pending(body.get("queuedMessageId", ""))
            case "chat/responsePart" if self.active:
                part = body["part"] | {}
                self.active["responseParts"].append(part)
                if "content" in part and "id" in part:
                    self._texts[part["id"]] = _Text(part)
            case "chat/usage" if self.active:
                self.active["usage"] = body["usage"]
            case "chat/pendingMessageSet":
                entry = {"id": body["id"], "message": body["message"]}
                if body["kind"] == "steering":
                    self.steering = entry
                else:
                    self.queued[body["id"]] = entry
            case "chat/pendingMessageRemoved":
                self._forget_pending(body["id"])
            case "chat/truncated":
                kept = body.get("turnId")
                places = [number for number, turn in enumerate(self.turns) if turn["id"] == kept]
                if kept is None or places:
                    del self.turns[places[0] + 1 if places else 0 :]
                    del self._sizes[len(self.turns) :]
                    self._drop_active()
            case "chat/inputRequested" if self.active:
                self.active["responseParts"].append({"kind": "inputRequest", "request": body["request"]})
            case "chat/inputCompleted" if self.active:
                for part in self.active["responseParts"]:
                    if part["kind"] == "inputRequest" and part["request"]["id"] == body["requestId"]:
                        part["response"] = body["response"]

    def _apply_call(self, kind: str, body: Message) -> None:
        call = self.calls.get(body["toolCallId"])
        if kind == "chat/toolCallStart":
            if self.active:
                call = {name: body[name] for name in ("toolCallId", "toolName", "displayName")}
                call["status"] = "streaming"
                self.calls[body["toolCallId"]] = call
                self.active["responseParts"].append({"kind": "toolCall", "toolCall": call})
            return
        if call is None:
            return
        match kind:
            case "chat/toolCallReady":
                call.update({name: body[name] for name in READY if name in body})
                call["status"] = "running" if "confirmed" in body else "pending-confirmation"
            case "chat/toolCallConfirmed" if body["approved"]:
                call.update(status="running", confirmed=body["confirmed"])
                call["toolInput"] = body.get("editedToolInput", call["toolInput"])
                _no_longer_asked(call)
            case "chat/toolCallConfirmed":
                call.update(
                    {name: body[name] for name in ("reason", "reasonMessage") if name in body}, status="cancelled"
                )
                _no_longer_asked(call)
            case "chat/toolCallContentChanged":
                call["content"] = body["content"]
            case "chat/toolCallComplete":
                call.setdefault("confirmed", "not-needed")
                call.update(body["result"], status="completed")
                _no_longer_asked(call)

    def _apply_session(self, kind: str, body: Message) -> None:
        match kind:
            case "session/titleChanged":
                self.title = body["title"]
            case "session/configChanged":
                self.mode = body["config"]["approvals"]
            case "session/inputNeededSet":
                self.needed[body["request"]["id"]] = body["request"]
            case "session/inputNeededRemoved":
                self.needed.pop(body["id"], None)

    def _end_turn(self, kind: str, body: Message) -> None:
        turn = self.active
        if turn is None:
            return
        for text in self._texts.values():
            text.settle()
        turn |= {"state": {"chat/turnComplete": "complete", "chat/error": "error"}.get(kind, "cancelled")}
        turn["duration"] = body["duration"]
        if kind == "chat/error":
            turn["responseParts"].append(body["part"])
        for call in self.calls.values():
            if call["status"] not in ("completed", "cancelled"):
                call.setdefault("invocationMessage", "")
                call.update(status="cancelled", reason="skipped")
                for name in ("content", "confirmed"):
                    call.pop(name, None)
                _no_longer_asked(call)
        self.turns.append(turn)
        self._sizes.append(sum(_size(part) for part in turn["responseParts"]) + len(turn["message"]["text"]))
        while len(self.turns) > 1 and sum(self._sizes) > HISTORY_CHARS:
            del self.turns[0], self._sizes[0]
        self._drop_active()
        self.failed = kind == "chat/error"

    def _drop_active(self) -> None:
        self.active = None
        self.calls, self._texts = {}, {}

    def _forget_pending(self, pending_id: str) -> None:
        self.queued.pop(pending_id, None)
        if self.steering is not None and self.steering["id"] == pending_id:
            self.steering = None

    @property
    def status(self) -> int:
        """The protocol's number for what the session does."""
        if self.needed:
            return INPUT_NEEDED
        return IN_PROGRESS if self.active else ERROR if self.failed else IDLE

    def summary(self) -> Message:
        """What is said of the chat in lists."""
        return {"title": self.title, "status": self.status, "modifiedAt": self.modified_at}

    def chat(self, turns_max: int | None = None) -> Message:
        """The chat's state, to be encoded before the next action; with so many of its newest ended turns."""
        for text in self._texts.values():
            text.settle()
        state: Message = {**self.summary(), "origin": {"kind": "user"}}
        state["turns"] = self.turns if turns_max is None else self.turns[max(0, len(self.turns) - turns_max) :]
        given: dict[str, Any] = {"activeTurn": self.active, "steeringMessage": self.steering}
        given["queuedMessages"] = list(self.queued.values())
        return state | {name: value for name, value in given.items() if value}


def _no_longer_asked(call: Message) -> None:
    for name in ("confirmationTitle", "editable", "options"):
        call.pop(name, None)


def _size(part: Message) -> int:
    """About how many characters a part has."""
    call = part.get("toolCall")
    if call is None:
        return len(part.get("content", ""))
    return len(call.get("toolInput", "")) + sum(len(one.get("text", "")) for one in call.get("content", ()))
