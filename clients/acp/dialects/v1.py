"""Version 1: the updates of the Agent Client Protocol, version 1. Pure.

Source: `schema/v1/schema.json` of the npm package `@agentclientprotocol/sdk` 2.4.0.
"""

from collections.abc import Sequence

import msgspec

from clients.acp.dialects.calls import (
    LOG_CHARS,
    OUTPUT_CHARS,
    bounded,
    cut,
    found_in,
    kind_of,
    locations_of,
    newest,
    places_of,
    question_of,
    sides_of,
    title_of,
)
from clients.acp.rpc import Failure, Message
from protocol.content import FileChange, PendingTool, PlanItem, Usage

ENDED = {"completed": "completed", "rejected": "failed", "abandoned": "failed", "cancelled": "failed"}


class Offers(msgspec.Struct, frozen=True):
    """What the client says it can show beside the basics."""

    compaction: bool = False
    notices: bool = False
    forms: bool = False
    links: bool = False


class Shown(msgspec.Struct, frozen=True):
    """What the client was shown and is not there any more, by ids."""

    users: list[str]
    answers: list[str]
    calls: list[str]


class V1:
    """How version 1 is written. Each method gives updates, which are sent in their order."""

    version = 1
    echoes_own_input = False
    answers_at_insertion = False
    tells_positions = False

    def __init__(self, offers: Offers) -> None:
        self.offers = offers

    def user(self, submission_id: str, text: str) -> list[Message]:
        """An input of somebody."""
        return [_chunk("user_message_chunk", submission_id, text)]

    def text(self, message_id: str, text: str) -> list[Message]:
        """More of the model's answer."""
        return [_chunk("agent_message_chunk", message_id, text)]

    def thought(self, message_id: str, text: str) -> list[Message]:
        """More of the model's reasoning."""
        return [_chunk("agent_thought_chunk", f"{message_id}-r", text)]

    def message_again(self, message_id: str, text: str, reasoning: str) -> list[Message]:
        """A message, whole, in place of what the client has of it: not in this version, whose clients never have a part."""
        return [*(self.thought(message_id, reasoning) if reasoning else []), *self.text(message_id, text)]

    def call(self, call_id: str, tool: str, arguments: Message, cwd: str | None) -> list[Message]:
        """The model asks for a call."""
        call = self._call(call_id, tool, arguments, cwd)
        return [{"sessionUpdate": "tool_call", "toolCallId": call_id, "status": "pending", **call}]

    def call_edited(self, call_id: str, tool: str, arguments: Message, cwd: str | None) -> list[Message]:
        """Somebody changed the call's arguments before it may run."""
        return [call_update(call_id, **self._call(call_id, tool, arguments, cwd))]

    def call_running(self, call_id: str, tool: str, arguments: Message) -> list[Message]:
        """The call runs."""
        return [call_update(call_id, status="in_progress")]

    def call_log(self, call_id: str, tool: str, log: str, added: str) -> list[Message]:
        """The call's output so far; `added` is what is new of it."""
        return [call_update(call_id, content=texts(newest(log, LOG_CHARS)))]

    def call_ended(
        self, call_id: str, tool: str, state: str, output: str, success: bool, logged: bool = False
    ) -> list[Message]:
        """The call has ended, in one of the states of a tool message. `logged`: its output was shown while it ran."""
        status = ENDED.get(state, "failed")
        if status == "completed" and not success:
            status = "failed"
        content = {"content": texts(cut(output, OUTPUT_CHARS))} if output else {}
        return [call_update(call_id, status=status, **content)]

    def call_changed(self, call_id: str, changes: Sequence[FileChange]) -> list[Message]:
        """What the call did to files, in place of its output; nothing of it where the paths are not those of this machine."""
        diffs = [self._diff(one) for one in changes if one.patch and not one.cut and one.path.startswith("/")]
        return [call_update(call_id, content=diffs, locations=places_of(changes))] if diffs else []

    def call_found(self, call_id: str, tool: str, output: str, cwd: str | None) -> list[Message]:
        """The places that a search found, if the session works in a folder of this machine."""
        found = found_in(output, cwd) if tool == "grep" else []
        return [call_update(call_id, locations=found)] if found else []

    def _diff(self, change: FileChange) -> Message:
        old, new = sides_of(change.patch)
        return {
            "type": "diff",
            "path": change.path,
            "oldText": None if change.operation == "add" else old,
            "newText": new,
        }

    def plan(self, items: Sequence[PlanItem]) -> list[Message]:
        """The plan, whole."""
        return [{"sessionUpdate": "plan", "entries": entries(items)}]

    def title(self, title: str) -> list[Message]:
        """The session's title."""
        return [{"sessionUpdate": "session_info_update", "title": title or None}]

    def usage(self, used: int, limit: int, total: Usage) -> list[Message]:
        """Tokens in the model's context; nothing before they are known."""
        if limit <= 0:
            return []
        update: Message = {"sessionUpdate": "usage_update", "used": used, "size": limit}
        if total.cost_usd is not None:
            update["cost"] = {"amount": total.cost_usd, "currency": "USD"}
        return [update]

    def compacted(self, compaction_id: str, summary: str) -> list[Message]:
        """The older part of the model's context was replaced by a summary."""
        if not self.offers.compaction:
            return []
        update = {"sessionUpdate": "compaction_update", "compactionId": compaction_id, "status": "completed"}
        return [{**update, "summary": [text_block(summary)]}]

    def undone(self, gone: Shown, notice_id: str) -> list[Message]:
        """Messages were taken out of the history. This version cannot take them back, so the client is told."""
        told = "The last turn was taken out of the history; the model does not know of it any more."
        if self.offers.notices:
            return [{"sessionUpdate": "notice", "severity": "info", "title": told}]
        return [_chunk("agent_message_chunk", notice_id, told)]

    def working(self, state: str) -> list[Message]:
        """The session runs, or waits for an answer. This version has no word for it."""
        return []

    def rested(self, ending: str | Failure | None) -> list[Message]:
        """A turn ended, or nothing runs. In this version the prompt's answer says it."""
        return []

    def permission(self, pending: PendingTool, options: list[Message], cwd: str | None) -> Message:
        """The parameters of a request for permission, without the session's id."""
        question = texts(question_of(pending.tool, pending.arguments, pending.reason))
        call = self._call(pending.tool_call_id, pending.tool, pending.arguments, cwd)
        return {
            "toolCall": {"toolCallId": pending.tool_call_id, **call, "status": "pending", "content": question},
            "options": options,
        }

    def config_options(self, options: list[Message]) -> list[Message]:
        """Config options as this version writes them, made of those with an `id`."""
        return options

    def modes(self, modes: Sequence[str], current: str) -> Message:
        """The modes in the form that is older than config options, for an answer that opens a session."""
        listed = [{"id": mode, "name": mode} for mode in dict.fromkeys([*modes, current])]
        return {"modes": {"currentModeId": current, "availableModes": listed}}

    def mode(self, mode: str) -> list[Message]:
        """Another mode, in that form."""
        return [{"sessionUpdate": "current_mode_update", "currentModeId": mode}]

    def commands(self, commands: dict[str, str]) -> list[Message]:
        """The commands that a prompt may begin with, and what they do."""
        listed = [{"name": name, "description": text} for name, text in commands.items()]
        return [{"sessionUpdate": "available_commands_update", "availableCommands": listed}]

    def capabilities(self, version: str) -> Message:
        """The answer to `initialize`. `version`: of this program."""
        return {
            "protocolVersion": 1,
            "agentInfo": {"name": "holdfast", "title": "Holdfast", "version": version},
            "agentCapabilities": {
                "loadSession": True,
                "promptCapabilities": {"image": True, "embeddedContext": True},
                "mcpCapabilities": {"http": True, "sse": False},
                "sessionCapabilities": {"list": {}, "resume": {}, "close": {}, "delete": {}},
            },
            "authMethods": [],
        }

    def _call(self, call_id: str, tool: str, arguments: Message, cwd: str | None) -> Message:
        call: Message = {"title": title_of(tool, arguments), "kind": kind_of(tool), "name": tool}
        locations = locations_of(tool, arguments, cwd)
        if locations:
            call["locations"] = locations
        return {**call, "rawInput": bounded(arguments)}


def text_block(text: str) -> Message:
    """A content block with this text."""
    return {"type": "text", "text": text}


def texts(text: str) -> list[Message]:
    """A tool call's content that is this text."""
    return [{"type": "content", "content": text_block(text)}]


def entries(items: Sequence[PlanItem]) -> list[Message]:
    """The entries of a plan. The priority has to be there; Holdfast's plans have none."""
    return [{"content": item.text, "priority": "medium", "status": item.status} for item in items]


def _chunk(kind: str, message_id: str, text: str) -> Message:
    return {"sessionUpdate": kind, "messageId": message_id, "content": {"type": "text", "text": text}}


def call_update(call_id: str, **fields: object) -> Message:
    """An update of a tool call."""
    return {"sessionUpdate": "tool_call_update", "toolCallId": call_id, **fields}
