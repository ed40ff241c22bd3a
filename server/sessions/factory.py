"""Session factory: makes the parts that a session works with when it is activated."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec

from agent.models import Models
from agent.redaction import Redactor
from agent.session.messages import SubmissionRefusal
from agent.session.session import Rules
from agent.tools import ToolRouter
from agent.tools.mcp.settings import McpServer
from agent.util.places import Holder
from agent.worker import ModelCalls
from server.auth.owner_tokens import OwnerTokens
from server.config.settings import Settings
from server.journal.base import Journal, SessionRow
from server.journal.nodes.base import Nodes
from server.sessions.quotas import Quotas
from server.telemetry.secrets import KnownSecrets
from server.telemetry.session_observer import Observer

INSTRUCTIONS_INTRO = "The user's instructions for all their conversations:\n\n"


class SessionParts(msgspec.Struct, frozen=True):
    """What one active session works with; made anew at each activation."""

    models: ModelCalls
    tools: ToolRouter
    rules: Rules
    observer: Observer
    spoken: Callable[[], int]


class SessionFactory(msgspec.Struct, frozen=True):
    """Makes a session's parts.

    `models_for`: the model client for a Hugging Face token and the session it is for. `given`: the MCP servers that the
    session's client gave. `tools_for`: the tools for a row, a token and these. `saves_workspace`: whether snapshots of the session's files can be
    taken, for a row and a token. `rules_for`: the rules for these tools and the row.
    `observer_for`: the observer for a row. `spoken`: the version of events that all servers on the database know.
    """

    models_for: Callable[[str | None, Holder], ModelCalls]
    given: Callable[[str], Awaitable[Mapping[str, McpServer]]]
    tools_for: Callable[[SessionRow, str | None, Mapping[str, McpServer]], ToolRouter]
    saves_workspace: Callable[[SessionRow, str | None], bool]
    rules_for: Callable[[ToolRouter, SessionRow], Rules]
    observer_for: Callable[[SessionRow], Observer]
    spoken: Callable[[], int]

    def make(self, row: SessionRow, hub_token: str | None, given: Mapping[str, McpServer]) -> SessionParts:
        """The parts of the session of this row. `hub_token`: its owner's Hugging Face token, if one is known."""
        tools = self.tools_for(row, hub_token, given)
        return SessionParts(
            self.models_for(hub_token, Holder(row.user_id, row.session_id)),
            tools,
            msgspec.structs.replace(self.rules_for(tools, row), saves_workspace=self.saves_workspace(row, hub_token)),
            self.observer_for(row),
            self.spoken,
        )


class RulesFactory:
    """Makes the rules of each session. `offered`: the model names. What is the same in all of them is made once."""

    def __init__(self, settings: Settings, models: Models, secrets: KnownSecrets, offered: Sequence[str]) -> None:
        self._secrets = secrets
        self._common = _common_rules(settings, models, secrets, offered)

    def make(
        self, tools: ToolRouter, refuse_work: Callable[[], SubmissionRefusal | None], instructions: str = ""
    ) -> Rules:
        """The rules of a session with these tools. `refuse_work`: why its owner may not start a turn; `instructions`: of its
        owner, for models."""
        return msgspec.structs.replace(
            self._common,
            tools=tools,
            refuse_work=refuse_work,
            redactor=self._secrets.for_sessions,
            system_prompt=_told(self._common.system_prompt, instructions),
        )


def _common_rules(settings: Settings, models: Models, secrets: KnownSecrets, offered: Sequence[str]) -> Rules:
    turn = settings.turn

    def refuse_model(name: str) -> str | None:
        if name in offered:
            return None
        refused = models.refuse(name)
        if refused is not None or settings.other_models_allowed:
            return refused
        quoted = msgspec.json.encode(name).decode()
        return f"this server does not offer {quoted}; choose one of: {', '.join(offered)}"

    def makes_titles(name: str) -> bool:
        wanted = not models.is_local(name) if turn.title_by_model is None else turn.title_by_model
        return wanted and not models.info(name).demo

    return Rules(
        tools=ToolRouter([]),
        context_limit=lambda name: models.info(name).context_limit,
        refuse_model=refuse_model,
        redactor=secrets.for_sessions,
        policy=settings.policy.policy(),
        system_prompt=settings.model.system_prompt,
        turn=turn,
        limits=settings.sessions,
        default_model=offered[0] if offered else "",
        cost_usd=models.cost_usd,
        makes_titles=makes_titles,
    )


def _told(system_prompt: str, instructions: str) -> str:
    return "\n\n".join(part for part in (system_prompt, instructions and INSTRUCTIONS_INTRO + instructions) if part)


class SessionServices(msgspec.Struct, frozen=True):
    """What all sessions of a server share.

    `factory`: makes the parts of a session. `default_model`: the model of a session that chose none. `on_end`: called
    when an actor has ended, with its session's last row. `on_left`: called when the last socket of a sleeping session has left.
    `nodes`: this server among those on the same database; None if it is alone. `redactor`: for what is forwarded.
    """

    journal: Journal
    factory: SessionFactory
    quotas: Quotas
    owner_tokens: OwnerTokens
    default_model: Callable[[], str]
    on_end: Callable[[SessionRow], None]
    on_left: Callable[[], None]
    nodes: Nodes | None = None
    redactor: Callable[[], Redactor] = Redactor
