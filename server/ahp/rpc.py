"""JSON-RPC 2.0 over websocket messages: one request, notification or response a message. Pure."""

from typing import Any, Final

import msgspec

from protocol.codec import FrameError, check_count, check_plain

Message = dict[str, Any]
RequestId = int | str

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603
SESSION_NOT_FOUND: Final = -32001
PROVIDER_NOT_FOUND: Final = -32002
SESSION_EXISTS: Final = -32003
UNSUPPORTED_VERSION: Final = -32005
NOT_FOUND: Final = -32008
PERMISSION_DENIED: Final = -32009
"""The codes below -32000 are the protocol's own."""


class RpcError(Exception):
    """A request that is answered with an error: its code, what is wrong, and perhaps more for programs."""

    def __init__(self, code: int, message: str, data: Message | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.data = data


class Call(msgspec.Struct, frozen=True):
    """A request, or without an id a notification."""

    method: str
    params: Message = {}
    id: RequestId | None = None


_decoder = msgspec.json.Decoder(Call)


def read_call(text: str | bytes) -> Call:
    """The call in a message. Raises `RpcError`."""
    try:
        check_count(text if isinstance(text, str) else text.decode())
        call = _decoder.decode(text)
        check_plain(call.params)  # else it might be too deep to be sent back
        return call
    except msgspec.ValidationError as error:
        raise RpcError(INVALID_REQUEST, f"not a request or notification of JSON-RPC 2.0: {error}") from error
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise RpcError(PARSE_ERROR, f"not JSON: {error}") from error
    except (FrameError, ValueError) as error:
        raise RpcError(INVALID_REQUEST, f"not taken: {error}") from error


def result(request_id: RequestId, value: Any) -> bytes:
    """The answer to a request."""
    return msgspec.json.encode({"jsonrpc": "2.0", "id": request_id, "result": value})


def failure(request_id: RequestId | None, error: RpcError) -> bytes:
    """The same for a request that fails; without an id for a message that could not be read."""
    body: Message = {"code": error.code, "message": str(error)}
    if error.data is not None:
        body["data"] = error.data
    return msgspec.json.encode({"jsonrpc": "2.0", "id": request_id, "error": body})


def notification(method: str, params: Message) -> bytes:
    """What is sent unasked."""
    return msgspec.json.encode({"jsonrpc": "2.0", "method": method, "params": params})


def text_of(params: Message, name: str, default: str | None = None) -> str:
    """A text among the params. Raises `RpcError`."""
    value = params.get(name, default)
    if not isinstance(value, str):
        raise RpcError(INVALID_PARAMS, f"`{name}` must be a text")
    return value
