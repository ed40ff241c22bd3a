"""Policy settings: which tool calls run, ask for approval or are refused."""

from typing import Annotated

from msgspec import Meta, field

from agent.policy.policy import BUILT_IN_MODES, Policy, PolicyRule
from agent.util.settings import SettingsGroup

CPU_JOBS = PolicyRule(action="allow", tool="hf_jobs", operation="*:cpu*", reason="a job on CPU")
"""Jobs on hardware without a GPU, run once or on a schedule; the operation's name has the kind of hardware."""

UPLOADS = (
    PolicyRule(action="ask", tool="hf_repo", effect="delete"),
    PolicyRule(action="allow", tool="hf_repo", effect="upload", reason="an upload to the Hub"),
)
"""Uploads to the Hub, but none that deletes as well."""


class PolicySettings(SettingsGroup, frozen=True, kw_only=True):
    """Which tool calls run, need an approval, or are refused. A call that no rule matches needs one if it has effects."""

    rules: Annotated[
        list[PolicyRule], Meta(description="In order; the first that matches a call decides. See docs/tools.md.")
    ] = field(default_factory=list)
    modes: Annotated[
        dict[Annotated[str, Meta(min_length=1, max_length=64)], list[PolicyRule]],
        Meta(
            max_length=16,
            description="Modes that the owner of a session may choose besides the built-in ones, by name: rules that come before all others.",
        ),
    ] = field(default_factory=dict)
    yolo_mode: Annotated[
        bool,
        Meta(description="Whether calls that need an approval run without one; what a rule denies is still refused."),
    ] = False
    spending_limit_usd: Annotated[
        float,
        Meta(
            ge=0,
            le=1_000_000,
            description="What a session may spend without an approval; past it, calls that cost need one. 0: any sum.",
        ),
    ] = 5.0
    confirm_cpu_jobs: Annotated[
        bool,
        Meta(
            description="Whether jobs on CPU hardware need an approval; on GPUs they always do, unless a rule allows them."
        ),
    ] = True
    auto_file_upload: Annotated[bool, Meta(description="Whether uploads to the Hub run without an approval.")] = False

    def __post_init__(self) -> None:
        for name in self.modes:
            if name in BUILT_IN_MODES:
                raise ValueError(f"modes: {name!r} is the name of a built-in mode; choose another")

    def policy(self) -> Policy:
        """The policy of a session: the operator's rules come first."""
        cpu_jobs = () if self.confirm_cpu_jobs else (CPU_JOBS,)
        uploads = UPLOADS if self.auto_file_upload else ()
        return Policy(
            rules=(*self.rules, *cpu_jobs, *uploads),
            yolo_mode=self.yolo_mode,
            spending_limit_usd=self.spending_limit_usd,
            modes={name: tuple(rules) for name, rules in self.modes.items()},
        )
