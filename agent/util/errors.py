"""The mind's word for a fault of its own: the log has all of it, who asked is given an id that is found there."""

import logging
import secrets

FAULT_ID_BYTES = 4


class ToolError(Exception):
    """A tool call failed for a known reason; the message is for the model, and is the call's result."""


def fault_id() -> str:
    """A name for one fault, random: it says nothing and is found in the log."""
    return secrets.token_hex(FAULT_ID_BYTES)


def log_fault(log: logging.Logger, error: BaseException, what: str, *args: object) -> str:
    """Log an unexpected error with its traceback and an id; what a client is fault_message of it, with the same id."""
    found = fault_id()
    log.error("fault %s: " + what, found, *args, exc_info=error)  # noqa: G003  # `what` is a format of ours
    return fault_message(found)


def fault_message(found: str) -> str:
    """What a client is fault_message of the fault with this id."""
    return f"a fault of the server; tell its operator the id {found}"
