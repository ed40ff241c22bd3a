"""Conversation: scripts of events in, actions out; each action is one of the protocol's, and a client's state is the server's."""

from typing import Any

import msgspec

from protocol import events as ev
from protocol.content import PendingTool, Question, QuestionField, QuestionOption, ToolCall
from protocol.submissions import Edit, UserInput
from server.ahp.addresses import chat_uri, folder_path, folder_uri, session_id_of, session_of_chat, session_uri
from server.ahp.conversation import Conversation
from tests.support.ahp import types
from tests.support.ahp.reducer import State, content, reduce_chat, reduce_session

AT = "2026-01-01T00:00:00.000Z"


class Script:
    """A conversation, and the client that gets its actions."""

    def __init__(self) -> None:
        self.talk = Conversation("chat")
        self.chat: State = {"turns": [], "origin": {"kind": "user"}}
        self.session: State = {"config": {"values": {}}}
        self.seq = 0

    def take(self, kind: type[Any], **fields: Any) -> list[str]:
        """The types of the actions that an event is."""
        self.seq += 1
        kinds = []
        for action in self.talk.take(kind(seq=self.seq, at=AT, **fields)):
            msgspec.convert(action.body, types.Action)
            copied = msgspec.json.decode(msgspec.json.encode(action.body))
            (reduce_chat if action.of_chat else reduce_session)(self.chat if action.of_chat else self.session, copied)
            kinds.append(action.body["type"])
        made = msgspec.json.decode(msgspec.json.encode(self.talk.state.chat()))
        assert content(made) == content(self.chat)
        assert list(self.talk.state.needed.values()) == self.session.get("inputNeeded", [])
        return kinds

    def begin(self, text: str, name: str) -> list[str]:
        accepted = self.take(ev.Accepted, submission_id=name, submission=UserInput(text=text))
        return accepted + self.take(ev.Processing, turn_id=f"own-{name}", submission_id=name)

    def message(self, text: str, *calls: ToolCall) -> list[str]:
        rest = {"reasoning": "", "tool_calls": list(calls), "finish_reason": "stop", "sealed": False}
        return self.take(ev.AssistantMessageEvent, message_id=f"m{self.seq}", text=text, **rest)

    def end(self, name: str) -> list[str]:
        return self.take(ev.TurnComplete, turn_id=f"own-{name}", history_size=1)


def test_text_is_one_action_a_piece_and_the_whole_message_adds_what_is_missing() -> None:
    script = Script()
    assert script.begin("hello", "a") == ["chat/turnStarted"]
    assert script.take(ev.AssistantChunk, message_id="m", offset=0, text="One") == ["chat/responsePart"]
    assert script.take(ev.AssistantChunk, message_id="m", offset=3, text=" two") == ["chat/delta"]
    rest = {"tool_calls": [], "finish_reason": "stop", "sealed": False}
    whole = {"message_id": "m", "text": "One two three", "reasoning": "why"}
    assert script.take(ev.AssistantMessageEvent, **whole, **rest) == ["chat/responsePart", "chat/delta"]
    assert script.end("a") == ["chat/turnComplete"]
    assert script.chat["turns"][0]["responseParts"][0]["content"] == "One two three"


def test_a_message_that_is_not_its_pieces_is_shown_again() -> None:
    script = Script()
    script.begin("hello", "a")
    script.take(ev.AssistantChunk, message_id="m", offset=0, text="secret")
    rest = {"reasoning": "", "tool_calls": [], "finish_reason": "stop", "sealed": False}
    script.take(ev.AssistantMessageEvent, message_id="m", text="[redacted]", **rest)
    assert [part["content"] for part in script.chat["activeTurn"]["responseParts"]] == ["secret", "[redacted]"]


def test_a_call_that_is_refused_by_policy_was_never_asked_about() -> None:
    script = Script()
    script.begin("hello", "a")
    script.take(ev.ToolCallEvent, tool_call_id="c", tool="write", arguments={"path": "a"})
    refused = {"tool_call_id": "c", "tool": "write", "state": "rejected", "by": "policy", "feedback": "not here"}
    assert script.take(ev.ToolStateChange, **refused) == ["chat/toolCallReady", "chat/toolCallConfirmed"]
    call = script.chat["activeTurn"]["responseParts"][0]["toolCall"]
    assert (call["status"], call["reasonMessage"]) == ("cancelled", "not here")


def test_a_call_goes_from_asking_to_its_result_with_the_output_on_the_way() -> None:
    script = Script()
    script.begin("hello", "a")
    script.take(ev.ToolCallEvent, tool_call_id="c", tool="bash", arguments={"command": "ls"})
    pending = PendingTool("c", "bash", {"command": "ls"}, "it runs outside", grant="bash ls")
    assert script.take(ev.ApprovalRequired, tools=[pending], count=1) == [
        "chat/toolCallReady",
        "session/inputNeededSet",
    ]
    waiting = script.session["inputNeeded"][0]["toolCall"]
    assert len(waiting["options"]) == 4
    assert "it runs outside" in waiting["invocationMessage"]["markdown"]
    change = {"tool_call_id": "c", "tool": "bash", "by": "user"}
    approved = script.take(ev.ToolStateChange, state="approved", arguments={"command": "ls -l"}, **change)
    assert approved == ["chat/toolCallConfirmed", "chat/toolCallReady", "session/inputNeededRemoved"]
    assert script.take(ev.ToolStateChange, state="running", **change) == []
    assert script.take(ev.ToolLog, tool_call_id="c", offset=0, text="a\n") == ["chat/toolCallContentChanged"]
    output = {"output": "a\nb\n", "success": True, "truncated": False, "duration_ms": 1}
    assert script.take(ev.ToolOutput, tool_call_id="c", tool="bash", **output) == ["chat/toolCallComplete"]
    call = script.chat["activeTurn"]["responseParts"][0]["toolCall"]
    assert (call["status"], "ls -l" in call["toolInput"]) == ("completed", True)


def test_what_a_model_wrote_into_a_call_does_not_change_how_the_question_looks() -> None:
    script = Script()
    script.begin("hello", "a")
    arguments = {"command": "echo ```\n# Harmless\n"}
    script.take(ev.ToolCallEvent, tool_call_id="c", tool="bash", arguments=arguments)
    pending = PendingTool("c", "bash", arguments, "runs a_b\n# *nothing*")
    script.take(ev.ApprovalRequired, tools=[pending], count=1)
    line, _, block = script.session["inputNeeded"][0]["toolCall"]["invocationMessage"]["markdown"].partition("\n\n")
    assert line == r"bash: runs a\_b \# \*nothing\*"
    assert block.startswith("````json\n") and block.endswith("\n````")


def test_a_question_is_a_request_for_input_until_it_is_closed() -> None:
    script = Script()
    script.begin("hello", "a")
    script.take(ev.ToolCallEvent, tool_call_id="c", tool="ask_user", arguments={})
    script.take(ev.ToolStateChange, tool_call_id="c", tool="ask_user", state="running", by="policy")
    fields = [
        QuestionField("name", "text", required=True, default="me"),
        QuestionField("kind", "choice", options=[QuestionOption("a", "A")]),
    ]
    question = Question("q", "c", "the agent", "form", "Who?", fields)
    assert script.take(ev.AskUser, question=question) == ["chat/inputRequested", "session/inputNeededSet"]
    closed = script.take(ev.QuestionClosed, question_id="q", tool_call_id="c", action="withdrawn")
    assert closed == ["chat/inputCompleted", "session/inputNeededRemoved"]


def test_a_restart_ends_what_ran_and_what_waited() -> None:
    script = Script()
    script.begin("hello", "a")
    script.take(ev.ToolCallEvent, tool_call_id="c", tool="write", arguments={})
    pending = PendingTool("c", "write", {}, "it writes")
    script.take(ev.ApprovalRequired, tools=[pending], count=1)
    ended = script.take(ev.Interrupted, turn_id="own-a", reason="restart")
    assert ended == ["chat/turnCancelled", "session/inputNeededRemoved"]
    script.begin("again", "b")
    failed = {"code": "model_unavailable", "message": "no answer", "retryable": True, "turn_id": "own-b"}
    assert script.take(ev.ErrorEvent, **failed) == ["chat/error"]
    assert [turn["state"] for turn in script.chat["turns"]] == ["cancelled", "error"]


def test_an_edit_removes_turns_and_begins_one() -> None:
    script = Script()
    for name in ("a", "b"):
        script.begin(name, name)
        script.message("yes")
        script.end(name)
    assert script.take(ev.Accepted, submission_id="c", submission=Edit(turn_id="own-b", text="other")) == []
    assert script.take(ev.UndoComplete, removed_messages=2, kept=[]) == ["chat/truncated"]
    script.take(ev.Processing, turn_id="own-c", submission_id="c")
    assert [turn["id"] for turn in script.chat["turns"]] == ["a"]
    assert script.chat["activeTurn"]["message"]["text"] == "other"
    assert script.talk.undos(["c"]) == 1


def test_addresses_are_read_as_they_are_written() -> None:
    session_id = "0123456789abcdef0123456789abcdef"
    uri = session_uri(session_id)
    assert session_id_of(uri) == session_id
    assert session_of_chat(chat_uri(uri)) == uri
    assert session_of_chat(uri) is session_of_chat("ahp-chat://default/_") is None
    assert folder_path(folder_uri("/a b/ü")) == "/a b/ü"
    assert folder_path("vscode-remote://host/a") is None
