"""Session settings: how far one turn may go, and how long a conversation may be."""

from typing import Annotated

from msgspec import Meta

from agent.util.settings import SettingsGroup
from protocol.limits import Limits

DEFAULTS = Limits()
"""The defaults that the protocol documents."""


class ConversationLimits(SettingsGroup, frozen=True, kw_only=True):
    """How much one conversation may hold."""

    history_chars_max: Annotated[
        int,
        Meta(ge=1_000, le=2**30, description="Length of a session's whole conversation; more: `history_full`."),
    ] = DEFAULTS.history_chars


class TurnSettings(SettingsGroup, frozen=True, kw_only=True):
    """How far one turn may go."""

    max_iterations: Annotated[
        int,
        Meta(
            ge=1, le=10_000, description="Model calls in one turn; more: the turn ends with the error `max_iterations`."
        ),
    ] = 50
    compact_at: Annotated[
        float,
        Meta(
            gt=0,
            le=1,
            description="The conversation is summarized when it fills this fraction of the model's context.",
        ),
    ] = 0.75
    tool_output_max_tokens: Annotated[
        int,
        Meta(
            ge=100,
            le=2_500_000,
            description="Longest output of a tool that the model gets, by estimate; of a longer one the middle is cut.",
        ),
    ] = 12_500
    agents_md_max_bytes: Annotated[
        int,
        Meta(
            ge=0,
            le=1_048_576,
            description="How much of the workspace's file `AGENTS.md` is added to the system prompt; 0: nothing.",
        ),
    ] = 16_384
    title_by_model: Annotated[
        bool | None,
        Meta(
            description="Whether the model writes a session's title after the first turn; null: unless its server is on this machine or network. The demo model never does."
        ),
    ] = None
    tool_timeout_s: Annotated[
        float, Meta(gt=0, le=86_400, description="How long a tool call may run; then it is cancelled.")
    ] = 600.0
