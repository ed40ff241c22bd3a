"""AsyncAPI: the wire as an AsyncAPI 3.0 document, whose messages are those of the JSON Schema."""

from typing import Any, Final, get_args

from protocol import (
    PROTOCOL_VERSION,
    SUBPROTOCOL_JSON,
    SUBPROTOCOL_KEY,
    SUBPROTOCOL_MSGPACK,
    SUBPROTOCOL_TICKET,
)
from protocol.codes import CLOSES, DENIALS
from protocol.frames import Frame
from protocol.limits import MAX_MESSAGE_MIN
from protocol.spec.json_schema import definitions
from protocol.submissions import Submission

DEFAULT_HOST: Final = "localhost:7860"
SESSION_ID: Final = "session_id"
CHANNELS: Final = {
    "newSession": ("/ws", "Makes a session and binds the socket to it; `ready` says its `session_id`."),
    "session": ("/ws/{session_id}", "Binds the socket to a session that exists."),
}

ABOUT: Final = """\
A client sends submissions, the server sends frames about the socket and the session's events. One websocket message holds
one or more of them: JSON objects separated by a line feed, or MessagePack objects one after another.
The first frame is `ready`, then come the replayed events or a `snapshot`, then `synced`, then live events."""


def asyncapi() -> dict[str, Any]:
    """The document, from the server's point of view: it receives submissions and sends frames."""
    submissions, frames = _names(Submission), _names(Frame)
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Holdfast", "version": str(PROTOCOL_VERSION), "description": _about()},
        "defaultContentType": "application/json",
        "servers": {
            "local": {
                "host": DEFAULT_HOST,
                "protocol": "ws",
                "description": "Where `holdfast serve` listens by default. In local mode it asks for no credentials.",
                "security": [{"$ref": f"#/components/securitySchemes/{name}"} for name in _security()],
            }
        },
        "channels": {name: _channel(name, submissions + frames) for name in CHANNELS},
        "operations": _operations(submissions, frames),
        "components": {
            "schemas": definitions("#/components/schemas/{name}"),
            "messages": {struct.__name__: _message(struct) for struct in (*get_args(Submission), *get_args(Frame))},
            "securitySchemes": _security(),
        },
    }


def _names(union: Any) -> list[str]:
    return [struct.__name__ for struct in get_args(union)]


def _about() -> str:
    refusals = "\n".join(f"- {denial.status} `{code}`: {denial.meaning}" for code, denial in DENIALS.items())
    closes = "\n".join(f"- {code}: {close.meaning}. The client {close.client}." for code, close in CLOSES.items())
    return f"{ABOUT}\n\nRefused before the upgrade, with a JSON body:\n{refusals}\n\nClose codes:\n{closes}\n"


def _channel(name: str, messages: list[str]) -> dict[str, Any]:
    address, description = CHANNELS[name]
    channel: dict[str, Any] = {
        "address": address,
        "description": description,
        "messages": {message: {"$ref": f"#/components/messages/{message}"} for message in messages},
        "bindings": {"ws": _binding()},
    }
    if SESSION_ID in address:
        channel["parameters"] = {
            SESSION_ID: {"description": "a session of the caller's; any other is answered with 404"}
        }
    return channel


def _binding() -> dict[str, Any]:
    after = {
        "type": "integer",
        "minimum": 0,
        "description": "the last seq the client has; the events after it follow. Absent: a snapshot",
    }
    epoch = {"type": "string", "description": "the epoch that seq belongs to; needed with `after` above 0"}
    max_message = {
        "type": "integer",
        "minimum": MAX_MESSAGE_MIN,
        "description": "the largest message the client takes, in bytes; what is larger comes in parts",
    }
    final_response = {
        "type": "string",
        "enum": ["yes", "no"],
        "default": "yes",
        "description": "whether `turn_complete` repeats the text of the last message",
    }
    query = {"after": after, "epoch": epoch, "max_message": max_message, "final_response": final_response}
    subprotocol = {
        "type": "string",
        "enum": [SUBPROTOCOL_JSON, SUBPROTOCOL_MSGPACK],
        "default": SUBPROTOCOL_JSON,
        "description": "JSON in text messages, or MessagePack in binary ones; a list offers several. A browser adds its "
        f"origin key, as `{SUBPROTOCOL_KEY}` and the key, or a ticket, as `{SUBPROTOCOL_TICKET}` and the ticket, which is never chosen",
    }
    return {
        "method": "GET",
        "query": {"type": "object", "properties": query},
        "headers": {"type": "object", "properties": {"Sec-WebSocket-Protocol": subprotocol}},
        "bindingVersion": "0.1.0",
    }


def _operations(submissions: list[str], frames: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in CHANNELS:
        of = name[0].upper() + name[1:]
        found[f"receiveFrom{of}"] = _operation("receive", name, submissions, "Take a client's submission.")
        found[f"sendTo{of}"] = _operation("send", name, frames, "Tell a client of its socket and its session.")
    return found


def _operation(action: str, channel: str, messages: list[str], summary: str) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": summary,
        "messages": [{"$ref": f"#/channels/{channel}/messages/{message}"} for message in messages],
    }


def _message(struct: Any) -> dict[str, Any]:
    return {
        "name": struct.__struct_config__.tag,
        "title": struct.__name__,
        "summary": struct.__doc__,
        "payload": {"$ref": f"#/components/schemas/{struct.__name__}"},
    }


def _security() -> dict[str, Any]:
    return {
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "description": "`Authorization: Bearer TOKEN`; never in the URL",
        },
        "cookie": {
            "type": "httpApiKey",
            "in": "header",
            "name": "Cookie",
            "description": "the login cookie of a browser",
        },
    }
