"""Route of tickets: a credential for one websocket, for whoever has credentials."""

import asyncio
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from server.auth.tickets import LASTS_S, Tickets, TooManyTickets
from server.http import schemas
from server.http.endpoints import Endpoint
from server.http.requests import caller
from server.http.responses import json_response
from server.util.refusal import HTTPRefusal


class TicketRoutes:
    """Handler of the route."""

    def __init__(self, tickets: Tickets) -> None:
        self._tickets = tickets

    async def create(self, request: Request) -> Response:
        """Make a ticket, which lets one websocket in as the caller."""
        try:
            ticket = await self._tickets.make(caller(request), asyncio.get_running_loop().time())
        except TooManyTickets as error:
            return HTTPRefusal("unavailable", str(error), retry_after_s=LASTS_S).as_response()
        return json_response(schemas.Ticket(ticket, LASTS_S), 201)


ENDPOINTS: Final = (
    Endpoint(
        method="POST",
        path="/api/tickets",
        needs="anyone",
        handler=TicketRoutes.create,
        name="Ticket_create",
        answers={201: schemas.Ticket},
        refusals=(503,),
    ),
)
