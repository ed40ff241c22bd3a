"""Every setting and limit of sandboxes elsewhere, with its unit and default: a Job of the Hub's, or a Space."""

from typing import Annotated

import msgspec
from msgspec import Meta

SECRET_CHARS_MIN = 32
Name = Annotated[str, Meta(max_length=200)]


class RemoteSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Sandboxes of the kinds `hub` and `space`. Raises ValueError for a Space that is named without its secret."""

    hub_image: Annotated[Name, Meta(description="`hub`: Docker image, with `/bin/sh`; `python3` for `grep`.")] = (
        "python:3.12"
    )
    hub_flavor: Annotated[Name, Meta(description="`hub`: hardware, as `hf jobs hardware` lists it.")] = "cpu-basic"
    hub_idle_s: Annotated[
        int, Meta(ge=60, le=86_400, description="`hub`: unused for so long it ends by itself, with its files.")
    ] = 1_800
    space_template: Annotated[
        Name,
        Meta(
            description="`space`: the Space that each sandbox is duplicated from; deploy/sandbox/README.md makes one."
        ),
    ] = ""
    space_flavor: Annotated[Name, Meta(description="`space`: hardware, such as `cpu-basic`, which is free.")] = (
        "cpu-basic"
    )
    space_sleep_s: Annotated[
        int, Meta(ge=60, le=604_800, description="`space`: unused for so long it sleeps, on paid hardware.")
    ] = 1_800
    space: Annotated[
        Name, Meta(description="`space`: one Space that is there already, for all sessions; it is never deleted.")
    ] = ""
    space_secret: Annotated[str, Meta(max_length=4_096, description="`space`: the secret of the Space named so.")] = ""
    start_timeout_s: Annotated[
        float, Meta(gt=0, le=86_400, description="How long a sandbox elsewhere may take to start; then it is given up.")
    ] = 900.0
    start_wait_s: Annotated[
        float,
        Meta(gt=0, le=86_400, description="How long one call waits for that; then the model is told to try again."),
    ] = 300.0
    poll_s: Annotated[float, Meta(gt=0, le=60, description="Time between two looks at a Space that starts.")] = 2.0
    remote_threads: Annotated[
        int, Meta(ge=1, le=256, description="`hub`: questions to sandboxes at once, of all sessions; more wait.")
    ] = 16
    remote_commands_max: Annotated[
        int, Meta(ge=1, le=1_024, description="`hub`: commands at once, of all sessions; more wait for their turn.")
    ] = 64
    sweep_s: Annotated[
        float,
        Meta(gt=0, le=86_400, description="Time between two looks for sandboxes that nobody needs any more."),
    ] = 300.0
    sweep_retry_s: Annotated[
        float,
        Meta(gt=0, le=86_400, description="Pause after a failure to delete one; it doubles up to an hour."),
    ] = 10.0
    unsettled_s: Annotated[
        float,
        Meta(ge=0, le=86_400, description="How long one may turn up whose making was cut short, and is looked for."),
    ] = 900.0
    give_back_s: Annotated[
        float,
        Meta(ge=0, le=600, description="How long deleting a session waits for its sandbox; then it is swept later."),
    ] = 10.0

    def __post_init__(self) -> None:
        if self.space and len(self.space_secret) < SECRET_CHARS_MIN:
            raise ValueError(f"space is named, so space_secret is needed: its secret, {SECRET_CHARS_MIN} characters")
