"""Conversation of AG-UI: live pieces and a thread that is shown whole give the checker the same events."""

from clients.prove.ag_ui.conversation import Conversation, events_of
from clients.prove.ag_ui.order import Event
from protocol import events as ev

LIVE: list[Event] = [
    {"type": "TEXT_MESSAGE_START", "messageId": "m"},
    {"type": "TEXT_MESSAGE_CONTENT", "messageId": "m", "delta": "Let me "},
    {"type": "TEXT_MESSAGE_CONTENT", "messageId": "m", "delta": "see."},
    {"type": "TOOL_CALL_START", "toolCallId": "c", "toolCallName": "look", "parentMessageId": "m"},
    {"type": "TOOL_CALL_ARGS", "toolCallId": "c", "delta": '{"at": '},
    {"type": "TOOL_CALL_ARGS", "toolCallId": "c", "delta": "1}"},
    {"type": "TOOL_CALL_RESULT", "toolCallId": "c", "messageId": "r", "content": "a file"},
    {"type": "RUN_FINISHED"},
]
FUNCTION = {"name": "look", "arguments": '{"at":1}'}
WHOLE: list[Event] = [
    {"id": "say", "role": "user", "content": "hello"},
    {
        "id": "m",
        "role": "assistant",
        "content": "Let me see.",
        "toolCalls": [{"id": "c", "type": "function", "function": FUNCTION}],
    },
    {"id": "r", "role": "tool", "content": "a file", "toolCallId": "c"},
]


def live(events: list[Event]) -> list[ev.Event]:
    one = Conversation()
    one.said("say", "hello")
    for event in events:
        one.take(event)
    return events_of(one.messages, at_rest=one.at_rest)


def test_pieces_are_what_the_whole_messages_are() -> None:
    assert live(LIVE) == live([{"type": "MESSAGES_SNAPSHOT", "messages": WHOLE}, LIVE[-1]])


def test_a_lost_piece_shows() -> None:
    assert live([*LIVE[:1], *LIVE[2:]]) != live(LIVE)


def test_a_second_result_of_a_call_shows() -> None:
    assert sum(isinstance(event, ev.ToolOutput) for event in live([*LIVE[:-1], LIVE[-2], LIVE[-1]])) == 2


def test_a_run_that_asks_leaves_its_turn_open() -> None:
    asks = {"type": "RUN_FINISHED", "outcome": {"type": "interrupt", "interrupts": [{"id": "i"}]}}
    assert not any(isinstance(event, ev.TurnComplete) for event in live([*LIVE[:-1], asks]))
    assert isinstance(live(LIVE)[-1], ev.TurnComplete)


def test_what_was_said_is_said_once() -> None:
    one = Conversation()
    one.said("say", "hello")
    one.said("say", "hello")
    assert len(one.messages) == 1


def test_a_call_without_a_result_is_run_by_the_client_once() -> None:
    conversation = Conversation()
    conversation.take({"type": "TOOL_CALL_START", "toolCallId": "c", "toolCallName": "ask"})
    assert conversation.run_calls() and not conversation.run_calls()
    assert conversation.messages[-1] == {"id": "result-c", "role": "tool", "content": "done", "toolCallId": "c"}
