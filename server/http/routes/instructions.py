"""Routes of instructions: what a user wants models to be told in new sessions, and what one session's model is told of it."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from server.http import schemas
from server.http.endpoints import SESSION, Endpoint
from server.http.requests import authorized_session, caller, read_struct
from server.http.responses import json_response
from server.sessions.manager import SessionManager
from server.sessions.rows import load_options

BODY_BYTES_MAX: Final = 16_384
PATH: Final = "/api/instructions"


class InstructionRoutes:
    """Handlers of the routes of instructions."""

    def __init__(self, manager: SessionManager) -> None:
        self._journal = manager.journal
        self._manager = manager

    async def read(self, request: Request) -> Response:
        """Read the caller's instructions: what models are told in their new sessions."""
        return json_response(schemas.Instructions(await self._journal.instructions(caller(request).user_id)))

    async def keep(self, request: Request) -> Response:
        """Keep the caller's instructions, in place of the last. Sessions that were made before keep theirs."""
        form = '{"instructions": "..."}'
        given = await read_struct(request, schemas.Instructions, BODY_BYTES_MAX, form)
        await self._journal.instruct(caller(request).user_id, given.instructions.strip())
        return Response(status_code=204)

    async def of_session(self, request: Request) -> Response:
        """Read the instructions that a session was made with; for its owner."""
        session_id = await authorized_session(self._manager, request, "owner")
        row = (await self._journal.stat(session_id)).row
        return json_response(schemas.Instructions(load_options(row.options).instructions))


ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path=PATH,
        needs="sessions",
        handler=InstructionRoutes.read,
        name="instructions",
        answers={200: schemas.Instructions},
        refusals=(503,),
    ),
    Endpoint(
        method="PUT",
        path=PATH,
        needs="sessions",
        handler=InstructionRoutes.keep,
        name="instruct",
        body=schemas.Instructions,
        answers={204: None},
        refusals=(503,),
    ),
    Endpoint(
        method="GET",
        path=f"{SESSION}/instructions",
        needs="session",
        handler=InstructionRoutes.of_session,
        name="session_instructions",
        answers={200: schemas.Instructions},
        refusals=(404, 503),
    ),
)
