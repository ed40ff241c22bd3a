"""Sandbox settings: where commands run, what they reach, and their limits."""

from typing import Annotated, Literal

from msgspec import Meta, field

from agent.util.settings import SettingsGroup

SECRET_CHARS_MIN = 32
Name = Annotated[str, Meta(max_length=200)]


class RemoteSettings(SettingsGroup, frozen=True, kw_only=True):
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

    def __post_init__(self) -> None:
        if self.space and len(self.space_secret) < SECRET_CHARS_MIN:
            raise ValueError(f"space is named, so space_secret is needed: its secret, {SECRET_CHARS_MIN} characters")


Kind = Literal["local", "hub", "space", "host", "off"]
Bytes = Annotated[int, Meta(ge=1_048_576, le=2**44)]


class SandboxSettings(RemoteSettings, frozen=True, kw_only=True):
    """Where the agent's commands run, what they reach, and how much of this machine one of them may take.

    Raises ValueError for settings that contradict each other.
    """

    kind: Annotated[
        Kind,
        Meta(
            description="`local`: bubblewrap on this machine; `hub`: a Job of the session's owner on the Hugging Face Hub; "
            "`space`: a private Space of theirs; `off`: no commands, files alone; `host`: this machine without any "
            "protection, as the server's own user."
        ),
    ] = "local"
    network: Annotated[
        bool,
        Meta(
            description="Whether commands reach the network: all that this machine reaches, its own ports and local "
            "network included. They then ask for approval."
        ),
    ] = False
    readable: Annotated[
        list[str],
        Meta(description="Folders of this machine that commands may read besides /usr, such as `/opt/conda`."),
    ] = field(default_factory=list)
    command_timeout_max_s: Annotated[
        float, Meta(gt=0, le=86_400, description="How long a command may ask to run; then it is killed.")
    ] = 540.0
    memory_bytes: Annotated[
        Bytes,
        Meta(
            description="Memory of a command's processes together, and data of each; a process gets no more, or the "
            "command is killed. `/tmp` comes on top."
        ),
    ] = 2_147_483_648
    processes_max: Annotated[
        int,
        Meta(ge=8, le=100_000, description="Processes and threads of one command; no more start, or it is killed."),
    ] = 256
    file_bytes_max: Annotated[Bytes, Meta(description="Largest file a command writes; a longer one is refused.")] = (
        268_435_456
    )
    cpu_s: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Processor time of each process of a command; then it is killed.")
    ] = 600
    tmp_bytes: Annotated[
        Bytes, Meta(description="Size of a command's `/tmp`, which is held in memory and empty for each command.")
    ] = 268_435_456

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.kind == "space" and not (self.space or self.space_template):
            raise ValueError("kind is `space`, so space_template is needed: deploy/sandbox/README.md makes one")
        for path in self.readable:
            if not path.startswith("/") or path.rstrip("/") in ("", "/proc", "/dev", "/tmp"):
                raise ValueError(f"readable: {path!r} is no folder that can be shown; write an absolute path below /")
