"""What a call would do in the world, as data: the approval policy judges by it, and a person reads it. Pure."""

from typing import Literal

import msgspec

EffectKind = Literal["write_outside", "spend", "upload", "delete", "network", "external"]
"""`write_outside`: changes something outside of the session's workspace and sandbox; `spend`: costs money; `upload`:
gives something away; `delete`: takes something away for good; `network`: reaches out; `external`: what it does is known
to somebody else alone, such as an MCP server that is not trusted."""


class Effects(msgspec.Struct, frozen=True):
    """The effects of one call. Without `kinds` it stays inside the workspace and the conversation.

    `says`: what it would do, in words for the person who is asked. `operation`: which of the things a tool can do, such
    as `run` of `hf_jobs`; empty for a tool that does one. `cost_usd`: an estimate; None: it costs, nobody knows how much.
    """

    says: str = ""
    kinds: frozenset[EffectKind] = frozenset()
    operation: str = ""
    cost_usd: float | None = 0.0
