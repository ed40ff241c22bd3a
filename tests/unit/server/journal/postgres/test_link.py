"""Link: what is refused of a server that answers, and how often one that does not is asked."""

import socket
import threading

import pytest

from server.journal.base import Unavailable
from server.journal.postgres.address import Address
from server.journal.postgres.errors import CannotStart
from server.journal.postgres.link import Connector, _check

FOUND = ("UTF8", "on", "off", 17, "on", "public")


def test_a_pooler_is_refused_since_a_lock_of_the_connection_would_be_somebody_elses() -> None:
    address = Address("postgresql:///work", {})
    _check(FOUND, address, backend=17)
    with pytest.raises(CannotStart, match="through a pooler: name the server itself"):
        _check(FOUND, address, backend=18)


def test_of_calls_that_wait_for_a_silent_server_not_each_waits_for_its_own_attempt() -> None:
    accepted: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as silent:
        taker = threading.Thread(target=lambda: accepted.append(silent.accept()[0]), daemon=True)
        taker.start()
        url = f"postgresql://ann@127.0.0.1:{silent.getsockname()[1]}/work?connect_timeout=2"
        connector = Connector(Address(url, {}), "test")
        with pytest.raises(Unavailable, match="does not answer") as first:
            connector.connect()
        for _ in range(100):
            with pytest.raises(Unavailable) as again:
                connector.connect()
            assert str(again.value) == str(first.value)
        taker.join()
        assert len(accepted) == 1, "it was asked once"
    for one in accepted:
        one.close()


def test_a_link_that_is_closed_does_not_work(database: str) -> None:
    link = Connector(Address(database, {}), "test").connect()
    worked = [link.works]
    link.close()
    assert [*worked, link.works] == [True, False]
    assert not link.abort_if_silent()
