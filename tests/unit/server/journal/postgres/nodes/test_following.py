"""Following on a real database: to tell that sessions have sockets waits for nothing that is being stored, and forgets none of them."""

import asyncio

import psycopg

from tests.unit.server.journal.builders import begin
from tests.unit.server.journal.postgres.nodes.test_ownership import nodes_of, two

OLD = "UPDATE sessions SET followed_at = followed_at - interval '2 hours'"
LOCK = "SELECT FROM sessions WHERE session_id = 's1' FOR NO KEY UPDATE"
HOUR_S = 3_600.0


async def test_a_session_that_is_being_written_is_not_waited_for_and_told_of_again(database: str) -> None:
    sessions = ["s0", "s1", "s2"]
    async with two(database) as (a, b):
        for session_id in sessions:
            await begin(a, session_id)
        with psycopg.connect(database, autocommit=True) as other:
            other.execute(OLD)
            with other.transaction():
                other.execute(
                    LOCK
                )  # as an append does; who waited for it while it holds others would stop both for a second
                async with asyncio.timeout(20):
                    assert await nodes_of(b).follow(sessions) == ["s1"]
            assert await nodes_of(b).unfollowed(sessions, HOUR_S) == ["s1"]
        assert await nodes_of(b).follow(["s1"]) == []
        assert await nodes_of(b).unfollowed(sessions, HOUR_S) == []
