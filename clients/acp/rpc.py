"""JSON-RPC: reads a line into a request, a notification or a response, and writes messages. Pure.

Source: the JSON-RPC 2.0 specification; the Agent Client Protocol, "Transports": one message a line, no batches.
"""

from typing import Any

import msgspec

RequestId = int | str | None
Message = dict[str, Any]

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
REQUEST_CANCELLED = -32800
AUTH_REQUIRED = -32000
NOT_FOUND = -32002
"""Codes of errors, those of the protocol among them (`ErrorCode` of its schema)."""


class Request(msgspec.Struct, frozen=True):
    """The client wants an answer."""

    id: RequestId
    method: str
    params: Message


class Notification(msgspec.Struct, frozen=True):
    """The client wants no answer."""

    method: str
    params: Message


class Response(msgspec.Struct, frozen=True):
    """The client's answer to a request of ours; `result` is None where it is an error, or no object."""

    id: RequestId
    result: Message | None


class Failure(Exception):
    """A request fails: what its answer says. `code` is a code of errors; `data` may have more for programs."""

    def __init__(self, code: int, message: str, data: Message | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


class Unreadable(msgspec.Struct, frozen=True):
    """A line that is no message; `answer` says so to who wrote it."""

    answer: Message


def read_line(line: str) -> Request | Notification | Response | Unreadable:
    """The message of one line."""
    try:
        message = msgspec.json.decode(line.encode())
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        return Unreadable(refusal(None, Failure(PARSE_ERROR, f"the line is no JSON: {error}")))
    if not isinstance(message, dict):
        return Unreadable(
            refusal(None, Failure(INVALID_REQUEST, "a message is one JSON object; batches are not taken"))
        )
    identifier, method, params = message.get("id"), message.get("method"), message.get("params")
    if not isinstance(identifier, int | str | None) or isinstance(identifier, bool):
        return Unreadable(refusal(None, Failure(INVALID_REQUEST, "an `id` is a number or a text")))
    if "method" not in message:
        body = message.get("result")
        return Response(identifier, body if isinstance(body, dict) else None)
    if not isinstance(method, str) or not isinstance(params, dict | None):
        why = "`method` is a text and `params` is an object"
        return Unreadable(refusal(identifier, Failure(INVALID_REQUEST, why)))
    if "id" in message:
        return Request(identifier, method, params or {})
    return Notification(method, params or {})


def result(request_id: RequestId, body: Message) -> Message:
    """The answer to a request that was done."""
    return {"jsonrpc": "2.0", "id": request_id, "result": body}


def refusal(request_id: RequestId, failure: Failure) -> Message:
    """The answer to a request that was not done."""
    error: Message = {"code": failure.code, "message": failure.message}
    if failure.data is not None:
        error["data"] = failure.data
    return {"jsonrpc": "2.0", "id": request_id, "error": error}


def notification(method: str, params: Message) -> Message:
    """A message without an answer."""
    return {"jsonrpc": "2.0", "method": method, "params": params}


def request(request_id: RequestId, method: str, params: Message) -> Message:
    """A message that the client answers."""
    return {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}


def text_of(params: Message, name: str) -> str:
    """A parameter that is a text and not empty. Raises `Failure`."""
    value = params.get(name)
    if not isinstance(value, str) or not value:
        raise Failure(INVALID_PARAMS, f"`{name}` is missing, or no text")
    return value
