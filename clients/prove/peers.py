"""Peers: what can be tried: a server of our protocol, or one that speaks another for which there is an adapter."""

from collections.abc import Sequence

import msgspec

from clients.prove.cases import CASES, Case
from clients.prove.player import play
from clients.prove.runs import Play

DEFAULT_URL = "http://127.0.0.1:7860"


class Peer(msgspec.Struct, frozen=True):
    """`cases`: what it can be tried with; `play`: how. `url`: where it is."""

    cases: Sequence[Case]
    play: Play
    url: str


def peer_of(words: Sequence[str]) -> Peer:
    """The peer that a command line names: `[URL]` or `durable-streams URL`. Raises `ValueError`."""
    match list(words):
        case []:
            return Peer(CASES, play, DEFAULT_URL)
        case ["durable-streams", url]:
            from clients.prove.streams import cases as of_streams
            from clients.prove.streams import player as on_streams

            return Peer(of_streams.CASES, on_streams.play, url)
        case [url] if url != "durable-streams":
            return Peer(CASES, play, url)
    raise ValueError("name a server: `holdfast prove URL` or `holdfast prove durable-streams URL`")
