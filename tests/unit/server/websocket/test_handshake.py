"""Websocket handshake: what the query may ask for."""

import msgspec
import pytest

from protocol.limits import MAX_MESSAGE_MIN, Limits
from server.util.refusal import RequestRefused
from server.websocket.handshake import Position, SocketOptions, read_options, shared_bytes


def test_without_a_query_a_client_gets_a_snapshot_in_messages_of_any_size() -> None:
    assert read_options(b"") == read_options(b"of=another&version=1") == SocketOptions()


def test_all_that_can_be_asked_for() -> None:
    options = read_options(b"after=7&epoch=e&max_message=32768&final_response=no")
    assert options == SocketOptions(Position("e", 7), 32_768, final_response=False)


@pytest.mark.parametrize(
    "query",
    [
        "after=x",
        "after=-1",
        "after=9223372036854775808",
        "after=1&after=2",
        "max_message=16383",
        "max_message=",
        "max_message=1e6",
        "max_message=20000&max_message=20000",
        "final_response=false",
    ],
)
def test_what_makes_no_sense_is_refused_by_its_name(query: str) -> None:
    with pytest.raises(RequestRefused) as refused:
        read_options(query.encode())
    assert (refused.value.refusal.status, refused.value.refusal.code) == (400, "bad_request")
    assert f"`{query.partition('=')[0]}`" in refused.value.refusal.message


def test_the_limit_of_a_socket_is_what_its_client_takes_or_the_servers() -> None:
    server = Limits()
    assert SocketOptions().limits(server) is server
    assert SocketOptions(max_message=2**30).limits(server) is server
    small = SocketOptions(max_message=20_000).limits(server)
    assert small == msgspec.structs.replace(server, outbound_frame_bytes=20_000)


def test_snapshots_have_few_sizes_whatever_clients_ask_for() -> None:
    limits = Limits()
    sizes = {shared_bytes(SocketOptions(max_message=most), limits) for most in range(MAX_MESSAGE_MIN, 2**25, 9_999)}
    assert len(sizes) == 11
    assert shared_bytes(SocketOptions(), limits) == limits.outbound_frame_bytes
    assert shared_bytes(SocketOptions(max_message=20_000), limits) <= 20_000
