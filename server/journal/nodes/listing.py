"""Node listing: what operators are told of nodes, and of their database."""

from typing import Literal, NamedTuple

import msgspec

NodeState = Literal["alive", "draining", "late", "dead"]
"""`draining`: it is about to stop, and lets its turns end. `late`: its lease is over, and no other node has declared it dead yet. `dead`: it stopped, or was declared dead."""


class Load(NamedTuple):
    """What a node has to do: sessions that are awake, and open sockets."""

    sessions: int
    sockets: int


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
