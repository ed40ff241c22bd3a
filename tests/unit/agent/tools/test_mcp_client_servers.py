"""Client servers: what a client gives is kept for its session, each bad one is refused alone, with the reason."""

from typing import Any

from agent.tools.mcp.client_servers import SERVERS_MAX, SESSIONS_MAX, ClientServers

HTTP = {"url": "http://localhost:9/mcp", "headers": {"Authorization": "Bearer x"}}
STDIO = {"command": "mcp-shop", "args": ["--fast"], "env": {"SHOP": "1"}}


def give(servers: ClientServers, given: dict[str, Any], session: str = "s", **may: bool) -> dict[str, str]:
    return servers.give(session, given, may_run=may.get("run", True)).refused


def test_what_is_given_takes_the_place_of_what_was_given_before() -> None:
    servers = ClientServers({})
    assert give(servers, {"a": HTTP, "b": STDIO}) == {}
    assert {name: (one.url, one.command) for name, one in servers.of("s").items()} == {
        "a": ("http://localhost:9/mcp", ""),
        "b": ("", "mcp-shop"),
    }
    assert not any(one.trusted or one.owner_token for one in servers.of("s").values())
    give(servers, {"c": HTTP})
    assert list(servers.of("s")) == ["c"] and servers.of("other") == {}
    servers.drop("s")
    assert servers.of("s") == {}


def test_the_same_given_again_changes_nothing() -> None:
    servers = ClientServers({})
    given = [{"a": HTTP}, {"a": HTTP, "bad": {}}, {"a": HTTP}, {"a": STDIO}, {}, {}]
    changed = [servers.give("s", one, may_run=True).changed for one in given]
    assert changed == [True, False, False, True, True, False]


def test_a_bad_one_is_refused_alone() -> None:
    servers = ClientServers({"mine": None})
    bad = {
        "mine": HTTP,
        "": HTTP,
        "both": {**HTTP, **STDIO},
        "neither": {},
        "odd": {"url": "ftp://x"},
        "trusting": {**HTTP, "trusted": True},
        "typed": {"url": 7},
        "headers": {"url": "http://x", "headers": {"a b": "c"}},
    }
    refused = give(servers, {**bad, "good": HTTP})
    assert set(refused) == set(bad) and all(refused.values())
    assert list(servers.of("s")) == ["good"]


def test_programs_are_for_who_may_name_them() -> None:
    servers = ClientServers({})
    assert set(give(servers, {"a": HTTP, "b": STDIO}, run=False)) == {"b"}
    assert set(servers.of("s")) == {"a"}


def test_their_number_is_bounded() -> None:
    servers = ClientServers({})
    refused = give(servers, {f"n{number}": HTTP for number in range(SERVERS_MAX + 1)})
    assert list(refused) == [f"n{SERVERS_MAX}"]
    for number in range(SESSIONS_MAX):
        give(servers, {"a": HTTP}, f"s{number}")
    assert servers.of("s") == {} and servers.of("s0") != {}
