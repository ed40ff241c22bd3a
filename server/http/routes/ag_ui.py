"""Route of AG-UI: what it needs and takes; `ag_ui_runs` does it, where it is on."""

from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp

from server.http.compatible.ag_ui_request import RunAgentInput
from server.http.compatible.uploads import Uploads
from server.http.endpoints import EVENT_STREAM, Endpoint
from server.sessions.manager import SessionManager
from server.util.refusal import HTTPRefusal
from server.websocket.admission import SocketAdmission


class AgUiRoutes:
    """Handler of the route. `enabled`: whether it is on."""

    def __init__(self, manager: SessionManager, admission: SocketAdmission, uploads: Uploads, *, enabled: bool) -> None:
        self._runs = None
        if enabled:
            from server.http.routes.ag_ui_runs import AgUiRuns  # most servers start sooner without

            self._runs = AgUiRuns(manager, admission, uploads)

    async def run(self, request: Request) -> ASGIApp:
        """Run an AG-UI thread: say something, answer interrupts, or come back to what runs."""
        if self._runs is None:
            return HTTPRefusal(
                "not_found", "AG-UI is off at this server: `compatible.ag_ui` switches it on"
            ).as_response()
        return await self._runs.run(request)


ENDPOINTS: Final = (
    Endpoint(
        method="POST",
        path="/ag-ui",
        needs="sessions",
        handler=AgUiRoutes.run,
        name="AgUi_run",
        body=RunAgentInput,
        answers={200: EVENT_STREAM},
        refusals=(404, 408, 409, 413, 429, 503),
    ),
)
