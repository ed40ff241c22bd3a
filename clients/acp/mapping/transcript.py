"""Transcript: what the client was shown of a session, and the updates for what is new to it. Pure.

Live, each event gives its updates. A whole view gives all that the client was not shown: at a load, and when a snapshot replaced the view.
"""

from clients.acp.dialects.v1 import V1, Shown
from clients.acp.mapping.images import with_images
from clients.acp.rpc import Message
from protocol import events as ev
from protocol.content import AssistantMessage, FileChange, OpenCall, ToolMessage, UserMessage
from protocol.view import ENDED_WITHOUT_OUTPUT, View


class Transcript:
    """The session's content as the client has it. `cwd`: the folder of this machine in which the session works, or None."""

    def __init__(self, dialect: V1) -> None:
        self._dialect = dialect
        self.cwd: str | None = None
        self.shown_seq = 0
        self.own: set[str] = set()
        """Inputs of the client itself: it has shown them."""
        self._users: set[str] = set()
        self._answers: set[str] = set()
        self._calls: dict[str, str] = {}  # the state that the client knows of
        self._logs: dict[str, str] = {}
        self._arguments: dict[str, tuple[str, Message]] = {}  # of calls that have not ended
        self.changes: dict[str, list[FileChange]] = {}
        """What ended calls did to files, by call: the view does not have it."""
        self._open = ""
        self._text = 0
        self._reasoning = 0

    def skip(self, view: View) -> None:
        """The client knows all that is there, or does not want it."""
        self.update(view)

    def update(self, view: View) -> list[Message]:
        """All of the view that the client was not shown."""
        updates: list[Message] = []
        for message in view.messages:
            if isinstance(message, UserMessage):
                updates += self._user(message.submission_id, with_images(message.text, message.images))
            elif isinstance(message, AssistantMessage):
                updates += self._whole(message.message_id, message.text, message.reasoning)
                for call in message.tool_calls:
                    updates += self._call(call.tool_call_id, call.tool, call.arguments)
            else:
                updates += self._result(message)
        if view.open_message is not None:
            opened = view.open_message
            updates += self._grow(opened.message_id, opened.reasoning, 0, "reasoning")
            updates += self._grow(opened.message_id, opened.text, 0, "text")
        for open_call in view.open_calls:
            updates += self._open_call(open_call)
        if view.plan:
            updates += self._dialect.plan(view.plan)
        if view.title:
            updates += self._dialect.title(view.title)
        updates += self._dialect.usage(view.usage.context_tokens, view.usage.context_limit, view.usage)
        self.shown_seq = view.seq
        return updates

    def take(self, event: ev.Event, view: View) -> list[Message]:
        """The updates of one event. `view`: the session with this event, or further on."""
        if isinstance(event, ev.AssistantChunk):
            return self._grow(event.message_id, event.text, event.offset, event.kind)
        match event:
            case ev.AssistantMessageEvent():
                return self._whole(event.message_id, event.text, event.reasoning)
            case ev.Accepted():
                return []
            case ev.ToolCallEvent():
                return self._call(event.tool_call_id, event.tool, event.arguments)
            case ev.ToolStateChange():
                return self._state(event)
            case ev.ToolLog():
                return self._log(event)
            case ev.ToolOutput():
                return self._ended(event.tool_call_id, event.tool, "completed", event.output, event.success)
            case ev.PlanUpdate():
                return self._dialect.plan(event.items)
            case ev.TitleChanged():
                return self._dialect.title(event.title)
            case ev.UsageEvent() if not isinstance(event.tool_call_id, str):
                return self._dialect.usage(event.context_tokens, event.context_limit, view.usage)
            case ev.Compacted():
                return self._dialect.compacted(event.operation_id or f"compaction-{event.seq}", event.summary)
            case ev.UndoComplete() if event.removed_messages:
                return self._dialect.undone(self._gone(view), f"undo-{event.seq}")
            case _:
                return []

    def take_again(self, event: ev.Event, view: View) -> list[Message]:
        """The updates of an event of which the client has a part: they stand in the place of that. `view`: with the event."""
        match event:
            case ev.AssistantMessageEvent():
                self._whole(event.message_id, event.text, event.reasoning)
                return self._dialect.message_again(event.message_id, event.text, event.reasoning)
            case ev.AssistantChunk() if view.open_message is not None:
                opened = view.open_message
                self._grow(opened.message_id, opened.reasoning, 0, "reasoning")
                self._grow(opened.message_id, opened.text, 0, "text")
                return self._dialect.message_again(opened.message_id, opened.text, opened.reasoning)
        return self.take(event, view)

    def user(self, submission_id: str, text: str) -> list[Message]:
        """An input that entered the history."""
        return self._user(submission_id, text)

    def _user(self, submission_id: str, text: str) -> list[Message]:
        if submission_id in self._users:
            return []
        self._users.add(submission_id)
        if submission_id in self.own and not self._dialect.echoes_own_input:
            return []
        return self._dialect.user(submission_id, text)

    def _grow(self, message_id: str, text: str, offset: int, kind: str) -> list[Message]:
        """A piece of the open message, which may begin before what was shown of it ends."""
        if message_id != self._open:
            if message_id in self._answers:
                return []
            self._open, self._text, self._reasoning = message_id, 0, 0
        shown = self._text if kind == "text" else self._reasoning
        new = text if offset == shown else text[max(0, shown - offset) :]
        if not new:
            return []
        if kind == "text":
            self._text = max(shown, offset) + len(new)
            return self._dialect.text(message_id, new)
        self._reasoning = max(shown, offset) + len(new)
        return self._dialect.thought(message_id, new)

    def _whole(self, message_id: str, text: str, reasoning: str) -> list[Message]:
        """A message that is complete: what the client does not have of it."""
        if message_id in self._answers:
            return []
        updates = [*self._grow(message_id, reasoning, 0, "reasoning"), *self._grow(message_id, text, 0, "text")]
        self._answers.add(message_id)
        self._open = ""
        return updates

    def _call(self, call_id: str, tool: str, arguments: Message) -> list[Message]:
        if call_id in self._calls:
            return []
        self._calls[call_id] = "requested"
        self._arguments[call_id] = (tool, arguments)
        return self._dialect.call(call_id, tool, arguments, self.cwd)

    def _open_call(self, call: OpenCall) -> list[Message]:
        updates = self._call(call.tool_call_id, call.tool, call.arguments)
        if call.edited:
            updates += self._edited(call.tool_call_id, call.tool, call.arguments)
        if call.state == "running":
            updates += self._running(call.tool_call_id, call.tool, call.arguments)
        shown = self._logs.get(call.tool_call_id, "")
        if call.log and call.log != shown:
            updates += self._logged(call.tool_call_id, call.tool, call.log, call.log[len(shown) :])
        return updates

    def _state(self, event: ev.ToolStateChange) -> list[Message]:
        tool, arguments = self._arguments.get(event.tool_call_id, (event.tool, {}))
        if event.state == "approved":
            if isinstance(event.arguments, dict):
                return self._edited(event.tool_call_id, tool, event.arguments)
            return []
        if event.state == "running":
            return self._running(event.tool_call_id, tool, arguments)
        output = event.detail or ENDED_WITHOUT_OUTPUT[event.state]
        if event.feedback:
            output = f"{output}\nThe user said: {event.feedback}"
        return self._ended(event.tool_call_id, tool, event.state, output, False)

    def _edited(self, call_id: str, tool: str, arguments: Message) -> list[Message]:
        self._arguments[call_id] = (tool, arguments)
        return self._dialect.call_edited(call_id, tool, arguments, self.cwd)

    def _running(self, call_id: str, tool: str, arguments: Message) -> list[Message]:
        if self._calls.get(call_id) == "running":
            return []
        self._calls[call_id] = "running"
        return self._dialect.call_running(call_id, tool, arguments)

    def _log(self, event: ev.ToolLog) -> list[Message]:
        shown = self._logs.get(event.tool_call_id, "")
        tool, _ = self._arguments.get(event.tool_call_id, ("", {}))
        added = event.text if event.offset == len(shown) else ""
        return self._logged(event.tool_call_id, tool, shown[: event.offset] + event.text, added)

    def _logged(self, call_id: str, tool: str, log: str, added: str) -> list[Message]:
        self._logs[call_id] = log
        return self._dialect.call_log(call_id, tool, log, added)

    def _result(self, message: ToolMessage) -> list[Message]:
        updates: list[Message] = []
        if isinstance(message.arguments, dict) and message.tool_call_id in self._arguments:
            updates += self._edited(message.tool_call_id, message.tool, message.arguments)
        output, success = message.output, message.success
        return updates + self._ended(message.tool_call_id, message.tool, message.state, output, success)

    def _ended(self, call_id: str, tool: str, state: str, output: str, success: bool) -> list[Message]:
        if self._calls.get(call_id) == "ended":
            return []
        self._calls[call_id] = "ended"
        logged = self._logs.pop(call_id, None) is not None
        self._arguments.pop(call_id, None)
        ended = self._dialect.call_ended(call_id, tool, state, output, success, logged)
        changed = self._dialect.call_changed(call_id, self.changes.get(call_id, []))
        return [*ended, *changed, *self._dialect.call_found(call_id, tool, output, self.cwd)]

    def note(self, event: ev.ToolOutput) -> None:
        """Keep what the call did to files, for now and for a load."""
        if isinstance(event.changes, list):
            self.changes[event.tool_call_id] = event.changes

    def _gone(self, view: View) -> Shown:
        """What was shown and is in the view no more."""
        users = {one.submission_id for one in view.messages if isinstance(one, UserMessage)}
        answers = {one.message_id for one in view.messages if isinstance(one, AssistantMessage)}
        calls = {one.tool_call_id for one in view.messages if isinstance(one, ToolMessage)}
        calls |= {one.tool_call_id for one in view.open_calls}
        gone = Shown(sorted(self._users - users), sorted(self._answers - answers), sorted(set(self._calls) - calls))
        self._users &= users
        self._answers &= answers
        self._calls = {call: state for call, state in self._calls.items() if call in calls}
        return gone
