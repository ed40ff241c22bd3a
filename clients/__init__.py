"""Outside: who speaks the wire. Imports protocol alone, so that it shows what any client can do with the protocol's documents."""

from clients.comeback import Action, Backoff
from clients.errors import CannotConnect, ConsumerStalled, Denied, OutboxFull, SessionEnded, SubmissionRefused
from clients.outcomes import CaughtUp, Connected, Ended, Fault, Postponed, Reconnecting, Rejected, Skipped, ViewReset
from clients.session_client import SessionClient
from clients.session_core import Position, SessionCore
from clients.views import at_rest

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
