"""Prompt building: the history as chat messages that every provider accepts. Pure."""

from collections.abc import Sequence
from typing import Any

import msgspec

from agent.models.types import KeptState
from agent.session.state import NotesWriter, SessionState
from agent.util.text import cut_middle, estimate_text
from protocol.content import AssistantMessage, ImageFile, Message, ToolCall, ToolMessage, UserMessage

ChatMessage = dict[str, Any]

SUMMARY_INTRO = "This conversation goes on from an earlier part, which was summarised as follows:\n\n"
NO_RESULT = "This call has no result: its outcome is unknown."
NOTES_INTRO = (
    "Notes on this project, from the file AGENTS.md in the workspace. They are not the words of the user: the session's "
    "owner may have written them, but also the assistant, or a program that it ran:\n\n"
)
WRITTEN_NOTES_INTRO = (
    "Notes on this project, from the file AGENTS.md in the workspace. They are not the words of the user: a call of the tool "
    "`{tool}` wrote them, which the assistant made in a turn {whose}:\n\n"
)
OWNERS_NOTES_INTRO = (
    "The notes on this project of the session's owner, who uploaded them as the file AGENTS.md in the workspace:\n\n"
)
NOTES_CUT = "\n[AGENTS.md is longer: the rest is left out]"
CUT_SHORT = "[this message was cut short]"


def build(state: SessionState, system_prompt: str) -> list[ChatMessage]:
    """The model's context as OpenAI chat messages.

    Valid for strict providers: the system message first, then a user message; each tool call has its one result right
    after it, in the order of the calls; no empty assistant message; neither two user nor two assistant messages in a row.
    A message of the model has its `KeptState` under `provider_state`, if there is one; one of the user the paths of its images
    under `images`, if there are any.
    """
    chat: list[ChatMessage] = [{"role": "system", "content": system_prompt}] if system_prompt else []
    if state.summary:
        chat.append(_user(SUMMARY_INTRO + state.summary))
    messages = state.view.messages
    place = state.context_from
    while place < len(messages):
        message = messages[place]
        place += 1
        if isinstance(message, UserMessage):
            _append_text(chat, _user(message.text, message.images or ()))
        elif isinstance(message, AssistantMessage):
            results: dict[str, ToolMessage] = {}
            while place < len(messages) and isinstance(result := messages[place], ToolMessage):
                results[result.tool_call_id] = result
                place += 1
            data = state.provider_states.get(message.message_id)
            kept = None if data is None else KeptState(data, message.reasoning, message.text)
            _append_assistant(chat, message, results, {} if kept is None else {"provider_state": kept})
    return chat


def with_notes(
    chat: list[ChatMessage], notes: str, most_tokens: int, *, by_owner: bool = False, by: NotesWriter | None = None
) -> list[ChatMessage]:
    """The messages with the project's notes, cut to about `most_tokens`, before the text of the first user message.

    `by_owner`: the session's owner uploaded them as they are. `by`: the call that wrote them so; None if that is not known.

    The notes are a user's text and not the server's, so they are not in the system message. This one stays as it is, and
    in the provider's cache, when they change.
    """
    place = next((place for place, message in enumerate(chat) if message["role"] == "user"), None)
    if not notes or place is None:
        return chat
    if (estimated := estimate_text(notes)) > most_tokens:
        notes = notes[: len(notes) * most_tokens // estimated] + NOTES_CUT
    first = {
        **chat[place],
        "content": f"{OWNERS_NOTES_INTRO if by_owner else _notes_intro(by)}{notes}\n\n{chat[place]['content']}",
    }
    return [*chat[:place], first, *chat[place + 1 :]]


def _notes_intro(by: NotesWriter | None) -> str:
    if by is None:
        return NOTES_INTRO
    whose = "that has input of a guest, who came by a link" if by.guest else "of the session's owner"
    return WRITTEN_NOTES_INTRO.format(tool=by.tool, whose=whose)


def _user(text: str, images: Sequence[ImageFile] = ()) -> ChatMessage:
    message: ChatMessage = {"role": "user", "content": text}
    return message | {"images": [image.path for image in images]} if images else message


def _append_text(chat: list[ChatMessage], message: ChatMessage) -> None:
    """Append, joining with a message of the same role: strict providers want roles to alternate."""
    last = chat[-1] if chat else None
    if last is not None and last["role"] == message["role"] and "tool_calls" not in last:
        last["content"] = f"{last['content']}\n\n{message['content']}"
        last.pop("provider_state", None)
        last.update({key: value for key, value in message.items() if key == "provider_state"})
        if images := [*last.get("images", ()), *message.get("images", ())]:
            last["images"] = images
    else:
        chat.append(message)


def _append_assistant(
    chat: list[ChatMessage], message: AssistantMessage, results: dict[str, ToolMessage], kept: ChatMessage
) -> None:
    """`kept`: the keys for the message's provider state. Of two messages that are joined, the later one's is kept."""
    text = message.text.strip()
    if message.sealed:
        text = f"{text}\n{CUT_SHORT}" if text else ""
    if not message.tool_calls:
        if text and not any(m["role"] == "user" for m in chat):
            chat.append(_user("(continued)"))
        if text:
            _append_text(chat, {"role": "assistant", "content": text, **kept})
        return
    calls = [_call(call) for call in message.tool_calls]
    last = chat[-1] if chat else None
    if last is not None and last["role"] == "assistant":
        last["content"] = f"{last['content']}\n\n{text}" if text else last["content"]
        last["tool_calls"] = calls
        last.pop("provider_state", None)
        last.update(kept)
    else:
        if not any(m["role"] == "user" for m in chat):
            chat.append(_user("(continued)"))
        chat.append({"role": "assistant", "content": text or None, "tool_calls": calls, **kept})
    for call in message.tool_calls:
        chat.append(
            {"role": "tool", "tool_call_id": call.tool_call_id, "content": _result(results.get(call.tool_call_id))}
        )


def _call(call: ToolCall) -> ChatMessage:
    arguments = msgspec.json.encode(call.arguments).decode()
    return {"id": call.tool_call_id, "type": "function", "function": {"name": call.tool, "arguments": arguments}}


def _result(result: ToolMessage | None) -> str:
    if result is None:
        return NO_RESULT
    output = result.output or "(no output)"
    if result.arguments is not msgspec.UNSET:
        edited = msgspec.json.encode(result.arguments).decode()
        return f"[The user edited the arguments before approving. What ran: {edited}]\n{output}"
    return output if result.success or result.state != "completed" else f"Error: {output}"


def transcript(messages: list[Message], limit_chars: int) -> str:
    """The messages as plain text for a summary, in at most `limit_chars`: long ones are cut in their middle."""
    parts = [_as_text(message) for message in messages]
    share = max(200, limit_chars // max(1, len(parts)))
    if sum(map(len, parts)) > limit_chars:
        parts = [cut_middle(part, share) for part in parts]
    return cut_middle("\n\n".join(parts), limit_chars)


def _as_text(message: Message) -> str:
    if isinstance(message, UserMessage):
        shown = "".join(f"\n(shows the image {image.path})" for image in message.images or ())
        return f"User: {message.text}{shown}"
    if isinstance(message, ToolMessage):
        return f"Result of {message.tool}: {_result(message)}"
    calls = "".join(f"\n(calls {c.tool} with {msgspec.json.encode(c.arguments).decode()})" for c in message.tool_calls)
    return f"Assistant: {message.text}{calls}"
