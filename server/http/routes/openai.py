"""Routes of OpenAI's API: what they need and take; `openai_answers` does it, where they are on."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import msgspec
from starlette.requests import Request
from starlette.types import ASGIApp

from server.http.compatible.openai_request import ChatRequest, ResponseRequest
from server.http.endpoints import JSON_OBJECT, Endpoint
from server.sessions.manager import SessionManager
from server.util.refusal import HTTPRefusal, RequestRefused
from server.websocket.admission import SocketAdmission

if TYPE_CHECKING:
    from server.http.routes.openai_answers import OpenaiAnswers


class OpenaiRoutes:
    """Handlers of the routes. `enabled`: whether they are on."""

    def __init__(
        self, manager: SessionManager, admission: SocketAdmission, offered: Callable[[], list[str]], *, enabled: bool
    ) -> None:
        """`offered`: the models that a client may choose from."""
        self._served = None
        if enabled:
            from server.http.routes.openai_answers import OpenaiAnswers  # most servers start sooner without

            self._served = OpenaiAnswers(manager, admission, offered)

    async def models(self, request: Request) -> ASGIApp:
        """List the models, in the shape of OpenAI's API; `holdfast` is the one that a session has."""
        return await self._answers.models(request)

    async def chat(self, request: Request) -> ASGIApp:
        """Say something to a session, as a chat completion of OpenAI's API."""
        return await self._answers.chat(request)

    async def responses(self, request: Request) -> ASGIApp:
        """Say something to a session, as a response of OpenAI's API."""
        return await self._answers.responses(request)

    @property
    def _answers(self) -> "OpenaiAnswers":
        if self._served is None:
            refusal = HTTPRefusal("not_found", "this is off at this server: `compatible.openai` switches it on")
            raise RequestRefused(refusal)
        return self._served


ANSWERS: Final = {
    200: msgspec.structs.replace(JSON_OBJECT, streamed=True),
    **dict.fromkeys((400, 404, 408, 409, 413, 429, 500, 503, 504), JSON_OBJECT),
}
ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="/v1/models",
        needs="sessions",
        handler=OpenaiRoutes.models,
        name="Openai_models",
        answers={200: JSON_OBJECT, 404: JSON_OBJECT},
    ),
    Endpoint(
        method="POST",
        path="/v1/chat/completions",
        needs="sessions",
        handler=OpenaiRoutes.chat,
        name="Openai_chat",
        body=ChatRequest,
        answers=ANSWERS,
    ),
    Endpoint(
        method="POST",
        path="/v1/responses",
        needs="sessions",
        handler=OpenaiRoutes.responses,
        name="Openai_responses",
        body=ResponseRequest,
        answers=ANSWERS,
    ),
)
