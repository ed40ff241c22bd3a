"""Codes: every code of a refusal, an error, a close or an HTTP denial, what it means, and what the client does then."""

from typing import Final, NamedTuple

import msgspec


class Code(NamedTuple):
    """A code of the wire."""

    meaning: str
    retryable: bool


BAD_FRAME: Final = "bad_frame"
UNKNOWN_TYPE: Final = "unknown_type"
INVALID: Final = "invalid"
INBOX_FULL: Final = "inbox_full"
QUEUE_FULL: Final = "queue_full"
BUSY: Final = "busy"
ID_CONFLICT: Final = "id_conflict"
APPROVAL_UNKNOWN: Final = "approval_unknown"
APPROVAL_STALE: Final = "approval_stale"
INVALID_ARGUMENTS: Final = "invalid_arguments"
NOTHING_TO_INTERRUPT: Final = "nothing_to_interrupt"
NOTHING_TO_UNDO: Final = "nothing_to_undo"
SNAPSHOT_UNKNOWN: Final = "snapshot_unknown"
NOTHING_TO_COMPACT: Final = "nothing_to_compact"
UNKNOWN_MODEL: Final = "unknown_model"
HISTORY_FULL: Final = "history_full"
SESSION_CLOSED: Final = "session_closed"
FORBIDDEN: Final = "forbidden"
TOO_MANY_SUBMISSIONS: Final = "too_many_submissions"
BUDGET_EXHAUSTED: Final = "budget_exhausted"
STORAGE_FULL: Final = "storage_full"
TURN_UNKNOWN: Final = "turn_unknown"
SHARE_UNKNOWN: Final = "share_unknown"
GRANT_UNKNOWN: Final = "grant_unknown"
INPUT_UNKNOWN: Final = "input_unknown"
MODE_UNKNOWN: Final = "mode_unknown"
QUESTION_UNKNOWN: Final = "question_unknown"
TOO_MANY_GRANTS: Final = "too_many_grants"
TOO_MANY_SHARES: Final = "too_many_shares"
CAPACITY: Final = "capacity"
JOURNAL_UNAVAILABLE: Final = "journal_unavailable"
GOING_AWAY: Final = "going_away"
INTERNAL: Final = "internal"

REFUSALS: Final = {
    BAD_FRAME: Code(
        "not a frame: malformed JSON or MessagePack, bad UTF-8, nested too deep, or of the wrong encoding", False
    ),
    UNKNOWN_TYPE: Code("no submission has this `type`", False),
    INVALID: Code("a field is missing, unknown, of the wrong type or out of bounds; the message says which", False),
    INBOX_FULL: Code("the session has too many submissions waiting", True),
    QUEUE_FULL: Code("too many user inputs wait for their turn", True),
    BUSY: Code("not while a turn runs", True),
    ID_CONFLICT: Code("this id was used for another submission", False),
    APPROVAL_UNKNOWN: Code("no call has this tool_call_id", False),
    APPROVAL_STALE: Code("this call does not wait for an approval any more", False),
    INVALID_ARGUMENTS: Code("the edited arguments do not fit the tool", False),
    NOTHING_TO_INTERRUPT: Code("nothing is running", False),
    NOTHING_TO_UNDO: Code("the history holds no turn that can be undone", False),
    NOTHING_TO_COMPACT: Code("the conversation is too short to compact", False),
    SNAPSHOT_UNKNOWN: Code("the session's files have no such snapshot, or it was dropped to make room", False),
    UNKNOWN_MODEL: Code("this server does not offer that model", False),
    HISTORY_FULL: Code("the session's history has reached its limit: begin a new session", False),
    TOO_MANY_SUBMISSIONS: Code("you submit too fast, over all your sockets; send it again in a moment", True),
    BUDGET_EXHAUSTED: Code(
        "the tokens or the money you may spend in a day are spent; the message says until when", True
    ),
    STORAGE_FULL: Code("your sessions hold as much as you may store; delete some", False),
    FORBIDDEN: Code("you may read this session, or drive it, but not do this", False),
    TURN_UNKNOWN: Code("no user message in the history has this turn_id, or only a summary holds it", False),
    SHARE_UNKNOWN: Code("the session has no such link", False),
    QUESTION_UNKNOWN: Code("no running call waits for an answer to this question", False),
    GRANT_UNKNOWN: Code("nothing of that name is allowed or refused for the session", False),
    INPUT_UNKNOWN: Code("no input with this submission_id waits for its turn; it may have begun", False),
    MODE_UNKNOWN: Code("the server has no such mode", False),
    TOO_MANY_GRANTS: Code("the session allows so many things already; revoke one first", False),
    TOO_MANY_SHARES: Code("the session has as many links as it may; revoke one first", False),
    SESSION_CLOSED: Code("the session was shut down; its history can still be read", False),
    CAPACITY: Code(
        "the session sleeps, and all places for sessions that work are taken, yours or the server's; send it again in a moment",
        True,
    ),
    JOURNAL_UNAVAILABLE: Code("the server could not store it (disk full, locked); nothing was done", True),
    GOING_AWAY: Code("the server is stopping; reconnect and send it again", True),
    INTERNAL: Code("a fault of the server; the message has the id under which it was logged", True),
}

MAX_ITERATIONS: Final = "max_iterations"
REPEATED_CALLS: Final = "repeated_calls"
CONTEXT_OVERFLOW: Final = "context_overflow"
COMPACTION_FAILED: Final = "compaction_failed"
RESTORE_FAILED: Final = "restore_failed"

ERRORS: Final = {
    "model_auth": Code("the model provider refused the credentials", False),
    "model_payment": Code("the model provider wants payment", False),
    "model_rate_limited": Code("the model provider's rate limit was reached, after retries", True),
    "model_unavailable": Code("the model provider failed or could not be reached, after retries", True),
    "model_timeout": Code("the model said nothing for too long", True),
    "model_stream_cut": Code("the model's answer ended in the middle", True),
    "model_bad_response": Code("the model provider's answer could not be understood", True),
    "model_bad_request": Code("the model provider refused the request", False),
    "model_context_exceeded": Code("the conversation is too long for the model", False),
    "model_output_too_large": Code("the model's message passed the size limit", False),
    "model_overloaded": Code("the model provider has too much to do, after retries", True),
    "model_no_answer": Code("the model ended its answer without saying anything; the message says why", True),
    BUDGET_EXHAUSTED: Code("the tokens or the money you may spend in a day are spent; the turn was stopped", True),
    MAX_ITERATIONS: Code("the turn used up its model calls", True),
    REPEATED_CALLS: Code("the model made the same call with the same result over and over, and was told so", True),
    CONTEXT_OVERFLOW: Code("the conversation does not fit the model's context even after compaction", False),
    COMPACTION_FAILED: Code("the summary could not be made; the context is unchanged", True),
    RESTORE_FAILED: Code("the session's files could not be restored, or not all of them; the message says why", True),
    HISTORY_FULL: Code("the session's history has reached its limit", False),
    JOURNAL_UNAVAILABLE: Code("the server could not store what came next; the turn was stopped", True),
    INTERNAL: Code("a fault of the server; the message has the id under which it was logged", True),
}


class Close(NamedTuple):
    """A websocket close code of ours: what it means and what the client then does."""

    meaning: str
    client: str


CLOSE_GOODBYE: Final = 1000
CLOSE_GOING_AWAY: Final = 1001
CLOSE_TOO_LARGE: Final = 1009
CLOSE_FAULT: Final = 1011
CLOSE_RESTART: Final = 1012
CLOSE_CREDENTIALS: Final = 4401
CLOSE_DELETED: Final = 4404
CLOSE_TOO_SLOW: Final = 4408
CLOSE_TOO_MANY: Final = 4429

COME_BACK: Final = "comes back with its position, backing off with jitter"
CLOSES: Final = {
    CLOSE_GOODBYE: Close("it said goodbye; also after the session's `shutdown`", "stays away"),
    CLOSE_GOING_AWAY: Close("going away: the server stops or restarts; the reason says why", COME_BACK),
    CLOSE_TOO_LARGE: Close(
        "a message larger than `limits.inbound_message_bytes`; from a client: larger than its library takes",
        "stays away",
    ),
    CLOSE_FAULT: Close("a fault, or no pong", COME_BACK),
    CLOSE_RESTART: Close("the same, from an older server", COME_BACK),
    CLOSE_CREDENTIALS: Close("the credentials ran out", "logs in, comes back"),
    CLOSE_DELETED: Close("the session was deleted", "forgets it"),
    CLOSE_TOO_SLOW: Close("it read too slowly", "comes back with its position"),
    CLOSE_TOO_MANY: Close("too many bad frames, or too fast", "stays away"),
}


class CloseReason(msgspec.Struct, frozen=True):
    """Why a websocket is closed: the two fields of a close frame (RFC 6455, section 5.5.1).

    `code` is a status code: one of `CLOSES`, or one that RFC 6455 (section 7.4.1) defines.
    `text` is for people; the frame holds at most 123 bytes of it as UTF-8.
    """

    code: int
    text: str


class Denial(NamedTuple):
    """An HTTP refusal: before the upgrade, or of a route."""

    status: int
    meaning: str


DENIALS: Final = {
    "bad_request": Denial(400, "a query parameter or the subprotocols offered make no sense; the message says which"),
    "unauthorized": Denial(401, "no or bad credentials"),
    "forbidden": Denial(403, "the Origin or Host is not allowed, or the credentials lack the right that is needed"),
    "not_found": Denial(404, "no such session, or not yours; or no such route"),
    "not_at_rest": Denial(409, "the session was not at rest at the position at which it was to be forked"),
    "file_exists": Denial(
        412, "the workspace has a file of that name, and the upload asked to replace none (`If-None-Match: *`)"
    ),
    "too_large": Denial(413, "the body is larger than a limit allows; the message says which"),
    "upgrade_required": Denial(
        426, "the request came without `Upgrade: websocket`: a proxy in between must pass `Upgrade` and `Connection` on"
    ),
    "capacity": Denial(
        429, "your sessions are used up (`error_type` `per_user`); 503 where the server's are (`global`)"
    ),
    "storage": Denial(429, "you store as many sessions, or bytes of them, as you may (`what` says which); delete some"),
    "too_many_sockets": Denial(
        429, "this session has as many sockets as it may, or you have; 503 where the server has"
    ),
    "too_many_attempts": Denial(
        429, "too many wrong credentials from this address; `Retry-After` says when to try again"
    ),
    "mcp_failed": Denial(502, "an MCP server did not answer, or refused; the message says why"),
    "internal": Denial(500, "a fault of the server; `id` is the name under which it was logged"),
    "unavailable": Denial(
        503,
        "the server is stopping, cannot read its journal, has no room on its disk, or does as much of this for you as it may",
    ),
}
