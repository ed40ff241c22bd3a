"""Settings: all settings of a server, composed of the groups that the packages define."""

from pathlib import Path
from typing import Annotated

from msgspec import Meta, field

from agent.hub.settings import HubSettings
from agent.policy.settings import PolicySettings
from agent.redaction.settings import RedactionSettings
from agent.sandbox.settings import SandboxSettings
from agent.session.settings import TurnSettings
from agent.tools.mcp.settings import McpLimits, McpServer
from agent.tools.research.settings import ResearchSettings
from agent.tools.web.settings import WebSettings
from agent.util.settings import SettingsGroup
from agent.workspace.settings import WorkspaceLimits
from protocol import limits as protocol_limits
from protocol.limits import Limits
from server.config.auth import AuthSettings
from server.config.compatible import CompatibleSettings
from server.config.export import ExportSettings
from server.config.model import ModelChoice
from server.config.page import PageSettings
from server.config.server import ServerSettings
from server.config.sessions import SessionSettings, UserLimits
from server.config.sockets import SocketSettings
from server.config.telemetry import MetricsSettings, TracingSettings
from server.journal.nodes.settings import NodesSettings
from server.journal.settings import JournalSettings
from server.search.settings import SearchSettings

SECRET_CHARS_MIN = 32
"""Of the secret from which the keys of several servers follow."""


class Settings(SettingsGroup, frozen=True, kw_only=True):
    """All settings of a server."""

    server: ServerSettings = field(default_factory=ServerSettings)
    auth: AuthSettings = field(default_factory=AuthSettings)
    users: UserLimits = field(default_factory=UserLimits)
    sessions: SessionSettings = field(default_factory=SessionSettings)
    socket: SocketSettings = field(default_factory=SocketSettings)
    journal: JournalSettings = field(default_factory=JournalSettings)
    nodes: NodesSettings = field(default_factory=NodesSettings)
    model: ModelChoice = field(default_factory=ModelChoice)
    turn: TurnSettings = field(default_factory=TurnSettings)
    workspace: WorkspaceLimits = field(default_factory=WorkspaceLimits)
    web: WebSettings = field(default_factory=WebSettings)
    hub: HubSettings = field(default_factory=HubSettings)
    sandbox: SandboxSettings = field(default_factory=SandboxSettings)
    policy: PolicySettings = field(default_factory=PolicySettings)
    research: ResearchSettings = field(default_factory=ResearchSettings)
    redaction: RedactionSettings = field(default_factory=RedactionSettings)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    tracing: TracingSettings = field(default_factory=TracingSettings)
    export: ExportSettings = field(default_factory=ExportSettings)
    search: SearchSettings = field(default_factory=SearchSettings)
    page: PageSettings = field(default_factory=PageSettings)
    compatible: CompatibleSettings = field(default_factory=CompatibleSettings)
    mcp: McpLimits = field(default_factory=McpLimits)
    mcp_servers: Annotated[
        dict[Annotated[str, Meta(min_length=1, max_length=64)], McpServer],
        Meta(description="MCP servers by name, as every MCP client writes them. See docs/tools.md."),
    ] = field(default_factory=dict, name="mcpServers")

    def __post_init__(self) -> None:
        if self.nodes.several and not self.journal.url:
            raise ValueError(
                "nodes.several needs journal.url (HOLDFAST_JOURNAL_URL): only a database can be shared by several servers"
            )
        if self.nodes.several and len(self.auth.secret) < SECRET_CHARS_MIN:
            raise ValueError(
                f"nodes.several needs auth.secret (HOLDFAST_SECRET): {SECRET_CHARS_MIN} or more characters, the same at every server"
            )
        if self.nodes.several and self.workspace.place == "own":
            raise ValueError(
                "nodes.several needs workspace.place shared (HOLDFAST_WORKSPACES=shared) and workspace.shared_folder (HOLDFAST_SHARED_FOLDER), "
                "a folder that every server sees: a session that moves to another server would find no files"
            )
        if self.workspace.place == "shared" and not self.journal.url:
            raise ValueError(
                "workspace.place shared is for servers on one database: set journal.url (HOLDFAST_JOURNAL_URL), or leave the files in journal.data (own)"
            )

    @property
    def files_folder(self) -> Path:
        """Where sessions' files and their snapshots are: the data folder, or the one that several servers share."""
        shared = self.workspace.shared_folder
        return Path(shared).expanduser() if shared else self.journal.folder

    @property
    def other_models_allowed(self) -> bool:
        """Whether a client may set a model that is not offered: where one person uses the server, unless it is set."""
        allowed = self.model.allow_other_models
        return self.auth.mode == "local" if allowed is None else allowed

    def limits(self) -> Limits:
        """What a client is told of the bounds, in `ready`."""
        socket = self.socket
        return Limits(
            inbound_message_bytes=socket.inbound_message_bytes,
            outbound_frame_bytes=socket.outbound_frame_bytes,
            frames_per_s=socket.frames_per_s,
            frames_burst=protocol_limits.FRAMES_BURST,
            bad_frames_per_minute=protocol_limits.BAD_FRAMES_PER_MINUTE,
            queued_inputs=protocol_limits.QUEUED_INPUTS,
            heartbeat_s=socket.heartbeat_s,
            send_timeout_s=socket.send_timeout_s,
            sockets_per_session=socket.sockets_per_session_max,
            sockets_per_user=self.users.sockets_max,
            submissions_per_minute=self.users.submissions_per_minute,
            sessions_awake=self.sessions.awake_max,
            sessions_awake_per_user=self.sessions.awake_max_per_user,
            stored_sessions_per_user=self.users.stored_sessions_max,
            stored_bytes_per_user=self.users.stored_bytes_max,
            history_chars=self.sessions.history_chars_max,
            upload_bytes=self.workspace.upload_bytes_max,
            tokens_per_day=self.users.tokens_per_day,
            cost_usd_per_day=self.users.cost_usd_per_day,
        )
