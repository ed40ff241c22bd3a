"""The body's knobs: every setting and bound of the server as data, with unit and default. Read by `settings_file`."""

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, field

from agent.hub.settings import HubSettings
from agent.models.catalog import ModelEntry
from agent.models.settings import ModelSettings
from agent.redaction import parse_pattern
from agent.sandbox.settings import SandboxSettings
from agent.tools.mcp.settings import McpLimits, McpServer
from agent.tools.research import ResearchSettings
from agent.tools.web.settings import WebSettings
from agent.workspace.settings import WorkspaceLimits
from protocol.limits import Limits
from server.config.auth import AuthSettings
from server.config.page import PageSettings
from server.config.sessions import ExportSettings, PolicySettings, TurnSettings, UserLimits
from server.config.telemetry import MetricsSettings, TracingSettings
from server.journal import settings as journal
from server.util.hosts import Network, parse_network, parse_origin
from server.util.settings import Group

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["text", "json"]


class ServerSettings(Group, frozen=True, kw_only=True):
    """Where the server listens and how it starts, speaks and stops."""

    host: Annotated[
        str,
        Meta(min_length=1, description="Address or name to listen on. `127.0.0.1` and `localhost` mean `::1` too."),
    ] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535, description="TCP port; 0: any free one.")] = 7860
    log_level: Annotated[LogLevel, Meta(description="What is worth a line of log on standard error.")] = "info"
    log_format: Annotated[
        LogFormat, Meta(description="`text`: a line for a person; `json`: an object a line, for a log collector.")
    ] = "text"
    access_log: Annotated[bool, Meta(description="Log a line for each HTTP request and each socket.")] = False
    graceful_shutdown_s: Annotated[
        float, Meta(ge=0, le=3_600, description="How long a stop waits for sockets and requests; then they are cut.")
    ] = 10.0
    preload_model: Annotated[
        bool, Meta(description="Load the model library in the background at start-up, not at the first turn.")
    ] = True
    public_url: Annotated[
        str,
        Meta(description="Where browsers reach the server through a proxy, such as `https://box.example`; else empty."),
    ] = ""
    space_host: Annotated[
        str, Meta(description="Name of the Hugging Face Space that this is; then `public_url` is `https://` and this.")
    ] = ""
    trusted_proxies: Annotated[
        list[str],
        Meta(description="Addresses and networks of proxies whose `X-Forwarded-For|Proto|Host` are believed."),
    ] = field(default_factory=list)
    head_timeout_s: Annotated[
        float, Meta(gt=0, le=600, description="How long a connection may last without credentials; then it is closed.")
    ] = 10.0
    head_bytes: Annotated[
        int, Meta(ge=1_024, le=2**20, description="Largest head of a request, its cookies and headers; more: HTTP 400.")
    ] = 32_768
    waiting_max: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Connections without credentials at once; more: HTTP 503.")
    ] = 2_048
    waiting_per_address_max: Annotated[
        int, Meta(ge=1, le=1_000_000, description="The same from one address that is no trusted proxy; more: HTTP 503.")
    ] = 1_024

    @property
    def public_origin(self) -> str:
        """Where browsers reach the server through a proxy, or empty."""
        return self.public_url or (f"https://{self.space_host}" if self.space_host else "")

    @property
    def networks(self) -> list[Network]:
        """The trusted proxies, as networks."""
        return [network for text in self.trusted_proxies if (network := parse_network(text)) is not None]

    def __post_init__(self) -> None:
        if self.public_origin and parse_origin(self.public_origin) is None:
            key = "public_url" if self.public_url else "space_host"
            raise ValueError(f"{key}: {self.public_origin!r} is no origin; write `https://name`, without a path")
        for text in self.trusted_proxies:
            if parse_network(text) is None:
                raise ValueError(f"trusted_proxies: {text!r} is neither an address nor a network such as 10.0.0.0/8")


class SessionSettings(Group, frozen=True, kw_only=True):
    """How many sessions may be awake, and what each may hold in memory."""

    awake_max: Annotated[int, Meta(ge=1, le=1_000_000, description="Sessions awake at once, in all.")] = 50
    awake_max_per_user: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Sessions awake at once, for one user.")
    ] = 10
    idle_sleep_s: Annotated[
        float, Meta(ge=0, le=86_400, description="How long a session without sockets and work stays awake.")
    ] = 60.0
    delete_after_days: Annotated[
        float, Meta(ge=0, le=36_500, description="Sessions not used for so long are deleted; 0: none is.")
    ] = 0.0
    delete_empty_after_s: Annotated[
        float, Meta(ge=0, le=31_536_000, description="Sessions in which nothing was ever said are deleted; 0: none is.")
    ] = 86_400.0
    inbox_max: Annotated[
        int, Meta(ge=1, le=100_000, description="Submissions that may wait for one session; more: `inbox_full`.")
    ] = 256
    queued_inputs_max: Annotated[
        int, Meta(ge=0, le=10_000, description="User inputs that may wait for their turn; more: `queue_full`.")
    ] = 32
    shutdown_wait_s: Annotated[
        float, Meta(ge=0, le=600, description="How long ending a session waits for its work; then that is cancelled.")
    ] = 5.0
    tail_bytes: Annotated[
        int,
        Meta(ge=0, le=2**30, description="Newest encoded events an awake session keeps in memory; older: read back."),
    ] = 262_144
    snapshot_every_events: Annotated[
        int, Meta(ge=1, le=1_000_000, description="A session's state is stored after so many events, to load it fast.")
    ] = 500
    history_chars_max: Annotated[
        int, Meta(ge=1_000, le=2**30, description="Length of one session's whole conversation; more: `history_full`.")
    ] = 8_000_000


class SocketSettings(Group, frozen=True, kw_only=True):
    """What a socket may send, and what it is sent. Raises ValueError if something accepted could not be replayed."""

    inbound_message_bytes: Annotated[
        int, Meta(ge=1_024, le=2**24, description="Largest websocket message a client may send; more: close 1009.")
    ] = 1_048_576
    outbound_batch_bytes: Annotated[
        int, Meta(ge=1_024, le=2**26, description="Frames are sent together in one message up to this size.")
    ] = 65_536
    outbound_frame_bytes: Annotated[
        int, Meta(ge=4_096, le=2**30, description="Largest single frame the server sends.")
    ] = 16_777_216
    heartbeat_s: Annotated[float, Meta(gt=0, le=20, description="Silence after which a `heartbeat` is sent.")] = 15.0
    ping_interval_s: Annotated[
        float, Meta(ge=1, le=3_600, description="Time between two websocket pings to a client.")
    ] = 20.0
    ping_timeout_s: Annotated[
        float, Meta(ge=1, le=3_600, description="How long a client's pong may take; then close 1011.")
    ] = 20.0
    send_timeout_s: Annotated[
        float, Meta(gt=0, le=3_600, description="How long a client may take nothing it is sent; then close 4408.")
    ] = 20.0
    close_grace_s: Annotated[
        float, Meta(gt=0, le=600, description="How long a closed socket may take to say goodbye; then it is cut.")
    ] = 2.0
    send_buffer_bytes: Annotated[
        int,
        Meta(ge=4_096, le=2**26, description="What waits for one slow reader in the process, and again in the kernel."),
    ] = 65_536
    frames_per_s: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Frames a client may send in the long run; more: close 4429.")
    ] = 50
    frames_burst: Annotated[int, Meta(ge=1, le=1_000_000, description="Frames a client may send at once.")] = 200
    bad_frames_per_minute: Annotated[
        int, Meta(ge=0, le=1_000_000, description="Malformed frames a minute that are answered; more: close 4429.")
    ] = 20
    permessage_deflate: Annotated[
        bool, Meta(description="Compress messages, at 36 KiB a socket and 5 µs a message.")
    ] = False
    sockets_per_session_max: Annotated[
        int, Meta(ge=1, le=100_000, description="Sockets bound to one session at once; more: HTTP 429.")
    ] = 32

    def __post_init__(self) -> None:
        if self.inbound_message_bytes * 2 > self.outbound_frame_bytes:
            raise ValueError("inbound_message_bytes may be half of outbound_frame_bytes at most: all is replayed")


class JournalSettings(Group, frozen=True, kw_only=True):
    """Where events are stored, and how safely."""

    data: Annotated[
        str, Meta(min_length=1, description="Folder of the journal and the sessions' workspaces; made if missing.")
    ] = "./data"
    durability: Annotated[
        Literal["process", "power"],
        Meta(description="What stored events survive. `process`: a killed server; `power`: a power cut too."),
    ] = "process"
    readers: Annotated[int, Meta(ge=1, le=64, description="Threads that read the journal beside its one writer.")] = 2
    group_max: Annotated[
        int, Meta(ge=1, le=100_000, description="Appends and other changes that one commit takes together.")
    ] = 512
    waiting_max: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Calls that may wait for the writer, and for the readers; more fail.")
    ] = 10_000
    cached_sessions_max: Annotated[
        int, Meta(ge=1, le=10_000_000, description="Sessions whose last position the writer keeps in memory.")
    ] = 4_096
    checkpoint_commits: Annotated[
        int,
        Meta(ge=1, le=1_000_000, description="The write-ahead log is moved into the database after so many commits."),
    ] = 1_000
    log_pages_max: Annotated[
        int, Meta(ge=16, le=2**24, description="Length of the write-ahead log past which the writer itself does that.")
    ] = 8_192
    purge_records: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Events of deleted sessions that are removed in one step.")
    ] = 1_000
    busy_timeout_s: Annotated[
        float, Meta(ge=0, le=60, description="How long to wait for another program that has locked the database.")
    ] = 1.0
    retry_s: Annotated[
        float,
        Meta(ge=0, le=3_600, description="How long a failed append is tried again; then the session's work stops."),
    ] = 1.25
    recovery_s: Annotated[
        float, Meta(gt=0, le=3_600, description="How long a stopped session waits before it tries its journal again.")
    ] = 5.0

    @property
    def folder(self) -> Path:
        """The data folder; `~` is the user's home, a relative one is below the working folder."""
        return Path(self.data).expanduser()

    def limits(self) -> journal.Limits:
        """The bounds, as the journal takes them."""
        return journal.Limits(
            group_max=self.group_max,
            waiting_max=self.waiting_max,
            cached_sessions_max=self.cached_sessions_max,
            checkpoint_commits=self.checkpoint_commits,
            log_pages_max=self.log_pages_max,
            purge_records=self.purge_records,
            busy_timeout_s=self.busy_timeout_s,
        )


class ModelChoice(Group, frozen=True, kw_only=True):
    """Which model answers, and how it is called."""

    model: Annotated[
        str, Meta(description="Model as LiteLLM names it, or `demo`; empty: by the credentials found, else the demo.")
    ] = ""
    models: Annotated[
        list[str | ModelEntry],
        Meta(description="Models offered to clients besides the one above: names, or objects that say more."),
    ] = field(default_factory=list)
    allow_other_models: Annotated[bool, Meta(description="Whether a client may set a model that is not offered.")] = (
        True
    )
    system_prompt: Annotated[str, Meta(description="What the model is told before the conversation.")] = (
        "You are a helpful assistant with tools. Say what you are about to do before you use a tool, "
        "and answer in short, clear sentences."
    )
    calls: ModelSettings = field(default_factory=ModelSettings)


class RedactionSettings(Group, frozen=True, kw_only=True):
    """What is kept out of events. Logs are always redacted. Raises ValueError for a pattern of another form."""

    enabled: Annotated[
        bool, Meta(description="Replace secrets by a marker before anything is stored, shown or sent to a model.")
    ] = True
    extra_patterns: Annotated[
        dict[str, str],
        Meta(description="Formats of your own secrets: name to `prefix[A-Za-z0-9]{20,}`, a prefix and one class."),
    ] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, text in self.extra_patterns.items():
            parse_pattern(name, text)


class Settings(Group, frozen=True, kw_only=True):
    """All settings of a server."""

    server: ServerSettings = field(default_factory=ServerSettings)
    auth: AuthSettings = field(default_factory=AuthSettings)
    users: UserLimits = field(default_factory=UserLimits)
    sessions: SessionSettings = field(default_factory=SessionSettings)
    socket: SocketSettings = field(default_factory=SocketSettings)
    journal: JournalSettings = field(default_factory=JournalSettings)
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
    page: PageSettings = field(default_factory=PageSettings)
    mcp: McpLimits = field(default_factory=McpLimits)
    mcp_servers: Annotated[
        dict[Annotated[str, Meta(min_length=1, max_length=64)], McpServer],
        Meta(description="MCP servers by name, as every MCP client writes them. See docs/tools.md."),
    ] = field(default_factory=dict, name="mcpServers")

    def limits(self) -> Limits:
        """What a client is told of the bounds, in `ready`."""
        socket = self.socket
        return Limits(
            inbound_message_bytes=socket.inbound_message_bytes,
            outbound_frame_bytes=socket.outbound_frame_bytes,
            frames_per_s=socket.frames_per_s,
            frames_burst=socket.frames_burst,
            bad_frames_per_minute=socket.bad_frames_per_minute,
            queued_inputs=self.sessions.queued_inputs_max,
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
