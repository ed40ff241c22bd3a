"""Application under test: settings for tests, and the whole server in the test's own event loop; only the model is a stand-in."""

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Protocol

import msgspec
from starlette.applications import Starlette

from agent.models import ModelSettings
from agent.policy.settings import PolicySettings
from agent.sandbox.settings import SandboxSettings
from agent.session.settings import TurnSettings
from agent.tools import WorkspaceLimits
from agent.tools.hub import HubSettings
from agent.tools.research import ResearchSettings
from agent.tools.web import WebSettings
from protocol import codec
from protocol import events as ev
from protocol.codes import CloseReason
from server.app import build_app
from server.config.auth import AuthSettings
from server.config.export import ExportSettings
from server.config.model import ModelChoice
from server.config.page import PageSettings
from server.config.server import ServerSettings
from server.config.sessions import SessionSettings, UserLimits
from server.config.settings import Settings
from server.config.sockets import SocketSettings
from server.journal.settings import JournalSettings
from server.sessions.actor import SessionActor
from server.sessions.manager import SessionManager
from server.sessions.ports.port import SessionPort
from tests.support.constants import built_in

journal_url = ""
"""The database of the journal; empty: it is in the data folder. The fixture `journal_backend` changes it for a test."""

run_elsewhere = False
"""Whether another server on the same database runs the sessions that are made at a listening one; the same fixture changes it."""

ASKS_TO_WRITE = {"rules": [{"tool": "write", "action": "ask"}]}
"""Most tests of approvals have `write` ask, which runs freely by default."""


class ModelServer(Protocol):
    """A stand-in for a provider of models."""

    @property
    def api_base(self) -> str:
        """Its address."""


def settings_for(data: Path, model: ModelServer | None = None, **groups: Any) -> Settings:
    """Settings for tests; `groups` are fields of `auth`, `export`, `hub`, `page`, `policy`, `research`, `sandbox`, `sessions`, `socket`, `turn`, `users`, `web` and `workspace` by those names, as dicts; `mcp_servers` are the entries of MCP servers.

    What is built in, and no setting any more, is changed until the test ends. No scripted model is asked for a title, unless `turn` says so.
    Who is asking is another test's subject: without `auth` everyone on this machine is the local user.
    """
    servers = groups.pop("mcp_servers", {})
    groups = {name: built_in(name, given) for name, given in groups.items()}
    calls = ModelSettings(max_retries=0)
    built_in("model.calls", {"demo_token_ms": 0.0})
    name = "demo"
    if model is not None:
        calls = msgspec.structs.replace(calls, api_base=model.api_base, api_key="secret-key")
        built_in("model.calls", {"backoff_initial_s": 0.0})
        name = "openai/scripted"
    return Settings(
        server=ServerSettings(port=0, preload_model=False, graceful_shutdown_s=5.0),
        auth=msgspec.convert({"local_token": False, **groups.get("auth", {})}, AuthSettings),
        journal=JournalSettings(data=str(data), url=journal_url),
        sessions=SessionSettings(**groups.get("sessions", {})),
        users=UserLimits(**{"submissions_per_minute": 1_000_000, "sockets_max": 1_000_000, **groups.get("users", {})}),
        socket=SocketSettings(**groups.get("socket", {})),
        turn=TurnSettings(**{"title_by_model": False, **groups.get("turn", {})}),
        workspace=WorkspaceLimits(**groups.get("workspace", {})),
        export=msgspec.convert(groups.get("export", {}), ExportSettings),
        web=msgspec.convert(groups.get("web", {}), WebSettings),
        hub=msgspec.convert(groups.get("hub", {}), HubSettings),
        sandbox=msgspec.convert(groups.get("sandbox", {}), SandboxSettings),
        page=PageSettings(**groups.get("page", {})),
        research=msgspec.convert(groups.get("research", {}), ResearchSettings),
        policy=msgspec.convert(groups.get("policy", ASKS_TO_WRITE), PolicySettings),
        model=ModelChoice(model=name, calls=calls),
        mcp_servers=servers,
    )


def with_journal(settings: Settings, url: str) -> Settings:
    """The same with the journal in a database."""
    return msgspec.structs.replace(settings, journal=msgspec.structs.replace(settings.journal, url=url))


@contextlib.asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[SessionManager]:
    """The app's lifespan; its session manager."""
    app: Starlette = build_app(settings, environ={})
    async with app.router.lifespan_context(app):
        yield app.state.running.manager


class ListenerEnded(Exception):
    """The session ended its followers while something was awaited."""

    def __init__(self, reason: CloseReason) -> None:
        super().__init__(reason.text)
        self.reason = reason


class Listener:
    """Follows a session as a socket does, and keeps what it received."""

    def __init__(self, followed: SessionPort | SessionActor, after: int = 0) -> None:
        self.events: list[ev.Event] = []
        self._followed = followed  # a port is there while somebody refers to it
        self._cursor = followed.broadcaster.follow(after)

    async def until(self, done: Callable[[ev.Event], bool]) -> ev.Event:
        """Listen until an event is the one; that event. Raises `ListenerEnded`."""
        while True:
            events = await self._cursor.next(1_000_000)
            if not events and self._cursor.close_reason is not None:
                raise ListenerEnded(self._cursor.close_reason)
            for tailed in events:
                event = codec.decode_event(tailed.data)
                self.events.append(event)
                if done(event):
                    return event
            if self._cursor.position >= self._cursor._broadcaster.head:
                await self._cursor.wait()

    async def until_type(self, *kinds: type[ev.EventBase]) -> Any:
        """Listen until an event of one of these types comes."""
        return await self.until(lambda event: isinstance(event, kinds))
