"""Removed settings: keys that a config file may still have, and the values that are built in now."""

import json
from typing import NamedTuple


class Removed(NamedTuple):
    """A setting that is gone: the value that is built in, and the constant that holds it, by its dotted path."""

    value: float | str | bool
    constant: str


REMOVED: dict[str, Removed] = {
    "sessions.inbox_max": Removed(256, "server.sessions.inbox.SUBMISSIONS_MAX"),
    "sessions.shutdown_wait_s": Removed(5.0, "server.sessions.registry.SHUTDOWN_WAIT_S"),
    "sessions.tail_bytes": Removed(262_144, "server.sessions.broadcaster.TAIL_BYTES"),
    "sessions.snapshot_every_events": Removed(500, "server.sessions.recorder.SNAPSHOT_EVERY_EVENTS"),
    "socket.outbound_batch_bytes": Removed(65_536, "server.websocket.connection.OUTBOUND_BATCH_BYTES"),
    "journal.readers": Removed(2, "server.journal.threads.READERS"),
    "journal.group_max": Removed(512, "server.journal.threads.GROUP_MAX"),
    "journal.waiting_max": Removed(10_000, "server.journal.call_queue.WAITING_MAX"),
    "journal.cached_sessions_max": Removed(4_096, "server.journal.transactions.CACHED_SESSIONS_MAX"),
    "journal.checkpoint_commits": Removed(1_000, "server.journal.threads.CHECKPOINT_COMMITS"),
    "journal.log_pages_max": Removed(8_192, "server.journal.schema.LOG_PAGES_MAX"),
    "journal.purge_records": Removed(1_000, "server.journal.threads.PURGE_RECORDS"),
    "journal.busy_timeout_s": Removed(1.0, "server.journal.schema.BUSY_TIMEOUT_S"),
    "journal.recovery_s": Removed(5.0, "server.sessions.actor.RECOVERY_S"),
    "turn.repeated_calls_noted": Removed(3, "agent.session.session.REPEATED_CALLS_NOTED"),
    "turn.overhead_tokens": Removed(2_000, "agent.session.session.OVERHEAD_TOKENS"),
    "turn.title_max_tokens": Removed(1_000, "agent.session.titles.TITLE_MAX_TOKENS"),
    "turn.title_timeout_s": Removed(20.0, "agent.session.titles.TITLE_TIMEOUT_S"),
    "turn.delta_buffer_chars": Removed(65_536, "server.sessions.inbox.TEXT_MAX_CHARS"),
    "turn.chunk_max_chars": Removed(65_536, "agent.session.session.CHUNK_MAX_CHARS"),
}


def removed_message(key: str) -> str | None:
    """What to tell the operator of a removed setting; None for a key that was never one."""
    setting = REMOVED.get(key)
    if setting is None:
        return None
    return f"this setting was removed; the value {json.dumps(setting.value)} is built in; delete the line"
