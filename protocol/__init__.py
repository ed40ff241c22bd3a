"""The words: every message of the wire, version 1, as msgspec Structs. Imports msgspec alone and does no I/O."""

PROTOCOL_VERSION = 1
SUBPROTOCOL_JSON = "holdfast.v1.json"
SUBPROTOCOL_MSGPACK = "holdfast.v1.msgpack"
