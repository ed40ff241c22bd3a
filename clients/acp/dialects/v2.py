"""Version 2: the updates of the Agent Client Protocol, version 2, where they differ from version 1. Pure.

Source: `schema/v2/schema.json` of the npm package `@agentclientprotocol/sdk` 2.4.0. Updates are upserts by id; whether the session works is
told by `state_update`; a running command is a terminal of the agent.
"""

import base64
from collections.abc import Sequence

from clients.acp.dialects.calls import LOG_CHARS, OUTPUT_CHARS, cut, newest, question_of, title_of
from clients.acp.dialects.v1 import V1, Shown, call_update, entries, text_block, texts
from clients.acp.rpc import Failure, Message
from protocol.content import FileChange, PendingTool, PlanItem

ENDED = {"completed": "completed", "outcome_unknown": "failed"}
"""Statuses of a call by its state; all others mean that it did not run to its end."""

PLAN = "plan"
"""The id of a session's only plan."""


class V2(V1):
    """How version 2 is written."""

    version = 2
    echoes_own_input = True
    answers_at_insertion = True
    tells_positions = True

    def user(self, submission_id: str, text: str) -> list[Message]:
        """An input of somebody, the client's own too."""
        return [_message("user_message", submission_id, text)]

    def thought(self, message_id: str, text: str) -> list[Message]:
        """More of the model's reasoning."""
        chunk = {"sessionUpdate": "agent_thought_chunk", "messageId": message_id, "content": text_block(text)}
        return [chunk]

    def message_again(self, message_id: str, text: str, reasoning: str) -> list[Message]:
        """A message, whole, in place of what the client has of it."""
        thought = [_message("agent_thought", message_id, reasoning)] if reasoning else []
        return [*thought, _message("agent_message", message_id, text)]

    def call(self, call_id: str, tool: str, arguments: Message, cwd: str | None) -> list[Message]:
        """The model asks for a call."""
        return [call_update(call_id, **self._call(call_id, tool, arguments, cwd), status="pending")]

    def call_log(self, call_id: str, tool: str, log: str, added: str) -> list[Message]:
        """The call's output so far: a command's as bytes of a terminal, `added` behind what was shown, or all anew if it is empty."""
        if tool != "bash":
            return [call_update(call_id, content=texts(newest(log, LOG_CHARS)))]
        if added and added != log:
            return [{"sessionUpdate": "terminal_output_chunk", "terminalId": call_id, "data": _bytes(added)}]
        terminal = {"sessionUpdate": "terminal_update", "terminalId": call_id, "output": {"data": _bytes(log)}}
        return [terminal, call_update(call_id, content=[{"type": "terminal", "terminalId": call_id}])]

    def call_ended(
        self, call_id: str, tool: str, state: str, output: str, success: bool, logged: bool = False
    ) -> list[Message]:
        """The call has ended. The output of a command that was shown in its terminal is there already."""
        status = ENDED.get(state, "cancelled")
        fields: Message = {"status": "failed" if status == "completed" and not success else status}
        if not (logged and tool == "bash"):
            return [call_update(call_id, **fields, content=texts(cut(output, OUTPUT_CHARS)) if output else [])]
        ended = {"sessionUpdate": "terminal_update", "terminalId": call_id, "exitStatus": {}}
        return [ended, call_update(call_id, **fields, rawOutput={"output": cut(output, OUTPUT_CHARS)})]

    def _diff(self, change: FileChange) -> Message:
        header = f"diff --git a{change.path} b{change.path}\n"
        patch = {"format": "git_patch", "text": header + change.patch}
        return {"type": "diff", "changes": [{"operation": change.operation, "path": change.path}], "patch": patch}

    def plan(self, items: Sequence[PlanItem]) -> list[Message]:
        """The plan, whole."""
        plan = {"type": "items", "planId": PLAN, "entries": entries(items)}
        return [{"sessionUpdate": "plan_update", "plan": plan}]

    def compacted(self, compaction_id: str, summary: str) -> list[Message]:
        """The older part of the model's context was replaced by a summary."""
        update = {"sessionUpdate": "compaction_update", "compactionId": compaction_id, "status": "completed"}
        return [{**update, "summary": [text_block(summary)]}]

    def undone(self, gone: Shown, notice_id: str) -> list[Message]:
        """Messages were taken out of the history: nothing is left of them."""
        return [
            *({"sessionUpdate": "user_message", "messageId": one, "content": []} for one in gone.users),
            *({"sessionUpdate": "agent_message", "messageId": one, "content": []} for one in gone.answers),
            *({"sessionUpdate": "agent_thought", "messageId": one, "content": []} for one in gone.answers),
            *(call_update(one, content=[]) for one in gone.calls),
        ]

    def working(self, state: str) -> list[Message]:
        """The session runs, or waits for an answer."""
        return [{"sessionUpdate": "state_update", "state": state}]

    def rested(self, ending: str | Failure | None) -> list[Message]:
        """A turn ended, or nothing runs."""
        idle: Message = {"sessionUpdate": "state_update", "state": "idle"}
        if isinstance(ending, Failure):
            error = {"code": ending.code, "message": ending.message, "data": ending.data}
            return [{**idle, "stopReason": "error", "error": error}]
        return [idle if ending is None else {**idle, "stopReason": ending}]

    def permission(self, pending: PendingTool, options: list[Message], cwd: str | None) -> Message:
        """The parameters of a request for permission, without the session's id."""
        call = {
            "toolCallId": pending.tool_call_id,
            **self._call(pending.tool_call_id, pending.tool, pending.arguments, cwd),
        }
        return {
            "title": title_of(pending.tool, pending.arguments),
            "description": question_of(pending.tool, pending.arguments, pending.reason),
            "subject": {"type": "tool_call", "toolCall": call},
            "options": options,
        }

    def config_options(self, options: list[Message]) -> list[Message]:
        """Config options as this version writes them, made of those with an `id`."""
        return [{"configId" if key == "id" else key: value for key, value in one.items()} for one in options]

    def modes(self, modes: Sequence[str], current: str) -> Message:
        """Modes are config options alone."""
        return {}

    def mode(self, mode: str) -> list[Message]:
        """Another mode: the config option says it."""
        return []

    def commands(self, commands: dict[str, str]) -> list[Message]:
        """The commands that a prompt may begin with, and what they do."""
        listed = [{"type": "command", "name": name, "description": text} for name, text in commands.items()]
        return [{"sessionUpdate": "available_commands_update", "availableCommands": listed}]

    def capabilities(self, version: str) -> Message:
        """The answer to `initialize`."""
        return {
            "protocolVersion": 2,
            "info": {"name": "holdfast", "title": "Holdfast", "version": version},
            "capabilities": {
                "session": {
                    "prompt": {"image": {}, "embeddedContext": {}},
                    "mcp": {"stdio": {}, "http": {}},
                    "delete": {},
                }
            },
            "authMethods": [],
        }


def _message(kind: str, message_id: str, text: str) -> Message:
    return {"sessionUpdate": kind, "messageId": message_id, "content": [text_block(text)]}


def _bytes(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
