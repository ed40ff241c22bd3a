"""The body's knobs for turns: how far one may go, and when the context is made shorter."""

import re
from typing import Annotated

from msgspec import Meta, field

from agent.policy.policy import Policy, PolicyRule
from server.journal.base import StorageBounds
from server.util.settings import Group


class UserLimits(Group, frozen=True, kw_only=True):
    """What one user may have and spend. Sessions awake at once are in `sessions`."""

    stored_sessions_max: Annotated[
        int, Meta(ge=1, le=10_000_000, description="Sessions kept, awake and asleep; more: HTTP 429 `storage`.")
    ] = 1_000
    stored_bytes_max: Annotated[
        int,
        Meta(ge=1, le=2**50, description="Bytes of all sessions' events; more: HTTP 429 `storage`, `storage_full`."),
    ] = 2**30
    sockets_max: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Sockets open at once; more: HTTP 429 `too_many_sockets`.")
    ] = 100
    submissions_per_minute: Annotated[
        int,
        Meta(
            ge=1,
            le=1_000_000,
            description="Submissions in the long run, as many at once; more: `too_many_submissions`.",
        ),
    ] = 120
    tokens_per_day: Annotated[
        int,
        Meta(ge=0, le=2**50, description="Tokens in and out in one UTC day; more: `budget_exhausted`; 0: no bound."),
    ] = 0
    cost_usd_per_day: Annotated[
        float,
        Meta(ge=0, description="US dollars of model calls in one UTC day; more: `budget_exhausted`; 0: no bound."),
    ] = 0.0
    watched_max: Annotated[
        int, Meta(ge=1, le=10_000_000, description="Users whose spending and pace are kept in memory.")
    ] = 10_000

    def storage(self) -> StorageBounds:
        """The bounds, as the journal takes them."""
        return StorageBounds(self.stored_sessions_max, self.stored_bytes_max)


CPU_JOBS = PolicyRule(action="allow", tool="hf_jobs", operation="*:cpu*", reason="a job on CPU")
"""Jobs on hardware without a GPU, run once or on a schedule; the tool tells the hardware apart."""

UPLOADS = (
    PolicyRule(action="ask", tool="hf_repo", effect="delete"),
    PolicyRule(action="allow", tool="hf_repo", effect="upload", reason="an upload to the Hub"),
)
"""Uploads to the Hub, but none that deletes as well."""


class PolicySettings(Group, frozen=True, kw_only=True):
    """Which calls run, are asked for or are refused. Where no rule matches, what reaches beyond the workspace asks."""

    rules: Annotated[
        list[PolicyRule], Meta(description="In order; the first that matches a call decides. See docs/tools.md.")
    ] = field(default_factory=list)
    yolo_mode: Annotated[
        bool, Meta(description="Whether everything that would be asked for runs; what a rule denies is still refused.")
    ] = False
    spending_limit_usd: Annotated[
        float,
        Meta(
            ge=0, le=1_000_000, description="What a session spends without being asked; from there on it asks. 0: any."
        ),
    ] = 5.0
    confirm_cpu_jobs: Annotated[
        bool,
        Meta(description="Whether jobs on CPU hardware ask; those on GPUs always do, unless a rule says otherwise."),
    ] = True
    auto_file_upload: Annotated[bool, Meta(description="Whether uploads to the Hub run without being asked for.")] = (
        False
    )

    def policy(self) -> Policy:
        """As a session decides by it: the operator's rules come first."""
        cpu_jobs = () if self.confirm_cpu_jobs else (CPU_JOBS,)
        uploads = UPLOADS if self.auto_file_upload else ()
        return Policy(
            rules=(*self.rules, *cpu_jobs, *uploads),
            yolo_mode=self.yolo_mode,
            spending_limit_usd=self.spending_limit_usd,
        )


REPO = re.compile(r"\{user\}/[A-Za-z0-9_][A-Za-z0-9_.-]{0,95}")


class ExportSettings(Group, frozen=True, kw_only=True):
    """Whether and how finished sessions are kept in their owners' private datasets. Raises ValueError for another's dataset."""

    save_sessions: Annotated[
        bool, Meta(description="Upload each session that fell asleep or was shut down, with its owner's token.")
    ] = False
    session_dataset_repo: Annotated[
        str, Meta(description="The dataset: `{user}` is the owner's name on the Hub. Made private if it is not there.")
    ] = "{user}/holdfast-sessions"
    at_once_max: Annotated[
        int, Meta(ge=1, le=64, description="Uploads at once, each of another user; more wait their turn.")
    ] = 2
    file_bytes_max: Annotated[
        int, Meta(ge=1_024, le=2**40, description="Largest session that is uploaded; a larger one is not, and logged.")
    ] = 268_435_456
    upload_timeout_s: Annotated[float, Meta(gt=0, le=86_400, description="How long one upload may take.")] = 300.0
    retry_initial_s: Annotated[
        float, Meta(gt=0, le=86_400, description="Pause before a failed upload is tried again; then twice as long.")
    ] = 10.0
    retry_max_s: Annotated[float, Meta(gt=0, le=604_800, description="The longest such pause.")] = 3_600.0
    look_every_s: Annotated[
        float, Meta(gt=0, le=86_400, description="How often owners without a token are asked for again.")
    ] = 60.0

    def __post_init__(self) -> None:
        if REPO.fullmatch(self.session_dataset_repo) is None:
            raise ValueError(
                f"session_dataset_repo: {self.session_dataset_repo!r} is not `{{user}}/name`: "
                "each owner's sessions go into a dataset of their own"
            )


class TurnSettings(Group, frozen=True, kw_only=True):
    """How far one turn may go. Raises ValueError for bounds that contradict each other."""

    max_iterations: Annotated[
        int, Meta(ge=1, le=10_000, description="Model calls in one turn; more: error `max_iterations`.")
    ] = 50
    max_tool_calls_per_message: Annotated[
        int, Meta(ge=1, le=1_000, description="Tool calls in one message of the model; the rest are not run.")
    ] = 32
    compact_at: Annotated[
        float, Meta(gt=0, le=1, description="The context is compacted when it fills this part of the model's limit.")
    ] = 0.75
    keep_fraction: Annotated[
        float, Meta(gt=0, lt=1, description="The newest messages that compaction leaves alone, as a part of the limit.")
    ] = 0.3
    repeated_calls_noted: Annotated[
        int,
        Meta(
            ge=2, le=1_000, description="Messages with the same call and the same result after which the model is told."
        ),
    ] = 3
    repeated_calls_max: Annotated[
        int, Meta(ge=3, le=1_001, description="The same, after which the turn ends: error `repeated_calls`.")
    ] = 5
    overhead_tokens: Annotated[
        int, Meta(ge=0, le=1_000_000, description="Context reckoned for the system prompt and the tools' descriptions.")
    ] = 2_000
    tool_output_max_tokens: Annotated[
        int, Meta(ge=100, le=2_500_000, description="Longest output of a tool, by estimate; its middle is cut out.")
    ] = 12_500
    agents_md_max_bytes: Annotated[
        int,
        Meta(ge=0, le=1_048_576, description="How much of the workspace's `AGENTS.md` the model is told; 0: nothing."),
    ] = 16_384
    title_by_model: Annotated[
        bool, Meta(description="After its first turn a session gets a title from its model; the demo model gives none.")
    ] = True
    title_max_tokens: Annotated[
        int, Meta(ge=16, le=100_000, description="Tokens the model may use for a title; more: the first line stays it.")
    ] = 1_000
    title_timeout_s: Annotated[
        float, Meta(gt=0, le=600, description="How long making a title may take; longer: the first line stays it.")
    ] = 20.0
    tool_timeout_s: Annotated[
        float, Meta(gt=0, le=86_400, description="How long a tool may run; then it is cancelled.")
    ] = 600.0
    delta_buffer_chars: Annotated[
        int, Meta(ge=1, le=2**26, description="Streamed text that may wait to be stored; then the stream is held back.")
    ] = 65_536
    chunk_max_chars: Annotated[
        int, Meta(ge=1, le=2**20, description="Longest text of one `assistant_chunk` or `tool_log`.")
    ] = 65_536

    def __post_init__(self) -> None:
        if self.keep_fraction >= self.compact_at:
            raise ValueError("keep_fraction must be below compact_at: else compaction would make no room")
        if self.repeated_calls_noted >= self.repeated_calls_max:
            raise ValueError("repeated_calls_noted must be below repeated_calls_max: the model is told before the end")
