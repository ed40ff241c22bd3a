"""The bounds of the SQLite journal, with their units and defaults."""

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The journal's bounds; the server's settings fill them in."""

    group_max: int = 512
    """Calls that one commit takes together."""
    waiting_max: int = 10_000
    """Calls that may wait for the writer, and for the readers; one more is `Unavailable`."""
    cached_sessions_max: int = 4_096
    """Sessions whose head and term the writer remembers."""
    checkpoint_commits: int = 1_000
    """Commits after which what the write-ahead log holds is moved into the database, beside the writer."""
    log_pages_max: int = 8_192
    """Pages of 4 KiB in the write-ahead log past which the writer itself does that."""
    purge_records: int = 1_000
    """Events of deleted sessions that are removed in one step."""
    busy_timeout_s: float = 1.0
    """How long to wait for another program that has locked the database."""
