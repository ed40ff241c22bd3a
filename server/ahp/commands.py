"""Commands: the requests of one client, carried out. What a session is asked by actions is in `dispatch`."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

from agent.models.types import ModelInfo
from agent.session.messages import SubmissionRefusal
from agent.util.executors import WorkExecutor
from agent.util.places import Holder
from agent.workspace.project_roots import ProjectFolders, ProjectRefused
from protocol.submissions import SetMode
from server import __version__
from server.ahp import catalog, rpc
from server.ahp.addresses import PROVIDER, ROOT, folder_path, session_id_of, session_of_chat, session_uri
from server.ahp.followed import FollowedSession, Step
from server.ahp.rpc import Message, RpcError, text_of
from server.ahp.sequence import MARK, base_of, sum_of
from server.auth.principal import Principal
from server.journal.base import Conflict, Deleted, JournalError
from server.sessions.access import authorize_session
from server.sessions.errors import GoingAway, SessionCapacityError, SessionNotFound
from server.sessions.manager import SessionManager
from server.sessions.rows import list_position_text, load_options, read_list_position
from server.util.refusal import RequestRefused
from server.websocket.admission import SocketAdmission

FOLLOWED_MAX: Final = 16
"""Sessions that one client may follow: each is in memory with its history."""
LISTED_MAX: Final = 200
"""Sessions in one page of the list."""
PROJECT_MODE: Final = "ask"
"""The mode of a session with a folder where none is asked for, as at `POST /api/sessions`."""
SESSION_ID_CHARS: Final = 32


@dataclass(frozen=True, slots=True)
class Host:
    """What all clients share. `models`, `modes`: what the server offers."""

    manager: SessionManager
    projects: ProjectFolders
    disk: WorkExecutor
    models: Callable[[], list[ModelInfo]]
    modes: list[str]
    admission: SocketAdmission
    tell: Callable[[str, str, Message], None]
    """Sends a notification to all clients of a user: the user's id, the method, the params."""


class Commands:
    """The requests of one client. `followed`: the sessions it follows, by the URI it uses. `total`: its `serverSeq` now. `disposed`: the session
    that it disposed of last."""

    def __init__(self, host: Host, principal: Principal, on_followed: Callable[[FollowedSession], None]) -> None:
        """`on_followed`: called with a session that is read, before the answer to the client."""
        self.followed: dict[str, FollowedSession] = {}
        self.client_id = self.disposed = ""
        self._host = host
        self._principal = principal
        self._on_followed = on_followed
        self._base = base_of(host.manager.journal.epoch)
        self._attached: dict[str, AsyncExitStack] = {}
        self._handlers: Mapping[str, Callable[[Message], Awaitable[object]]] = {
            "initialize": self._initialize,
            "reconnect": self._reconnect,
            "ping": _nothing,
            "subscribe": self._subscribe,
            "listSessions": self._list,
            "createSession": self._create,
            "disposeSession": self._dispose,
            "resolveSessionConfig": self._resolve_config,
            "sessionConfigCompletions": _no_items,
            "completions": _no_items,
            "fetchTurns": _empty,
        }

    @property
    def total(self) -> int:
        """The `serverSeq` of the last action that there was for this client."""
        return self._base + sum(one.place for one in self.followed.values())

    async def answer(self, method: str, params: Message) -> object:
        """The result of a request. Raises `RpcError`."""
        handler = self._handlers.get(method)
        if handler is None:
            raise RpcError(rpc.METHOD_NOT_FOUND, f"this server has no method {method[:64]!r}")
        if not self.client_id and method not in ("initialize", "reconnect", "ping"):
            raise RpcError(rpc.INVALID_REQUEST, "the first request is `initialize` or `reconnect`")
        try:
            return await handler(params)
        except RequestRefused as refused:
            raise RpcError(rpc.INTERNAL_ERROR, refused.refusal.message) from refused
        except (SessionNotFound, Deleted) as error:
            raise RpcError(rpc.SESSION_NOT_FOUND, "there is no such session") from error
        except (SessionCapacityError, GoingAway, JournalError) as error:
            raise RpcError(rpc.INTERNAL_ERROR, str(error) or "the server stops; reconnect") from error

    async def _initialize(self, params: Message) -> Message:
        self._begin()
        version = catalog.choose_version(params.get("protocolVersions"))
        client_id = text_of(params, "clientId")
        snapshots = []
        for uri in _uris(params.get("initialSubscriptions")):
            with suppress(RpcError, SessionNotFound, Deleted):  # it can see which are not there
                snapshots.append(await self._snapshot(uri))
        self.client_id = client_id
        result: Message = {"protocolVersion": version, "serverSeq": self.total, "snapshots": snapshots}
        return result | {"serverInfo": {"name": "holdfast", "version": __version__, "title": "Holdfast"}}

    def _begin(self) -> None:
        if self.client_id:
            raise RpcError(rpc.INVALID_REQUEST, "this connection has begun already")

    async def _reconnect(self, params: Message) -> Message:
        self._begin()
        client_id, since = text_of(params, "clientId"), params.get("lastSeenServerSeq")
        if not isinstance(since, int):
            raise RpcError(rpc.INVALID_PARAMS, "`lastSeenServerSeq` must be a number")
        found: list[str] = []
        missing: list[str] = []
        for uri in _uris(params.get("subscriptions")):
            (found if _is_channel(uri) else missing).append(uri)
        sessions = dict.fromkeys(session for uri in found if (session := self._session_of(uri)))
        stood = sum_of(since, self._host.manager.journal.epoch)
        alone = stood if len(sessions) == 1 else None
        missed: list[Step] | None = None
        for session in sessions:
            try:
                missed = await self._follow(session, since=alone)
            except (SessionNotFound, Deleted):
                missing += [uri for uri in found if self._session_of(uri) == session]
        self.client_id = client_id
        found = [uri for uri in found if uri not in missing]
        for uri in found:
            self._add_channel(uri)
        gone = len(self.followed) < len(sessions)  # then the number counts what is not there any more
        if self.total == since and not gone:
            return {"type": "replay", "actions": [], "missing": missing}
        if alone is not None and missed is not None and not gone:
            (only,) = self.followed.values()
            steps = [step for step in missed if only.channel_of(step.action) in only.channels]
            actions = [envelope(only.channel_of(one.action), one.action.body, self._base + one.place) for one in steps]
            return {"type": "replay", "actions": actions, "missing": missing}
        if self.total < since:
            self._mark()
        return {"type": "snapshot", "snapshots": [await self._snapshot(uri) for uri in found]}

    def _mark(self) -> None:
        if self._base < MARK:
            self._base += MARK

    async def _subscribe(self, params: Message) -> Message:
        view = params.get("view")
        turns = view.get("turns") if isinstance(view, dict) else None
        snapshot = await self._snapshot(text_of(params, "channel"), turns if isinstance(turns, int) else None)
        return {"snapshot": snapshot}

    async def _snapshot(self, uri: str, turns_max: int | None = None) -> Message:
        """Subscribe to a channel; its state. Raises `RpcError`, and what `_follow` raises."""
        if uri.rstrip("/") == ROOT.rstrip("/"):
            state = catalog.root_state(self._host.models())
            return {"resource": uri, "state": state, "fromSeq": self.total}
        session = self._session_of(uri)
        if session not in self.followed:
            await self._follow(session)
        one = self.followed[session]
        self._add_channel(uri)
        state = one.chat(turns_max) if uri == one.chat_uri else one.session(self._schema)
        return {"resource": uri, "state": state, "fromSeq": self.total}

    def _session_of(self, uri: str) -> str:
        """The URI of the session of a channel; empty for the root's. Raises `RpcError`."""
        if uri.rstrip("/") == ROOT.rstrip("/"):
            return ""
        session = session_of_chat(uri) or uri
        if not _is_channel(uri):
            raise RpcError(rpc.NOT_FOUND, f"there is no channel {uri[:200]!r}")
        return session

    def _add_channel(self, uri: str) -> None:
        session = self._session_of(uri)
        if session:
            self.followed[session].channels.add(uri)

    async def _follow(self, uri: str, since: int | None = None) -> list[Step] | None:
        """Follow a session: as `FollowedSession.catch_up`. Raises `RpcError`, `SessionNotFound`, `GoingAway`, `JournalError`."""
        if len(self.followed) >= FOLLOWED_MAX:
            raise RpcError(rpc.INTERNAL_ERROR, f"you follow {FOLLOWED_MAX} sessions already; unsubscribe from one")
        session_id = session_id_of(uri)
        if session_id is None:
            raise SessionNotFound(uri)
        access = await authorize_session(self._host.manager.registry, self._principal, session_id)
        async with AsyncExitStack() as stack:
            port = await stack.enter_async_context(self._host.manager.attach(access.row))
            self._host.admission.check_attached(self._principal, port)
            cwd = load_options(access.row.options).cwd
            policy = self._host.admission.policy(access.principal, access.level)
            one = FollowedSession(uri, port, policy, cwd, access.row.created_at)
            stack.callback(one.cursor.detach)
            missed = await one.catch_up(since)
            one.talk.model = one.talk.model or access.row.model
            self.followed[uri] = one
            self._attached[uri] = stack.pop_all()
        one.live = True
        self._on_followed(one)
        return missed

    async def unsubscribe(self, params: Message) -> None:
        """Send no more of a channel."""
        uri = text_of(params, "channel")
        session = self._session_of(uri)
        one = self.followed.get(session)
        if one is None:
            return
        one.channels.discard(uri)
        if not one.channels:
            await self.leave(one)

    async def leave(self, one: FollowedSession) -> None:
        """Follow a session no more."""
        self._mark()  # the number never falls
        del self.followed[one.uri]
        await self._attached.pop(one.uri).aclose()

    async def aclose(self) -> None:
        """Follow nothing."""
        for one in [*self.followed.values()]:
            await self.leave(one)

    async def _list(self, params: Message) -> Message:
        limit, cursor = params.get("limit"), text_of(params, "cursor", "")
        most = min(max(limit, 1), LISTED_MAX) if isinstance(limit, int) else LISTED_MAX
        before = read_list_position(cursor)
        if cursor and before is None:
            raise RpcError(rpc.INVALID_PARAMS, "`cursor` must be the `nextCursor` of an earlier answer")
        infos, position = await self._host.manager.page_sessions(self._principal.user_id, most, before=before)
        # A session without messages is not in the list of an editor.
        kept = [one for one in infos if one.message_count and len(one.session_id) == SESSION_ID_CHARS]
        result: Message = {"items": [catalog.listed(one) for one in kept]}
        if position is not None:
            result["nextCursor"] = list_position_text(position)
        return result

    async def _create(self, params: Message) -> None:
        uri = text_of(params, "channel")
        session_id = session_id_of(uri)
        if session_id is None:
            raise RpcError(rpc.INVALID_PARAMS, "`channel` must be a URI whose path is a UUID, as holdfast:/UUID")
        if params.get("provider", PROVIDER) != PROVIDER:
            raise RpcError(rpc.PROVIDER_NOT_FOUND, f"the agent of this server is {PROVIDER!r}")
        cwd = await self._folder(params.get("workingDirectories"))
        config = params.get("config")
        mode = config.get("approvals") if isinstance(config, dict) else None
        manager, user_id = self._host.manager, self._principal.user_id
        try:
            await manager.create_session(user_id, cwd=cwd, session_id=session_id)
        except (Conflict, Deleted) as error:
            raise RpcError(rpc.SESSION_EXISTS, "there is, or was, a session with this URI") from error
        mode = mode or (PROJECT_MODE if cwd else None)
        if isinstance(mode, str) and mode != "default":
            answer = await manager.submit(session_id, SetMode(mode=mode))
            if isinstance(answer, SubmissionRefusal):
                await manager.delete_session(session_id)
                raise RpcError(rpc.INVALID_PARAMS, answer.message)

    async def announce(self, one: FollowedSession) -> None:
        """Tell all clients of the user of a session in which something was said: an editor makes many in which nothing ever is."""
        info = await self._host.manager.get_session_info(one.port.session_id)
        self._host.tell(
            self._principal.user_id, "root/sessionAdded", {"channel": ROOT, "summary": catalog.listed(info)}
        )

    async def _folder(self, uris: object) -> str:
        """The project folder for a session: the first of those that the client names; empty: it names none. Raises `RpcError`."""
        if not isinstance(uris, list) or not uris:
            return ""
        path = folder_path(str(uris[0]))
        if path is None:
            raise RpcError(rpc.INVALID_PARAMS, "a working directory must be a file: URI on the server's machine")
        try:
            return await self._host.disk.run(
                partial(self._host.projects.resolve, path), Holder(self._principal.user_id)
            )
        except ProjectRefused as refused:
            raise RpcError(rpc.PERMISSION_DENIED, str(refused)) from refused

    async def _dispose(self, params: Message) -> None:
        uri = text_of(params, "channel")
        session_id = session_id_of(uri) or ""
        access = await authorize_session(self._host.manager.registry, self._principal, session_id)
        if access.level != "owner":
            raise SessionNotFound(session_id)
        self.disposed = uri
        await self._host.manager.delete_session(session_id)
        self._host.tell(
            self._principal.user_id, "root/sessionRemoved", {"channel": ROOT, "session": session_uri(session_id)}
        )

    async def _resolve_config(self, params: Message) -> Message:
        config = params.get("config")
        chosen = config.get("approvals") if isinstance(config, dict) else None
        folder = isinstance(params.get("workingDirectory"), str)
        mode = chosen if chosen in self._host.modes else PROJECT_MODE if folder else "default"
        return {"schema": self._schema, "values": {"approvals": mode}}

    @property
    def _schema(self) -> Message:
        return catalog.config_schema(self._host.modes)


def envelope(channel: str, action: Message, server_seq: int, origin: Message | None = None) -> Message:
    """The params of the notification `action`."""
    params: Message = {"channel": channel, "action": action, "serverSeq": server_seq}
    return params if origin is None else params | {"origin": origin}


def _uris(given: object) -> list[str]:
    if given is None:
        return []
    if not isinstance(given, list) or len(given) > 4 * FOLLOWED_MAX or not all(isinstance(one, str) for one in given):
        raise RpcError(rpc.INVALID_PARAMS, f"subscriptions must be a list of {4 * FOLLOWED_MAX} URIs at most")
    return list(dict.fromkeys(given))


def _is_channel(uri: str) -> bool:
    """Whether this server could have a channel of this URI."""
    return uri.rstrip("/") == ROOT.rstrip("/") or session_id_of(session_of_chat(uri) or uri) is not None


async def _nothing(_params: Message) -> None:
    return None


async def _empty(_params: Message) -> Message:
    return {}


async def _no_items(_params: Message) -> Message:
    return {"items": []}
