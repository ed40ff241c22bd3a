"""Peer: the client's side of a connection, and what all connections of a server share."""

from collections.abc import Callable

import msgspec
from starlette.types import Receive, Send

from protocol.limits import Limits
from server.journal.base import Journal
from server.telemetry.metrics import Metrics
from server.transport.websocket import SocketTransport
from server.websocket.handshake import Encoding, SocketOptions
from server.websocket.size_warnings import SizeWarnings
from server.websocket.snapshots import SnapshotPool


class Peer(msgspec.Struct, frozen=True):
    """The client's side of a connection: what the ASGI server gives for it, how its frames are encoded, and what it asks for."""

    receive: Receive
    send: Send
    transport: SocketTransport
    encoding: Encoding
    options: SocketOptions


class ConnectionContext(msgspec.Struct, frozen=True):
    """What all connections of a server share. `is_demo`: whether the built-in demo answers under this model name."""

    journal: Journal
    limits: Limits
    metrics: Metrics
    snapshots: SnapshotPool
    is_demo: Callable[[str], bool]
    sizes: SizeWarnings
