"""Fault reports: an unexpected error is logged with an id, and the client gets the id and no details."""

import logging
import secrets

FAULT_ID_BYTES = 4


class ToolError(Exception):
    """A tool call failed for a known reason; the message is for the model, and is the call's result.

    `outcome_unknown`: the call may have been done, and its result cannot be had.
    """

    outcome_unknown = False


class ImageRefused(Exception):
    """An image cannot be sent to a model. The message is a clause that says why, for the model."""


def fault_id() -> str:
    """A random id for one fault, by which it is found in the log."""
    return secrets.token_hex(FAULT_ID_BYTES)


def log_fault(log: logging.Logger, error: BaseException, what: str, *args: object) -> str:
    """Log an unexpected error with its traceback and an id; returns the message for the client, with the same id."""
    identifier = fault_id()
    log.error("fault %s: " + what, identifier, *args, exc_info=error)  # noqa: G003  # `what` is a format of ours
    return fault_message(identifier)


def fault_message(identifier: str) -> str:
    """The message that a client gets for the fault with this id."""
    return f"a fault of the server; tell its operator the id {identifier}"
