"""Routes of OpenAI's API: chat completions and responses, which drive sessions, and the list of models."""

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from agent.util.places import PlacesTaken
from protocol.submissions import SetModel, UserInput
from server.http.bodies import Bodies
from server.http.compatible import openai_request
from server.http.compatible.ag_ui_request import own_id
from server.http.compatible.attached import Attached
from server.http.compatible.conversations import Conversations
from server.http.compatible.driving import LetGo, driven, stop
from server.http.compatible.event_stream import HEARTBEAT, EventStream, Whole, data, event_data
from server.http.compatible.messages import Said
from server.http.compatible.openai_chat import ChatMapping
from server.http.compatible.openai_errors import TurnFailed, failure
from server.http.compatible.openai_request import Asked, BadRequest, ChatRequest, ResponseRequest
from server.http.compatible.openai_responses import ResponseMapping
from server.http.compatible.reading import read_json
from server.http.compatible.runs import Run
from server.http.endpoints import JSON_OBJECT, Endpoint
from server.http.requests import bad_request, caller
from server.http.responses import json_response
from server.journal.base import JournalError
from server.sessions.errors import GoingAway, SessionCapacityError, SessionNotFound
from server.sessions.manager import SessionManager
from server.util.refusal import HTTPRefusal, RequestRefused
from server.websocket.admission import SocketAdmission
from server.websocket.handshake import session_refusal

Answer = Response | EventStream | Whole
NO_RETRY: Final = {"x-should-retry": "false"}
"""OpenAI's clients send a request again after many errors. What ran is not to run again by itself."""


def shaped(handler: Callable[..., Awaitable[Answer]]) -> Callable[..., Awaitable[Answer]]:
    """The handler, whose refusals have the shape that OpenAI's clients read."""

    async def handle(self: "OpenaiRoutes", request: Request) -> Answer:
        try:
            if not self.enabled:
                refusal = HTTPRefusal("not_found", "this is off at this server: `compatible.openai` switches it on")
                raise RequestRefused(refusal)
            return await handler(self, request)
        except RequestRefused as refused:
            refusal = refused.refusal
        except PlacesTaken as error:
            refusal = HTTPRefusal("unavailable", str(error), retry_after_s=5)
        except (SessionNotFound, SessionCapacityError, GoingAway, JournalError) as error:
            refusal = session_refusal(error)
        answer = refusal.as_response(openai=True)
        if refusal.status == 409:
            answer.headers.update(NO_RETRY)
        return answer

    handle.__doc__ = handler.__doc__
    return handle


class OpenaiRoutes:
    """Handlers of the routes. `enabled`: whether they are on."""

    def __init__(
        self, manager: SessionManager, admission: SocketAdmission, offered: Callable[[], list[str]], *, enabled: bool
    ) -> None:
        """`offered`: the models that a client may choose from."""
        self.enabled = enabled
        self._manager = manager
        self._admission = admission
        self._offered = offered
        self._bodies = Bodies()
        self._conversations = Conversations()

    @shaped
    async def models(self, request: Request) -> Answer:
        """List the models, in the shape of OpenAI's API; `holdfast` is the one that a session has."""
        names = [openai_request.OWN_MODEL, *self._offered()]
        models = [{"id": name, "object": "model", "created": 0, "owned_by": "holdfast"} for name in names]
        return json_response({"object": "list", "data": models})

    @shaped
    async def chat(self, request: Request) -> Answer:
        """Say something to a session, as a chat completion of OpenAI's API."""
        principal = caller(request)
        wanted = await read_json(self._bodies, request, principal.user_id, ChatRequest)
        asked = _read(lambda: openai_request.chat(wanted, request.headers.get("x-openwebui-chat-id", "")))
        attached, run, seq, input_id = await self._begin(request, asked, wanted.model)
        own = f"chatcmpl-{attached.row.session_id}-{seq}"
        mapping = ChatMapping(own, int(time.time()), attached.row.model)
        usage = wanted.stream_options is not None and wanted.stream_options.include_usage

        async def parts() -> AsyncGenerator[bytes, None]:
            yield data(mapping.started())
            try:
                async for events in driven(attached, run, self._admission.limits.heartbeat_s):
                    yield b"".join(data(one) for event in events for one in mapping.chunks(event)) or HEARTBEAT
                self._ended(attached, asked, mapping.end, mapping.text)
            except (TurnFailed, LetGo, JournalError) as error:
                yield data({"error": _failed(error).error})
            else:
                yield b"".join(map(data, mapping.finished(with_usage=usage))) + b"data: [DONE]\n\n"

        async def whole() -> Response:
            try:
                async for events in driven(attached, run, self._admission.limits.heartbeat_s):
                    for event in events:
                        mapping.chunks(event)
                self._ended(attached, asked, mapping.end, mapping.text)
            except (TurnFailed, LetGo, JournalError) as error:
                return _failure(_failed(error))
            return json_response(mapping.completion())

        return self._answer(attached, run, input_id, parts() if wanted.stream else whole)

    @shaped
    async def responses(self, request: Request) -> Answer:
        """Say something to a session, as a response of OpenAI's API."""
        principal = caller(request)
        wanted = await read_json(self._bodies, request, principal.user_id, ResponseRequest)
        asked = _read(lambda: openai_request.response(wanted))
        attached, run, seq, input_id = await self._begin(request, asked, wanted.model)
        own = f"resp_{attached.row.session_id}_{seq:x}"
        mapping = ResponseMapping(own, int(time.time()), attached.row.model, wanted.previous_response_id)

        async def parts() -> AsyncGenerator[bytes, None]:
            yield _named(mapping.started())
            try:
                async for events in driven(attached, run, self._admission.limits.heartbeat_s):
                    yield b"".join(_named(mapping.events(event)) for event in events) or HEARTBEAT
                self._ended(attached, asked, mapping.end, mapping.text)
            except (TurnFailed, LetGo, JournalError) as error:
                yield _named(mapping.failed(_failed(error)))
            else:
                yield _named(mapping.finished())

        async def whole() -> Response:
            try:
                async for events in driven(attached, run, self._admission.limits.heartbeat_s):
                    for event in events:
                        mapping.events(event)
                self._ended(attached, asked, mapping.end, mapping.text)
            except (TurnFailed, LetGo, JournalError) as error:
                return _failure(_failed(error))
            return json_response(mapping.response())

        return self._answer(attached, run, input_id, parts() if wanted.stream else whole)

    async def _begin(self, request: Request, asked: Asked, model: str) -> tuple[Attached, Run, int, str]:
        """Hand in what is said: the session, the run, the position of its `accepted`, and the input's id. Raises `RequestRefused`."""
        principal = caller(request)
        key = request.headers.get("idempotency-key", "")
        attached = Attached(self._admission, self._manager, principal)
        try:
            name = asked.name or (f"request {key}" if key else "")
            known = None if name else self._conversations.take(principal.user_id, asked.earlier)
            await attached.open(name or known or None)
            if model not in ("", openai_request.OWN_MODEL, attached.row.model):
                await attached.submit(SetModel(model=model))
            said = UserInput(text=asked.text, id=own_id(key) if key else own_id(f"{time.time_ns()} {id(attached)}"))
            input_id = str(said.id)
            seq = await attached.say(said, asked.earlier)
            attached.cursor.advance(seq - 1)
        except BaseException:
            await attached.keep.aclose()
            raise
        return attached, Run(input_id), seq, input_id

    def _ended(self, attached: Attached, asked: Asked, end: Any, text: str) -> None:
        """Remember how the conversation ended. Raises `TurnFailed` if it did not end well."""
        failed = failure(end)
        if failed is not None:
            raise failed
        if not asked.name:
            history = [*asked.earlier, Said("user", asked.text), Said("assistant", text)]
            self._conversations.keep(attached.principal.user_id, history, attached.row.session_id)

    def _answer(
        self,
        attached: Attached,
        run: Run,
        input_id: str,
        work: AsyncGenerator[bytes, None] | Callable[[], Awaitable[Response]],
    ) -> Answer:
        headers = {"holdfast-session": attached.row.session_id}

        async def left() -> None:
            await stop(attached, run, input_id)

        shared: dict[str, Any] = {
            "principal": attached.principal,
            "sockets": self._admission.open,
            "headers": headers,
            "on_left": left,
        }
        if callable(work):
            return Whole(work, attached.keep, **shared)
        return EventStream(work, attached.keep, send_timeout_s=self._admission.limits.send_timeout_s, **shared)


def _read(read: Callable[[], Asked]) -> Asked:
    try:
        return read()
    except BadRequest as error:
        raise bad_request(str(error)) from error


def _failed(error: TurnFailed | LetGo | JournalError) -> TurnFailed:
    return error if isinstance(error, TurnFailed) else TurnFailed("unavailable", f"{error}; the session is kept")


def _failure(failed: TurnFailed) -> Response:
    answer = json_response({"error": failed.error}, failed.status)
    answer.headers.update(NO_RETRY)
    return answer


def _named(events: Sequence[dict[str, Any]]) -> bytes:
    return b"".join(event_data(event["type"], event) for event in events)


REFUSALS: Final = (404, 408, 409, 413, 429, 500, 503, 504)
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
        answers={200: JSON_OBJECT, **dict.fromkeys((400, *REFUSALS), JSON_OBJECT)},
    ),
    Endpoint(
        method="POST",
        path="/v1/responses",
        needs="sessions",
        handler=OpenaiRoutes.responses,
        name="Openai_responses",
        body=ResponseRequest,
        answers={200: JSON_OBJECT, **dict.fromkeys((400, *REFUSALS), JSON_OBJECT)},
    ),
)
