"""Effects: what a tool call would do, as data for the approval policy and for the person who approves. Pure."""

from typing import Literal

import msgspec

EffectKind = Literal["write_outside", "spend", "upload", "delete", "network", "external"]
"""`write_outside`: changes something outside of the session's workspace and sandbox; `spend`: costs money; `upload`:
sends data to others; `delete`: deletes something for good; `network`: uses the network; `external`: unknown here, such as
what a tool of an untrusted MCP server does."""


class Effects(msgspec.Struct, frozen=True):
    """The effects of one call. Without `kinds` it stays inside the workspace and the conversation.

    `description`: what it would do, in words for the person who approves. `operation`: which of the tool's operations, such as
    `run` of `hf_jobs`; empty for a tool that has one. `cost_usd`: an estimate; None: it costs an unknown amount. `definition`: a
    digest of what somebody else's server says of the tool; empty for a tool that does not change. `path`: the file or folder that it
    is about, relative to the workspace, in place of an absolute path; empty: the argument says it. `each_time`: why a person is asked for each such call, whatever
    the session allows; empty: they need not be.
    """

    description: str = ""
    kinds: frozenset[EffectKind] = frozenset()
    operation: str = ""
    cost_usd: float | None = 0.0
    definition: str = ""
    path: str = ""
    each_time: str = ""
