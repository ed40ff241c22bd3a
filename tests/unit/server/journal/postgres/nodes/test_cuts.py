"""Cuts: a node that does not reach the database stops before another takes its sessions; after an outage all go on as they were. One
that would hear no other does not start.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from agent.util.tasks import TaskOwner
from server.journal.base import Fenced, JournalError
from server.journal.nodes.settings import NodesSettings
from server.journal.postgres.errors import CannotStart
from server.journal.postgres.journal import PostgresJournal, open_postgres
from server.journal.postgres.nodes.nodes import PostgresNodes
from tests.support.network.tcp_proxy import TcpProxy
from tests.support.polling import eventually, until_done
from tests.support.postgres.server import PostgresServer
from tests.unit.server.journal.builders import begin, item, texts

NODE = NodesSettings(several=True, lease_s=0.6)


def nodes_of(journal: PostgresJournal) -> PostgresNodes:
    assert journal.nodes is not None
    return journal.nodes


@contextlib.asynccontextmanager
async def opened(url: str) -> AsyncIterator[tuple[PostgresJournal, list[str]]]:
    """A node, and what it was told to stop."""
    journal = await open_postgres(url, nodes=NODE)
    lost: list[str] = []
    nodes_of(journal).watch(lambda: lost.append("all"))
    try:
        yield journal, lost
    finally:
        await journal.aclose()


async def taken(journal: PostgresJournal, lost: list[str]) -> int:
    """Take the session as soon as that can be; the term. The other node has stopped by then."""
    lease = await until_done(lambda: journal.acquire("s"), JournalError)
    assert lost, "it was taken from a node that had not stopped"
    return lease.term


async def test_a_node_that_is_cut_off_stops_before_another_takes_its_sessions(
    tcp_server: PostgresServer, tcp_database: str
) -> None:
    async with TcpProxy("127.0.0.1", int(tcp_server.options["port"])) as proxy:
        url = tcp_server.tcp_url_of(tcp_database).replace(f":{tcp_server.options['port']}", f":{proxy.port}")
        async with opened(url) as (cut, lost), opened(tcp_server.url_of(tcp_database)) as (other, _):
            lease = await begin(cut, "s", "one")
            number = nodes_of(cut).number
            proxy.blackhole()
            assert await taken(other, lost) == 2
            proxy.flow()
            with pytest.raises(Fenced):
                await cut.append(item(lease, 1, "late"))
            await eventually(lambda: nodes_of(cut).is_good and nodes_of(cut).number != number)
            assert await texts(cut) == ["one"]


@contextlib.asynccontextmanager
async def deaf(tcp_server: PostgresServer) -> AsyncIterator[int]:
    """The port of a proxy that passes on everything but notices (message `A` of PostgreSQL's protocol)."""
    tasks = TaskOwner("deaf")
    writers: list[asyncio.StreamWriter] = []

    async def up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)

    async def down(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                head = await reader.readexactly(5)
                body = await reader.readexactly(int.from_bytes(head[1:], "big") - 4)
                if head[:1] != b"A":
                    writer.write(head + body)

    async def joined(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        its_reader, its_writer = await asyncio.open_connection("127.0.0.1", int(tcp_server.options["port"]))
        writers.extend((writer, its_writer))
        tasks.start(up(reader, its_writer), "up")
        tasks.start(down(its_reader, writer), "down")

    listener = await asyncio.start_server(joined, "127.0.0.1", 0)
    yield listener.sockets[0].getsockname()[1]
    listener.close()
    await tasks.aclose()
    for writer in writers:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def test_a_node_that_hears_no_other_does_not_start_and_says_so_in_one_line(
    tcp_server: PostgresServer, tcp_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.journal.postgres.nodes.notices.HEARD_S", 0.2)
    async with deaf(tcp_server) as port:
        url = f"postgresql://holdfast@127.0.0.1:{port}/{tcp_database}?sslmode=disable&gssencmode=disable"
        with pytest.raises(CannotStart, match="a word by NOTIFY is not heard there: name the server itself") as refused:
            await open_postgres(url, nodes=NODE)
        assert "\n" not in str(refused.value)
        await (await open_postgres(url)).aclose()  # alone it need not hear


async def test_after_an_outage_of_the_database_every_node_keeps_what_it_owns(
    tcp_server: PostgresServer, tcp_database: str
) -> None:
    url = tcp_server.url_of(tcp_database)
    async with opened(url) as (a, a_lost), opened(url) as (b, b_lost):
        lease = await begin(a, "s", "one")
        numbers = nodes_of(a).number, nodes_of(b).number
        tcp_server.stop()
        try:
            await eventually(lambda: a_lost and b_lost)
        finally:
            tcp_server.start()
        await eventually(lambda: nodes_of(a).is_good and nodes_of(b).is_good)
        assert (nodes_of(a).number, nodes_of(b).number) == numbers
        assert await nodes_of(b).owned_elsewhere("s")

        async def appended() -> bool:
            try:
                await a.append(item(lease, 1, "two"))
            except JournalError:
                return False
            return True

        await eventually(appended)
        assert await texts(b) == ["one", "two"]
