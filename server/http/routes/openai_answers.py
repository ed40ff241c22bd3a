"""Answers of OpenAI's API: chat completions and responses, which drive sessions, and the list of models. Imported where it is on alone."""

import secrets
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import partial
from typing import Any, Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from protocol import events as ev
from protocol.submissions import SetModel, UserInput
from server.http.bodies import Bodies
from server.http.compatible import openai_request
from server.http.compatible.ag_ui_request import own_id
from server.http.compatible.attached import Attached
from server.http.compatible.conversations import Conversations
from server.http.compatible.driving import LetGo, driven, stop
from server.http.compatible.event_stream import HEARTBEAT, EventStream, Whole
from server.http.compatible.messages import Said
from server.http.compatible.openai_chat import ChatMapping
from server.http.compatible.openai_errors import TurnFailed, failure
from server.http.compatible.openai_request import Asked, BadRequest, ChatRequest, ResponseRequest
from server.http.compatible.openai_responses import ResponseMapping
from server.http.compatible.reading import read_json
from server.http.compatible.runs import Run
from server.http.requests import bad_request, caller
from server.http.responses import json_response
from server.journal.base import JournalError
from server.sessions.manager import SessionManager
from server.util.refusal import RequestRefused
from server.websocket.admission import SocketAdmission
from server.websocket.policy import SubmissionPolicy

Answer = Response | EventStream | Whole
Mapping = ChatMapping | ResponseMapping
NO_RETRY: Final = {"x-should-retry": "false"}
"""OpenAI's clients send a request again after many errors. What ran is not to run again by itself."""


class Talk(NamedTuple):
    """What one request said to a session, and what follows from it. `seq`: the position of its `accepted`. `model`: that answers."""

    attached: Attached
    run: Run
    input_id: str
    seq: int
    asked: Asked
    model: str


def route(handler: Callable[..., Awaitable[Answer]]) -> Callable[..., Awaitable[Answer]]:
    """The handler; a client is told not to send again what will be refused again."""

    async def handle(self: "OpenaiAnswers", request: Request) -> Answer:
        try:
            return await handler(self, request)
        except RequestRefused as refused:
            if refused.refusal.status != 409:
                raise
            answer = refused.refusal.as_response(request.scope["path"])
            answer.headers.update(NO_RETRY)
            return answer

    handle.__doc__ = handler.__doc__
    return handle


class OpenaiAnswers:
    """What the routes do."""

    def __init__(self, manager: SessionManager, admission: SocketAdmission, offered: Callable[[], list[str]]) -> None:
        """`offered`: the models that a client may choose from."""
        self._manager = manager
        self._admission = admission
        self._offered = offered
        self._bodies = Bodies()
        self._conversations = Conversations()

    @route
    async def models(self, request: Request) -> Answer:
        """List the models, in the shape of OpenAI's API; `holdfast` is the one that a session has."""
        names = [openai_request.OWN_MODEL, *self._offered()]
        models = [{"id": name, "object": "model", "created": 0, "owned_by": "holdfast"} for name in names]
        return json_response({"object": "list", "data": models})

    @route
    async def chat(self, request: Request) -> Answer:
        """Say something to a session, as a chat completion of OpenAI's API."""
        wanted = await read_json(self._bodies, request, self._policy(request), ChatRequest)
        asked = _read(lambda: openai_request.chat(wanted, request.headers.get("x-openwebui-chat-id", "")))
        talk = await self._begin(request, asked, wanted.model)
        own = f"chatcmpl-{talk.attached.row.session_id}-{talk.seq}"
        usage = wanted.stream_options is not None and wanted.stream_options.include_usage
        mapping = ChatMapping(own, int(time.time()), talk.model, with_usage=usage)
        return self._answer(talk, mapping, stream=bool(wanted.stream))

    @route
    async def responses(self, request: Request) -> Answer:
        """Say something to a session, as a response of OpenAI's API."""
        wanted = await read_json(self._bodies, request, self._policy(request), ResponseRequest)
        talk = await self._begin(request, _read(lambda: openai_request.response(wanted)), wanted.model)
        own = f"resp_{talk.attached.row.session_id}_{talk.seq:x}"
        mapping = ResponseMapping(own, int(time.time()), talk.model, wanted.previous_response_id)
        return self._answer(talk, mapping, stream=bool(wanted.stream))

    def _policy(self, request: Request) -> SubmissionPolicy:
        return self._admission.policy(caller(request), "owner")

    async def _begin(self, request: Request, asked: Asked, model: str) -> Talk:
        """Hand in what is said. Raises `RequestRefused`, and as `Attached.open`."""
        user_id = caller(request).user_id
        key = request.headers.get("idempotency-key", "")
        name = asked.name or (f"request {key}" if key else "")
        known = None if name else self._conversations.take(user_id, asked.earlier)
        attached = Attached(self._admission, self._manager, caller(request))
        try:
            await attached.open(name or known)
            if model not in ("", openai_request.OWN_MODEL, attached.row.model):
                await attached.submit(SetModel(model=model))
            said = UserInput(text=asked.text, id=own_id(key) if key else secrets.token_hex(16))
            seq = await attached.say(said, asked.earlier)
            attached.cursor.advance(seq - 1)
        except BaseException:
            if known is not None:
                self._conversations.keep(user_id, asked.earlier, known)
            await attached.keep.aclose()
            raise
        model = attached.row.model if model in ("", openai_request.OWN_MODEL) else model
        return Talk(attached, Run(str(said.id)), str(said.id), seq, asked, model)

    def _answer(self, talk: Talk, mapping: Mapping, *, stream: bool) -> Answer:
        async def left() -> None:
            self._remember(talk, mapping.text, well=False)
            await stop(talk.attached, talk.run, talk.input_id)

        shared: dict[str, Any] = {
            "principal": talk.attached.principal,
            "sockets": self._admission.open,
            "headers": {"holdfast-session": talk.attached.row.session_id},
            "on_left": left,
        }
        if not stream:
            return Whole(partial(self._whole, talk, mapping), talk.attached.keep, **shared)
        timeout_s = self._admission.limits.send_timeout_s
        return EventStream(self._parts(talk, mapping), talk.attached.keep, send_timeout_s=timeout_s, **shared)

    async def _parts(self, talk: Talk, mapping: Mapping) -> AsyncGenerator[bytes, None]:
        yield mapping.encoded(mapping.started())
        try:
            async for events in self._events(talk, mapping):
                yield mapping.encoded([one for event in events for one in mapping.events(event)]) or HEARTBEAT
        except TurnFailed as failed:
            yield mapping.encoded(mapping.failed(failed))
        else:
            yield mapping.encoded(mapping.finished()) + mapping.LAST

    async def _whole(self, talk: Talk, mapping: Mapping) -> Response:
        try:
            async for events in self._events(talk, mapping):
                for event in events:
                    mapping.events(event)
        except TurnFailed as failed:
            answer = json_response({"error": failed.error}, failed.status)
            answer.headers.update(NO_RETRY)
            return answer
        return json_response(mapping.whole())

    async def _events(self, talk: Talk, mapping: Mapping) -> AsyncGenerator[list[ev.Event], None]:
        """The events of the turn. Raises `TurnFailed` if it did not end well."""
        last: ev.Event | None = None
        try:
            async for events in driven(talk.attached, talk.run, self._admission.limits.heartbeat_s):
                last = events[-1] if events else last
                yield events
            failed = failure(last)
        except (LetGo, JournalError) as error:
            failed = TurnFailed("unavailable", f"{error}; the session is kept")
        self._remember(talk, mapping.text, well=failed is None)
        if failed is not None:
            raise failed

    def _remember(self, talk: Talk, text: str, *, well: bool) -> None:
        """Remember where the conversation stands. What did not end well may be said again, or be followed by what there is of the answer."""
        if talk.asked.name:
            return
        earlier, user_id = talk.asked.earlier, talk.attached.principal.user_id
        history = [*earlier, Said("user", talk.asked.text), Said("assistant", text)]
        for one in [history] if well else [history, earlier]:
            self._conversations.keep(user_id, one, talk.attached.row.session_id)


def _read(read: Callable[[], Asked]) -> Asked:
    try:
        return read()
    except BadRequest as error:
        raise bad_request(str(error)) from error
