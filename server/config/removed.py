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
    "server.head_bytes": Removed(32_768, "server.transport.server.HEAD_BYTES"),
    "server.waiting_max": Removed(2_048, "server.transport.admission.CONNECTIONS_MAX"),
    "server.waiting_per_address_max": Removed(1_024, "server.transport.admission.CONNECTIONS_PER_ADDRESS_MAX"),
    "socket.close_grace_s": Removed(2.0, "server.transport.websocket.CLOSE_GRACE_S"),
    "socket.send_buffer_bytes": Removed(65_536, "server.transport.websocket.SEND_BUFFER_BYTES"),
    "socket.ping_timeout_s": Removed(20.0, "server.transport.websocket.PING_TIMEOUT_S"),
    "auth.logins_max": Removed(10_000, "server.auth.logins.LOGINS_MAX"),
    "auth.logins_per_user_max": Removed(20, "server.auth.logins.LOGINS_PER_USER_MAX"),
    "auth.failures_watched_max": Removed(10_000, "server.util.rate_limit.ADDRESSES_MAX"),
    "users.watched_max": Removed(10_000, "server.sessions.quotas.USERS_MAX"),
    "auth.oauth.login_wait_s": Removed(600, "server.auth.backends.base.LOGIN_WAIT_S"),
    "auth.oauth.asked_at_once_max": Removed(16, "server.auth.backends.openid.REQUESTS_MAX"),
    "auth.oauth.keys_again_s": Removed(10.0, "server.auth.backends.openid.KEYS_AGAIN_S"),
    "auth.oauth.refresh_before_s": Removed(300.0, "server.auth.backends.oauth.REFRESH_BEFORE_S"),
    "auth.bearer.refused_s": Removed(30.0, "server.auth.backends.hf_tokens.REFUSED_S"),
    "auth.bearer.unreachable_s": Removed(1_800.0, "server.auth.backends.hf_tokens.UNREACHABLE_S"),
    "auth.bearer.cached_max": Removed(10_000, "server.auth.backends.hf_tokens.CACHED_MAX"),
    "auth.bearer.asked_at_once_max": Removed(8, "server.auth.backends.hf_tokens.REQUESTS_MAX"),
    "auth.bearer.waiting_max": Removed(100, "server.auth.backends.hf_tokens.WAITING_MAX"),
    "export.at_once_max": Removed(2, "server.jobs.dataset_export.UPLOADS_MAX"),
    "export.upload_timeout_s": Removed(300.0, "server.jobs.dataset_export.UPLOAD_TIMEOUT_S"),
    "export.look_every_s": Removed(60.0, "server.jobs.dataset_export.LOOK_EVERY_S"),
    "export.retry_initial_s": Removed(10.0, "server.jobs.dataset_export.RETRY_INITIAL_S"),
    "export.retry_max_s": Removed(3_600.0, "server.jobs.dataset_export.RETRY_MAX_S"),
    "tracing.timeout_s": Removed(5.0, "server.telemetry.tracing.TIMEOUT_S"),
    "tracing.queue_max": Removed(2_048, "server.telemetry.tracing.QUEUE_MAX"),
}


def removed_message(key: str) -> str | None:
    """What to tell the operator of a removed setting; None for a key that was never one."""
    setting = REMOVED.get(key)
    if setting is None:
        return None
    return f"this setting was removed; the value {json.dumps(setting.value)} is built in; delete the line"
