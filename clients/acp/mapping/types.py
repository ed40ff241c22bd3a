"""Types: what goes into a session's mapping and comes out of it. Pure."""

from collections.abc import Callable
from typing import Literal

import msgspec

from clients.acp.rpc import Message
from protocol.submissions import Submission

Out = Message | Submission
"""A message to the client, or a submission to the server."""

Opening = Literal["new", "load", "resume"]
"""How the client opens a session: `load` wants the history."""

COMMANDS = {
    "compact": "Replace the older part of the model's context by a summary",
    "undo": "Take the last turn out of the history; files stay as they are",
}
"""Prompts that are a command, when they are nothing else but its name after a `/`."""


class Ids(msgspec.Struct, frozen=True):
    """Where ids come from: of requests of this process, and of submissions."""

    request: Callable[[], int]
    submission: Callable[[], str]
