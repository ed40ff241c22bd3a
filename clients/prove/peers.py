"""Peers: what can be tried: a server of our protocol, or one that speaks another for which there is an adapter."""

import shlex
from collections.abc import Sequence

import msgspec

from clients.prove.cases import CASES, Case
from clients.prove.player import play
from clients.prove.runs import Play

DEFAULT_URL = "http://127.0.0.1:7860"


class Peer(msgspec.Struct, frozen=True):
    """`cases`: what it can be tried with; `play`: how. `url`: where it is, or the command that starts it.

    `is_started`: each case starts it.
    """

    cases: Sequence[Case]
    play: Play
    url: str
    is_started: bool = False


def peer_of(words: Sequence[str]) -> Peer:
    """The peer that a command line names: `[URL]`, `durable-streams URL`, `ag-ui URL` or `acp COMMAND...`. Raises `ValueError`."""
    match list(words):
        case []:
            return Peer(CASES, play, DEFAULT_URL)
        case ["durable-streams", url]:
            from clients.prove.streams import cases as of_streams
            from clients.prove.streams import player as on_streams

            return Peer(of_streams.CASES, on_streams.play, url)
        case ["ag-ui", url]:
            from clients.prove.ag_ui import cases as of_endpoints
            from clients.prove.ag_ui import player as on_endpoints

            return Peer(of_endpoints.CASES, on_endpoints.play, url)
        case ["acp", *command] if command:
            from clients.prove.acp import cases as of_agents
            from clients.prove.acp import player as with_agents

            return Peer(of_agents.CASES, with_agents.play, shlex.join(command), is_started=True)
        case [url] if url not in ("durable-streams", "ag-ui", "acp"):
            return Peer(CASES, play, url)
    raise ValueError(
        "name a server: `holdfast prove URL`, `holdfast prove durable-streams URL`, `holdfast prove ag-ui URL`, "
        "`holdfast prove acp -- COMMAND`"
    )
