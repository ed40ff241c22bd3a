"""Agent: what each request and notification of the editor does."""

import asyncio
import itertools
import os
import sys
import traceback
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path

from clients.acp.dialects.v1 import V1, Offers
from clients.acp.dialects.v2 import V2
from clients.acp.held import HeldSession, Room, Write
from clients.acp.mapping.prompts import CANCEL_ANSWER_S
from clients.acp.mapping.servers import given_servers
from clients.acp.mapping.session import SessionMapping
from clients.acp.mapping.settings import Offered
from clients.acp.mapping.types import Ids, Opening
from clients.acp.rpc import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    REQUEST_CANCELLED,
    Failure,
    Message,
    Notification,
    Request,
    RequestId,
    Response,
    Unreadable,
    read_line,
    refusal,
    result,
    text_of,
)
from clients.acp.server import Server
from clients.session.core import Position
from clients.session.tasks import Start

SESSIONS_MAX = 50
"""Sessions that an editor has open at once; a server allows a user 100 sockets."""

REQUESTS_MAX = 64
"""Requests that may wait for the server at once; more are refused."""


class Agent:
    """One editor. `version`: of this program. `start` runs tasks until the editor leaves."""

    def __init__(self, server: Server, version: str, start: Start, write: Write, room: Room) -> None:
        self._server = server
        self._version = version
        self._start = start
        self._write = write
        self._room = room
        self._loop = asyncio.get_running_loop()
        self._dialect: V1 = V1(Offers())
        self._sessions: dict[str, HeldSession] = {}
        self._offered = Offered()
        self._tasks: dict[RequestId, asyncio.Task[None]] = {}
        self._ids = Ids(itertools.count(1).__next__, lambda: uuid.uuid4().hex)
        self._slow: dict[str, Callable[[Request], Awaitable[None]]] = {
            "session/new": self._new,
            "session/load": self._open,
            "session/resume": self._open,
            "session/list": self._list,
            "session/delete": self._delete,
        }
        self._quick: dict[str, Callable[[Request], None]] = {
            "initialize": self._initialize,
            "session/prompt": self._prompt,
            "session/close": self._close,
            "session/set_config_option": self._set_option,
            "session/set_mode": self._set_mode,
        }

    def take(self, line: str) -> None:
        """Act on one line of the editor."""
        if not line.strip():
            return
        match read_line(line):
            case Unreadable(answer=answer):
                self._write(answer)
            case Response() as response:
                for held in list(self._sessions.values()):
                    held.do(held.mapping.answered(response))
            case Notification() as notification:
                self._notified(notification)
            case Request() as request:
                self._requested(request)

    # ------------------------------------------------------------------------------------------------- dispatch

    def _requested(self, request: Request) -> None:
        quick = self._quick.get(request.method)
        try:
            if quick is not None:
                quick(request)
            elif request.method not in self._slow:
                raise Failure(METHOD_NOT_FOUND, f"this agent has no method {request.method!r}")
            elif len(self._tasks) >= REQUESTS_MAX:
                raise Failure(INTERNAL_ERROR, f"{REQUESTS_MAX} requests wait for the server already")
            else:
                self._start(self._work(request), request.method)
        except Failure as failure:
            self._write(refusal(request.id, failure))

    async def _work(self, request: Request) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks[request.id] = task
        try:
            await self._slow[request.method](request)
        except Failure as failure:
            self._write(refusal(request.id, failure))
        except asyncio.CancelledError:
            if request.id in self._tasks:
                raise
            self._write(refusal(request.id, Failure(REQUEST_CANCELLED, "the request was cancelled")))
        except Exception as error:  # noqa: BLE001 - one request fails; the others and their sessions go on
            traceback.print_exc(file=sys.stderr)
            self._write(refusal(request.id, Failure(INTERNAL_ERROR, f"a fault of this program: {error!r}")))
        finally:
            self._tasks.pop(request.id, None)

    def _notified(self, notification: Notification) -> None:
        if notification.method == "session/cancel":
            held = self._sessions.get(str(notification.params.get("sessionId")))
            if held is not None:
                self._cancel(held, None)
        elif notification.method == "$/cancel_request":
            request_id = notification.params.get("requestId")
            for held in list(self._sessions.values()):
                if held.mapping.has_prompt(request_id):
                    self._cancel(held, request_id)
            task = self._tasks.pop(request_id, None) if isinstance(request_id, int | str) else None
            if task is not None:
                task.cancel()

    # -------------------------------------------------------------------------------------------------- methods

    def _initialize(self, request: Request) -> None:
        version = request.params.get("protocolVersion")
        if not isinstance(version, int):
            raise Failure(INVALID_PARAMS, "`protocolVersion` is a number")
        self._dialect = (V2 if version >= V2.version else V1)(_offers(request.params))
        self._write(result(request.id, self._dialect.capabilities(self._version)))

    async def _new(self, request: Request) -> None:
        servers = given_servers(request.params.get("mcpServers"))
        self._offered = await self._server.offered()
        session_id = await self._server.make(text_of(request.params, "cwd"), servers)
        held = self._attach(session_id, history=False)
        held.servers = servers
        held.do(held.mapping.open(request.id, "new"))

    async def _open(self, request: Request) -> None:
        session_id = text_of(request.params, "sessionId")
        opening, since = self._read_opening(request)
        servers = given_servers(request.params.get("mcpServers"))
        self._offered = await self._server.offered()
        if servers:
            await self._server.give(session_id, servers)
        held = self._sessions.get(session_id)
        if held is not None and not held.ended and (since or (opening == "load" and held.mapping.partial)):
            held.do(held.mapping.close())
            held.leave()
        if held is None or held.ended:
            held = self._attach(session_id, history=opening == "load" or since is not None)
        held.servers = servers or held.servers
        held.do(held.mapping.open(request.id, opening, since))

    def _read_opening(self, request: Request) -> tuple[Opening, Position | None]:
        """Whether the client wants the history, or what came after a position. Raises `Failure`."""
        if self._dialect.version == 1:
            return ("load" if request.method == "session/load" else "resume"), None
        if request.method == "session/load":
            raise Failure(METHOD_NOT_FOUND, "version 2 has no `session/load`; use `session/resume` with `replayFrom`")
        match request.params.get("replayFrom"):
            case None:
                return "resume", None
            case {"type": "start"}:
                return "load", None
            case {"type": "_holdfast.position", "epoch": str(epoch), "seq": int(seq)} if seq >= 0:
                return "resume", Position(epoch, seq)
        raise Failure(
            INVALID_PARAMS, "`replayFrom` is of the type `start`, or `_holdfast.position` with `epoch` and `seq`"
        )

    async def _list(self, request: Request) -> None:
        cwd, cursor = request.params.get("cwd"), request.params.get("cursor")
        if not isinstance(cwd, str | None) or not isinstance(cursor, str | None):
            raise Failure(INVALID_PARAMS, "`cwd` and `cursor` are texts")
        page = await self._server.sessions(cursor)
        listed = [
            {
                "sessionId": one.session_id,
                "cwd": one.cwd or cwd or str(Path.cwd()),
                "title": one.title or None,
                "updatedAt": one.last_active_at or None,
            }
            for one in page.sessions
            if one.message_count and (cwd is None or _is_there(one.cwd, cwd))
        ]
        more = {"nextCursor": page.next} if page.next else {}
        self._write(result(request.id, {"sessions": listed, **more}))

    async def _delete(self, request: Request) -> None:
        session_id = text_of(request.params, "sessionId")
        await self._server.delete(session_id)
        self._let_go(session_id)
        self._write(result(request.id, {}))

    def _prompt(self, request: Request) -> None:
        held = self._held(text_of(request.params, "sessionId"))
        held.do(held.mapping.prompt(request.id, request.params.get("prompt")))

    def _close(self, request: Request) -> None:
        self._let_go(text_of(request.params, "sessionId"))
        self._write(result(request.id, {}))

    def _set_option(self, request: Request) -> None:
        held = self._held(text_of(request.params, "sessionId"))
        held.do(held.mapping.set_option(request.id, request.params))

    def _set_mode(self, request: Request) -> None:
        held = self._held(text_of(request.params, "sessionId"))
        held.do(held.mapping.set_mode(request.id, request.params))

    # ------------------------------------------------------------------------------------------------- sessions

    def _held(self, session_id: str) -> HeldSession:
        """The session; one that the server or an earlier process let go of is opened again, without its history."""
        held = self._sessions.get(session_id)
        return self._attach(session_id, history=False) if held is None or held.ended else held

    def _attach(self, session_id: str, *, history: bool) -> HeldSession:
        self._sessions = {key: held for key, held in self._sessions.items() if not held.ended}
        if len(self._sessions) >= SESSIONS_MAX:
            raise Failure(INTERNAL_ERROR, f"{SESSIONS_MAX} sessions are open in this editor already; close one")
        mapping = SessionMapping(session_id, self._dialect, self._ids, self._offered)
        client = self._server.client(session_id, history=history)
        held = HeldSession(self._server, client, mapping, self._write, self._room)
        self._sessions[session_id] = held
        self._start(held.run(), f"session {session_id}")
        return held

    def _let_go(self, session_id: str) -> None:
        held = self._sessions.pop(session_id, None)
        if held is not None:
            held.do(held.mapping.close())
            held.leave()

    def _cancel(self, held: HeldSession, request_id: RequestId) -> None:
        now = self._loop.time()
        held.do(held.mapping.cancel(now, request_id))
        self._loop.call_later(CANCEL_ANSWER_S, lambda: held.do(held.mapping.overdue(now + CANCEL_ANSWER_S)))


def _offers(params: Message) -> Offers:
    """What a client says it can show; one of version 2 shows compactions and notices without a word."""
    capabilities = _object(params, "clientCapabilities") or _object(params, "capabilities")
    session, elicitation = _object(capabilities, "session"), _object(capabilities, "elicitation")
    return Offers(
        compaction=isinstance(session.get("compaction"), dict),
        notices=isinstance(session.get("notices"), dict),
        forms=isinstance(elicitation.get("form"), dict),
        links=isinstance(elicitation.get("url"), dict),
    )


def _object(parent: Message, name: str) -> Message:
    value = parent.get(name)
    return value if isinstance(value, dict) else {}


def _is_there(folder: str, cwd: str) -> bool:
    """Whether a session that works in `folder` belongs to the editor's folder; one that works in none does to each."""
    return folder in ("", cwd, os.path.realpath(cwd))
