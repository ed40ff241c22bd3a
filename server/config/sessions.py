"""The body's knobs for turns: how far one may go, and when the context is made shorter."""

from typing import Annotated

from msgspec import Meta

from server.util.settings import Group


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
