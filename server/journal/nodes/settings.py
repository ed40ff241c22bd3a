"""Node settings: whether several servers share a database, and how soon one that is lost is followed by another."""

import socket
from typing import Annotated

from msgspec import Meta

from agent.util.settings import SettingsGroup


class NodesSettings(SettingsGroup, frozen=True, kw_only=True):
    """Several servers on one PostgreSQL database."""

    several: Annotated[
        bool,
        Meta(
            description="Let several servers share the database of `journal.url`. All of them must have it set. Experimental: "
            "docs/deployment.md says in which sense, and what is not there."
        ),
    ] = False
    name: Annotated[
        str,
        Meta(
            max_length=64,
            description="What people call this server, in its log and in lists of servers; empty: the machine's host name.",
        ),
    ] = ""
    lease_s: Annotated[
        float,
        Meta(
            ge=0.2,
            le=600,
            description="How long a server that is lost keeps its sessions; then another takes them. A database that does not answer "
            "for so long ends the turns that run.",
        ),
    ] = 2.0

    drain_s: Annotated[
        float,
        Meta(
            ge=0,
            le=3_600,
            description="How long turns that run may take to end when this server is told to stop and others go on; then they are stopped. "
            "Give whatever stops it so much more time.",
        ),
    ] = 30.0

    @property
    def called(self) -> str:
        """This server's name for people."""
        return self.name or socket.gethostname()
