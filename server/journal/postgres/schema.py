"""PostgreSQL schema: the journal's tables, their versions and how one is brought to the next."""

from typing import Any

import psycopg

from server.journal.postgres.errors import CannotStart, SchemaTooNew

Connection = psycopg.Connection[tuple[Any, ...]]

STEPS = (
    """
    CREATE TABLE meta (
        holdfast_schema int NOT NULL,
        epoch bigint NOT NULL,              -- the ordinal of the epoch that new events belong to
        lineage text NOT NULL,
        confirmed bigint NOT NULL           -- changed by a commit that waits for those before it
    );
    CREATE TABLE sessions (
        key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        session_id bytea NOT NULL UNIQUE,
        term bigint NOT NULL DEFAULT 1,
        term_head bigint NOT NULL DEFAULT 0,        -- the head when the term began
        head bigint NOT NULL DEFAULT 0,
        made_in bigint NOT NULL,                    -- the ordinal of the epoch it was made in
        deleted boolean NOT NULL DEFAULT false,
        deleted_at timestamptz,
        bytes bigint NOT NULL DEFAULT 0,            -- of its events and private records
        files bigint NOT NULL DEFAULT 0,            -- of its files, as measured last
        exported bigint NOT NULL DEFAULT 0,         -- the seq up to which a copy is elsewhere
        user_id bytea NOT NULL,
        title bytea NOT NULL,
        title_folded bytea NOT NULL,                -- without upper and lower case, for the search
        model bytea NOT NULL,
        created_at bytea NOT NULL,
        last_active_at bytea NOT NULL,
        message_count bigint NOT NULL,
        state bytea NOT NULL,
        pending_approval bytea NOT NULL,
        unfinished boolean NOT NULL,
        options bytea NOT NULL
    ) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);    -- room to move the head in the same page
    CREATE INDEX sessions_by_user ON sessions (user_id) WHERE NOT deleted;
    CREATE INDEX sessions_unfinished ON sessions (session_id) WHERE unfinished AND NOT deleted;
    CREATE INDEX tombstones ON sessions (deleted_at) WHERE deleted;
    CREATE TABLE events (
        session bigint NOT NULL,
        seq bigint NOT NULL,
        span bigint NOT NULL,               -- seq - first_seq: 0 unless merged
        data bytea NOT NULL,
        PRIMARY KEY (session, seq)
    ) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.05);
    CREATE TABLE private (                  -- of an event, for the session alone
        session bigint NOT NULL,
        seq bigint NOT NULL,
        data bytea NOT NULL,
        PRIMARY KEY (session, seq)
    );
    CREATE TABLE submissions (
        session bigint NOT NULL,
        submission_id bytea NOT NULL,
        digest bytea NOT NULL,
        answer bytea NOT NULL,
        PRIMARY KEY (session, submission_id)
    );
    CREATE TABLE snapshots (session bigint PRIMARY KEY, seq bigint NOT NULL, data bytea NOT NULL);
    CREATE TABLE purges (session bigint PRIMARY KEY);           -- deleted, but not yet emptied
    CREATE TABLE spending (
        user_id bytea NOT NULL,
        day bytea NOT NULL,
        tokens bigint NOT NULL,
        microdollars bigint NOT NULL,
        PRIMARY KEY (user_id, day)
    ) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);
    CREATE TABLE claims (                   -- by the session's name: they outlive it
        claim_id bytea PRIMARY KEY,
        session_id bytea NOT NULL,
        user_id bytea NOT NULL,
        kind bytea NOT NULL,
        detail bytea NOT NULL,
        claimed_at bytea NOT NULL
    );
    CREATE INDEX claims_by_session ON claims (session_id);
    CREATE TABLE epochs (
        ordinal bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        epoch bytea NOT NULL UNIQUE,
        started_at timestamptz NOT NULL DEFAULT now()
    );
    CREATE TABLE epoch_starts (
        session bigint NOT NULL,
        ordinal bigint NOT NULL,
        first_seq bigint NOT NULL,          -- of what the session stored first in that epoch
        PRIMARY KEY (session, ordinal)
    );
    INSERT INTO meta (holdfast_schema, epoch, lineage, confirmed) VALUES (0, 0, '', 0);
    """,
    """
    CREATE TABLE nodes (
        node bigint PRIMARY KEY,                    -- random, new at each start
        name bytea NOT NULL,
        version bytea NOT NULL,
        joined_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        good_until timestamptz NOT NULL,            -- by the database's clock
        dead boolean NOT NULL DEFAULT false         -- for good
    ) WITH (fillfactor = 50);
    ALTER TABLE sessions ADD COLUMN owner bigint;   -- the node that runs it, or ran it last; null: none
    """,
    """
    CREATE TABLE inbox (                            -- submissions that came in at another node than the owner's
        number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        session bigint NOT NULL,
        submission_id bytea NOT NULL,
        digest bytea NOT NULL,
        data bytea NOT NULL,
        from_node bigint NOT NULL,
        UNIQUE (session, submission_id)
    );
    """,
    """
    ALTER TABLE nodes                               -- as of its last beat
        ADD COLUMN beat_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        ADD COLUMN sessions bigint NOT NULL DEFAULT 0,
        ADD COLUMN sockets bigint NOT NULL DEFAULT 0;
    """,
    """
    CREATE TABLE credentials (                      -- logins, API tokens and the like
        kind bytea NOT NULL,
        id bytea NOT NULL,
        hash bytea NOT NULL,                        -- of the secret that its holder shows
        user_id bytea NOT NULL,
        created_at double precision NOT NULL,       -- seconds since 1970, by the clock of the server that made it
        expires_at double precision,
        data bytea NOT NULL,
        version bigint NOT NULL DEFAULT 1,
        renewing_until timestamptz,                 -- a server asks a provider for new tokens, and stores them by then
        PRIMARY KEY (kind, id),
        UNIQUE (kind, hash)
    );
    CREATE INDEX credentials_by_user ON credentials (kind, user_id);
    """,
    "ALTER TABLE nodes ADD COLUMN draining boolean NOT NULL DEFAULT false",  # it is about to stop
    "ALTER TABLE nodes ADD COLUMN settings bytea NOT NULL DEFAULT ''",  # JSON: a digest of each group, as of its last beat
    "ALTER TABLE nodes ADD COLUMN speaks int NOT NULL DEFAULT 1",  # the version of events that it knows
    "CREATE TABLE instructions (user_id bytea PRIMARY KEY, told bytea NOT NULL)",  # to models, in new sessions
    "ALTER TABLE sessions ADD COLUMN listed bytea NOT NULL DEFAULT ''",  # pinned, archived
    "CREATE TABLE given (session bigint PRIMARY KEY, sealed bytea NOT NULL)",  # by the session's client: its MCP servers, encrypted
    "ALTER TABLE sessions ADD COLUMN followed_at timestamptz NOT NULL DEFAULT now()",  # when a node last told that it has sockets
    "ALTER TABLE nodes ADD COLUMN room bigint NOT NULL DEFAULT 0",  # for sessions that work, as of its last beat
)
"""Step i takes a database of version i to version i + 1."""

VERSION = len(STEPS)

_TABLES = (
    "meta",
    "sessions",
    "events",
    "private",
    "submissions",
    "snapshots",
    "purges",
    "spending",
    "claims",
    "epochs",
    "nodes",
    "inbox",
    "credentials",
    "instructions",
    "given",
)

_FOUND = """
    SELECT c.relname, EXISTS (
        SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'holdfast_schema' AND NOT a.attisdropped
    ) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = current_schema() AND c.relname = ANY(%s)
"""


_ONE_AT_A_TIME = (
    "SELECT pg_advisory_xact_lock(1212566093, (SELECT oid FROM pg_namespace WHERE nspname = current_schema())::int4)"
)
"""Several nodes may start on an empty database at once."""


def migrate(connection: Connection, where: str) -> None:
    """Bring the tables to `VERSION`, all steps or none.

    Raises `SchemaTooNew`, `CannotStart`.
    """
    found = version(connection, where)
    if found > VERSION:
        raise SchemaTooNew(where, found, VERSION)
    if found < VERSION:
        with connection.transaction():
            connection.execute(_ONE_AT_A_TIME)
            for step in STEPS[version(connection, where) :]:
                connection.execute(step.encode())
            connection.execute("UPDATE meta SET holdfast_schema = %s", (VERSION,))


def version(connection: Connection, where: str) -> int:
    """The version of the tables; 0 if there are none. Raises `CannotStart`."""
    tables: dict[str, bool] = dict(connection.execute(_FOUND, ([*_TABLES],)).fetchall())
    if not tables:
        return 0
    if not tables.get("meta"):
        raise CannotStart(
            f"{where} holds another program's tables ({', '.join(sorted(tables))}): give Holdfast a database of its own"
        )
    rows = connection.execute("SELECT holdfast_schema FROM meta").fetchall()
    return int(rows[0][0]) if len(rows) == 1 else 0
