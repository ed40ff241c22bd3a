"""Clients: programs that speak the wire. The package imports `protocol` alone, as a client by anybody else could.

Session client (`clients.session`): the library; its public names are here.
Python client (`clients/python`): the session client as a distribution of its own, `holdfast-client`.
Terminal client (`clients.terminal`): `holdfast chat`.
ACP agent (`clients.acp`): `holdfast acp`, for editors.
Web client (`clients/web`): the page.
JavaScript client (`clients/js`): `holdfast.js`, the library for browsers, which the page uses.
"""

from clients.session.client import SessionClient
from clients.session.core import Position, SessionCore
from clients.session.errors import CannotConnect, ConsumerStalled, Denied, OutboxFull, SessionEnded, SubmissionRefused
from clients.session.outcomes import (
    CaughtUp,
    Connected,
    Ended,
    Fault,
    Postponed,
    Reconnecting,
    Rejected,
    Skipped,
    ViewReset,
)
from clients.session.reconnect import Action, Backoff
from clients.session.view import at_rest

__all__ = [
    "Action",
    "Backoff",
    "CannotConnect",
    "CaughtUp",
    "Connected",
    "ConsumerStalled",
    "Denied",
    "Ended",
    "Fault",
    "OutboxFull",
    "Position",
    "Postponed",
    "Reconnecting",
    "Rejected",
    "SessionClient",
    "SessionCore",
    "SessionEnded",
    "Skipped",
    "SubmissionRefused",
    "ViewReset",
    "at_rest",
]
