"""Workspace settings: every limit of the workspace and of the built-in tools, with its unit and default."""

from typing import Annotated

from msgspec import Meta

from agent.util.settings import SettingsGroup


class WorkspaceLimits(SettingsGroup, frozen=True, kw_only=True):
    """What a session may keep in its workspace and in its plan, and how much of it a tool shows at once."""

    write_bytes_max: Annotated[
        int, Meta(ge=1, le=2**30, description="Largest file `write` writes; more: the call is refused.")
    ] = 1_048_576
    upload_bytes_max: Annotated[
        int, Meta(ge=1, le=2**30, description="Largest file a client uploads; more: HTTP 413.")
    ] = 33_554_432
    total_bytes_max: Annotated[
        int, Meta(ge=1, le=2**40, description="All files of one workspace together; a write beyond it is refused.")
    ] = 268_435_456
    files_max: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Files and folders in one workspace; a write beyond it is refused.")
    ] = 10_000
    depth_max: Annotated[
        int, Meta(ge=1, le=128, description="Names in one path; a longer one is refused and a listing stops there.")
    ] = 32
    read_bytes_max: Annotated[
        int, Meta(ge=1, le=2**30, description="How much of a file `read` looks at, from its beginning.")
    ] = 8_388_608
    view_chars_max: Annotated[
        int, Meta(ge=1_000, le=10_000_000, description="Longest piece of a file or listing shown by one call.")
    ] = 40_000
    listed_max: Annotated[int, Meta(ge=1, le=100_000, description="Most files and folders shown by one `list`.")] = (
        1_000
    )
    plan_items_max: Annotated[int, Meta(ge=1, le=1_000, description="Most items of a plan.")] = 50
    plan_text_chars_max: Annotated[int, Meta(ge=1, le=100_000, description="Longest text of one plan item.")] = 500
