"""Tickets: one websocket, once, for half a minute, as their user; a false one opens nothing that a page of another site may not."""

import logging
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from protocol import SUBPROTOCOL_JSON, SUBPROTOCOL_TICKET
from server.auth.principal import Principal
from server.auth.tickets import LASTS_S, PER_USER_MAX, OwnTickets, TooManyTickets
from tests.support.application import settings_for
from tests.support.live import Live, client, listening
from tests.support.network.http_client import http_client
from tests.support.users import users

ANN = Principal(user_id="ann", rights=frozenset({"sessions"}), credential="token:1", by_cookie=True)


async def test_a_ticket_is_good_once_and_for_half_a_minute() -> None:
    tickets = OwnTickets()
    ticket, late = await tickets.make(ANN, 100.0), await tickets.make(ANN, 100.0)
    holder = await tickets.use(ticket, 100.0 + LASTS_S - 1)
    assert holder is not None and (holder.user_id, holder.by_cookie) == ("ann", False)
    assert await tickets.use(ticket, 100.0) is None
    assert await tickets.use(late, 100.0 + LASTS_S) is None
    assert await tickets.use("", 100.0) is None


async def test_a_user_has_the_newest_tickets_alone_and_the_server_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    tickets = OwnTickets()
    made = [await tickets.make(ANN, 1.0) for _ in range(PER_USER_MAX + 1)]
    assert await tickets.use(made[0], 1.0) is None and await tickets.use(made[-1], 1.0) is not None
    monkeypatch.setattr("server.auth.tickets.TICKETS_MAX", PER_USER_MAX - 1)
    bob = Principal(user_id="bob", rights=frozenset(), credential="token:2")
    with pytest.raises(TooManyTickets):
        await tickets.make(bob, 1.0)
    await tickets.make(bob, 1.0 + LASTS_S)


async def opened(live: Live, ticket: str, session_id: str = "", **headers: str) -> Any:
    """The protocol that is chosen with this ticket, or the status of the refusal."""
    offered: Any = [SUBPROTOCOL_JSON, *(SUBPROTOCOL_TICKET + one for one in ticket.split())]
    path = f"/{session_id}" if session_id else ""
    try:
        async with connect(live.ws + path, subprotocols=offered, additional_headers=headers) as socket:
            return socket.subprotocol
    except InvalidStatus as refused:
        return refused.response.status_code


async def ticket_of(http: httpx.AsyncClient) -> str:
    answer = await http.post("/api/tickets")
    assert answer.status_code == 201 and answer.headers["cache-control"] == "no-store"
    return str(answer.json()["ticket"])


async def test_a_ticket_lets_one_socket_in_as_its_user_and_is_in_no_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "holdfast")
    async with users(tmp_path) as everyone, everyone.http("alice") as http:
        live = everyone.live
        ticket = await ticket_of(http)
        assert await opened(live, ticket, Origin="vscode-webview://0c1d") == SUBPROTOCOL_JSON
        assert await opened(live, ticket) == 401
        assert await opened(live, await ticket_of(http), Origin="https://evil.example") == 403
        session_id = (await http.post("/api/sessions")).json()["session_id"]
        assert await opened(live, await ticket_of(http), session_id) == SUBPROTOCOL_JSON
        async with everyone.http("bob") as other:
            assert await opened(live, await ticket_of(other), session_id) == 404
        revoked = await ticket_of(http)
        everyone.revoke("alice")
        assert await opened(live, revoked) == 401
        assert ticket not in caplog.text and revoked not in caplog.text


async def test_a_false_ticket_opens_nothing_where_no_credentials_are_asked_for(tmp_path: Path) -> None:
    async with listening(settings_for(tmp_path)) as live:
        assert await opened(live, "false", Origin="null") == 401
        assert await opened(live, "a b", Origin="null") == 401
        async with http_client(live.http) as http:
            assert await opened(live, await ticket_of(http), Origin="null") == SUBPROTOCOL_JSON
            assert await opened(live, f"{await ticket_of(http)} b") == 401
        async with client(live) as plain:
            await plain.synced()
