"""Job arguments: the arguments of `hf_jobs`, which operation takes which, and the effects of each. Pure."""

import shlex
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from agent.hub.pricing import estimate_usd, hardware
from agent.hub.settings import HubSettings
from agent.policy.effects import EffectKind, Effects
from agent.tools.hub.base import argument_error
from agent.util.text import one_line

Operation = Literal[
    "run",
    "ps",
    "inspect",
    "logs",
    "cancel",
    "hardware",
    "schedule",
    "scheduled",
    "suspend",
    "resume",
    "delete_scheduled",
]
_NEW = ("flavor", "timeout_s", "env", "secrets", "namespace")
_NEEDS: dict[Operation, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "run": (("image", "command"), (*_NEW, "follow", "follow_s")),
    "ps": ((), ("status", "namespace")),
    "inspect": (("job_id",), ("namespace",)),
    "logs": (("job_id",), ("follow", "follow_s", "namespace")),
    "cancel": (("job_id",), ("namespace",)),
    "hardware": ((), ()),
    "schedule": (("image", "command", "schedule"), _NEW),
    "scheduled": ((), ("namespace",)),
    "suspend": (("job_id",), ("namespace",)),
    "resume": (("job_id",), ("namespace",)),
    "delete_scheduled": (("job_id",), ("namespace",)),
}
TIME_S = 1_800
"""How long a job may run where the model does not say, as at the Hub itself."""

TIME_MAX_S = 86_400
"""How long a job may run at most: a mistyped time must not cost for weeks. Its price is bounded by the policy."""

_VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"

Text = Annotated[str, Meta(max_length=100_000)]
Variable = Annotated[str, Meta(min_length=1, max_length=200, pattern=_VARIABLE)]


class Jobs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The arguments of `hf_jobs`."""

    operation: Annotated[
        Operation,
        Meta(
            description="`run` a job; `ps`: list jobs; `inspect`, `logs` and `cancel` one; `hardware`: flavors with prices; "
            "`schedule` a job to run again and again; `scheduled`: list such; `suspend`, `resume`, `delete_scheduled` one."
        ),
    ]
    image: Annotated[
        str, Meta(max_length=500, description="Docker image, such as `python:3.12`; or `hf.co/spaces/OWNER/NAME`.")
    ] = ""
    command: Annotated[
        list[Text],
        Meta(max_length=1_000, description="The program and its arguments; for a shell: `bash`, `-c`, the line."),
    ] = []
    flavor: Annotated[
        str,
        Meta(
            pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=64, description="Hardware, such as `cpu-basic` or `a10g-small`."
        ),
    ] = "cpu-basic"
    timeout_s: Annotated[int, Meta(ge=0, description="How long the job may run, in seconds; 0: the usual time.")] = 0
    env: Annotated[dict[Variable, Text], Meta(max_length=200, description="Environment variables; no secrets.")] = {}
    secrets: Annotated[
        list[Variable],
        Meta(
            max_length=10,
            description="Names of secret variables, such as `HF_TOKEN`: each holds the user's Hugging Face token in the job.",
        ),
    ] = []
    schedule: Annotated[
        str,
        Meta(max_length=100, description="When, as cron says it (`0 9 * * 1`), or `@hourly`, `@daily`, `@weekly`."),
    ] = ""
    job_id: Annotated[str, Meta(max_length=100, description="Which job, or which scheduled one.")] = ""
    status: Annotated[
        Literal["", "RUNNING", "SCHEDULING", "COMPLETED", "CANCELED", "ERROR"],
        Meta(description="Only jobs that are so; with `ps`."),
    ] = ""
    follow: Annotated[
        bool, Meta(description="Wait for the job and stream its logs; else return at once. For `run` and `logs`.")
    ] = True
    follow_s: Annotated[
        int, Meta(ge=0, description="How long to follow, in seconds; 0: as long as may be. The job itself goes on.")
    ] = 0
    namespace: Annotated[
        str, Meta(max_length=96, description="Organization that runs it and pays; empty: the user's own account.")
    ] = ""


def validate(arguments: Jobs) -> str | None:
    """The first error that the types do not exclude; None if the arguments are valid."""
    needed, allowed = _NEEDS[arguments.operation]
    error = argument_error(arguments, arguments.operation, needed, allowed)
    if error is not None:
        return error
    if any(character.isspace() or not character.isprintable() for character in arguments.image):
        return "Expected the name of an image, without spaces - at `$.image`"
    if arguments.timeout_s > TIME_MAX_S:
        return f"Expected `int` <= {TIME_MAX_S} - at `$.timeout_s`"
    for name in ("job_id", "namespace"):
        value = getattr(arguments, name)
        if value and not all(c.isascii() and (c.isalnum() or c in "_-.") for c in value):
            return f"Expected letters, digits, `-` and `_` - at `$.{name}`"
    both = set(arguments.env) & set(arguments.secrets)
    if both:
        return f"`{min(both)}` cannot be both plain and secret - at `$.secrets`"
    return None


def time_s(arguments: Jobs) -> int:
    """How long the job may run, in seconds."""
    return arguments.timeout_s or TIME_S


def cost_usd(arguments: Jobs, settings: HubSettings) -> float | None:
    """The most that one run may cost, in US dollars; None if the price is not known."""
    return estimate_usd(arguments.flavor, time_s(arguments), settings.usd_per_hour)


def effects(arguments: Jobs, settings: HubSettings) -> Effects:
    """The effects of the call. The operation of `run` and `schedule` names the hardware too: `run:cpu`, `run:gpu`.

    It ends in `:token` if the job gets the owner's token, so that a grant for jobs without it does not cover such a job.
    """
    operation, job = arguments.operation, one_line(arguments.job_id, 100)
    if operation in ("run", "schedule"):
        return _new_job_effects(arguments, settings)
    changes: dict[Operation, tuple[str, EffectKind]] = {
        "cancel": (f"ends the job {job}; what it has not stored is lost", "delete"),
        "delete_scheduled": (f"deletes the scheduled job {job}", "delete"),
        "suspend": (f"pauses the scheduled job {job}", "write_outside"),
        "resume": (f"lets the scheduled job {job} run and cost money again", "spend"),
    }
    if operation not in changes:
        return Effects(operation=operation)
    description, kind = changes[operation]
    return Effects(description, frozenset({kind}), operation, None if kind == "spend" else 0.0)


def _new_job_effects(arguments: Jobs, settings: HubSettings) -> Effects:
    """Effects of `run` and `schedule`. The cost of a scheduled job is not known, since it runs again and again."""
    cost = cost_usd(arguments, settings)
    price = "at a price that is not known" if cost is None else f"for ${cost:.2f} at most"
    minutes = f"{time_s(arguments) / 60:g} min"
    what = f"{one_line(shlex.join(arguments.command), 300)} in {one_line(arguments.image)} on {arguments.flavor}"
    payer = f", paid by {one_line(arguments.namespace)}" if arguments.namespace else ""
    kinds: set[EffectKind] = {"spend"}
    given = ""
    if arguments.secrets:
        kinds.add("external")
        given = f"; gives it the owner's Hugging Face token as {', '.join(arguments.secrets)}"
    operation = f"{arguments.operation}:{hardware(arguments.flavor)}{':token' if arguments.secrets else ''}"
    if arguments.operation == "run":
        return Effects(f"runs {what}, for {minutes} {price}{payer}{given}", frozenset(kinds), operation, cost)
    when = one_line(arguments.schedule)
    description = f"runs {what}, again and again ({when}), each time for {minutes} {price}{payer}{given}"
    return Effects(description, frozenset(kinds), operation, None)
