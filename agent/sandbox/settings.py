"""Every setting and limit of the place where an agent's commands run, with its unit and default."""

from typing import Annotated, Literal

from msgspec import Meta, field

from agent.sandbox.remote_settings import RemoteSettings

Kind = Literal["local", "hub", "space", "host", "off"]
Bytes = Annotated[int, Meta(ge=1_048_576, le=2**44)]


class SandboxSettings(RemoteSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the agent's commands run, what they reach, and how much of this machine one of them may take.

    Raises ValueError for bounds that contradict each other.
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
    command_timeout_s: Annotated[
        float, Meta(gt=0, le=86_400, description="How long a command may run that asks for no time of its own.")
    ] = 120.0
    command_timeout_max_s: Annotated[
        float, Meta(gt=0, le=86_400, description="How long a command may ask to run; then it is killed.")
    ] = 540.0
    commands_max: Annotated[
        int, Meta(ge=1, le=100, description="Commands of one session at once; more wait for their turn.")
    ] = 4
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
    open_files_max: Annotated[int, Meta(ge=32, le=1_048_576, description="Files that a process may have open.")] = 1_024
    cpu_s: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Processor time of each process of a command; then it is killed.")
    ] = 600
    tmp_bytes: Annotated[
        Bytes, Meta(description="Size of a command's `/tmp`, which is held in memory and empty for each command.")
    ] = 268_435_456
    disk_free_bytes_min: Annotated[
        int, Meta(ge=0, le=2**44, description="A command is killed when the disk has less room than this.")
    ] = 268_435_456
    output_bytes_max: Annotated[
        int, Meta(ge=65_536, le=2**28, description="Output of one command; then it is killed.")
    ] = 4_194_304
    log_bytes_max: Annotated[
        int,
        Meta(
            ge=1_024,
            le=2**24,
            description="Output of one command that is shown while it runs; the rest comes at its end.",
        ),
    ] = 262_144
    output_chars_max: Annotated[
        int,
        Meta(
            ge=1_000,
            le=10_000_000,
            description="Output a model is given; of a longer one the middle is kept in a file.",
        ),
    ] = 30_000
    search_timeout_s: Annotated[
        float, Meta(gt=0, le=600, description="How long one `grep` may take; then it tells what it has found.")
    ] = 10.0
    search_bytes_max: Annotated[
        int, Meta(ge=65_536, le=2**40, description="How much of the files one `grep` looks at.")
    ] = 268_435_456
    matches_max: Annotated[int, Meta(ge=1, le=100_000, description="Lines that one `grep` finds at most.")] = 200

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.kind == "space" and not (self.space or self.space_template):
            raise ValueError("kind is `space`, so space_template is needed: deploy/sandbox/README.md makes one")
        if self.command_timeout_s > self.command_timeout_max_s:
            raise ValueError("command_timeout_s may be command_timeout_max_s at most")
        for path in self.readable:
            if not path.startswith("/") or path.rstrip("/") in ("", "/proc", "/dev", "/tmp"):
                raise ValueError(f"readable: {path!r} is no folder that can be shown; write an absolute path below /")
