"""Node listing: what operators are told of nodes, and of their database."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

import msgspec

NodeState = Literal["alive", "draining", "late", "dead"]
"""`draining`: it is about to stop, and lets its turns end. `late`: its lease is over, and no other node has declared it dead yet. `dead`: it stopped, or was declared dead."""


class Load(NamedTuple):
    """What a node tells of itself: sessions that are awake, open sockets, its settings as JSON (a digest of each group), and how many more
    sessions it could wake.
    """

    sessions: int
    sockets: int
    settings: bytes = b"{}"
    room: int = 0


class NodeSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A node, as of its last beat. Times by the database's clock: UTC, RFC 3339; `beat_age_s`: since that beat."""

    number: int
    name: str
    version: str
    state: NodeState
    started_at: str
    last_beat_at: str
    beat_age_s: float
    sessions: int
    sockets: int
    duties: bool = False
    """Whether it does what one alone is to do: export, deletion by age, looking for what is left over."""
    settings: dict[str, str] = {}
    """A digest of each group of settings that should be the same everywhere; empty before its first beat."""


def differing(ours: Mapping[str, str], theirs: Mapping[str, str]) -> list[str]:
    """The groups of settings that both tell of and that are not the same."""
    return sorted(name for name in ours.keys() & theirs.keys() if ours[name] != theirs[name])


class DatabaseState(msgspec.Struct, frozen=True, kw_only=True):
    """A database, as a server would find it. `about`: its version, its tables and who has it, for people.

    `local`: the connection does not leave the machine. `clock_off_s`: how far its clock is ahead of this machine's. `standbys`: those whose
    word a commit waits for; None: it waits for none. `hears`: whether a connection hears what another says by NOTIFY.
    """

    about: str
    local: bool
    encrypted: bool
    clock_off_s: float
    standbys: int | None
    hears: bool
