"""Wire protocol, version 1: every message between server and client, as msgspec Structs, and what a client makes of them.

The package imports msgspec alone and does no I/O, but for the runtime file by which clients find a server (`runtime_file.py`).

Frame: any message from the server. Frames about one socket have no `seq`; all others are events.
Event: a fact of a session. It is stored in the journal, has a position `seq`, and is the same for every client.
Submission: a message from a client that asks for something: to say something, to approve, to interrupt, to undo.
Refusal: the answer `refused` to a submission or frame that did nothing; its code is in `codes.py`.
View: what a client shows of a session: the result of applying all events up to a position.
Snapshot: a whole view in one frame.
Merging: joining adjacent text events of one message into one, so that a replay is short.
"""

PROTOCOL_VERSION = 1
SUBPROTOCOL_JSON = "holdfast.v1.json"
SUBPROTOCOL_MSGPACK = "holdfast.v1.msgpack"
SUBPROTOCOL_KEY = "holdfast.key."
"""Before an origin key, where a browser sends one as a subprotocol: its websockets have no headers of their own choice.
The server never chooses it."""
SUBPROTOCOL_TICKET = "holdfast.ticket."
"""Before a ticket, a credential for one websocket. The server never chooses it."""
