"""OpenAI errors: how turns fail, in the shape that OpenAI's clients read. Pure."""

from typing import Final

from protocol import events as ev
from server.util.refusal import openai_error

STATUS: Final = {
    "model_rate_limited": 429,
    "budget_exhausted": 429,
    "model_overloaded": 503,
    "model_unavailable": 503,
    "model_timeout": 504,
    "model_context_exceeded": 400,
    "model_bad_request": 400,
    "context_overflow": 400,
    "history_full": 400,
}
"""By the code of an error of a turn; of others 500."""


class TurnFailed(Exception):
    """The turn ended without an answer."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = STATUS.get(code, 500)

    @property
    def error(self) -> dict[str, str | None]:
        """It as OpenAI's clients read it."""
        return openai_error(self.status, self.code, self.message)


def failure(event: ev.Event | None) -> TurnFailed | None:
    """What went wrong with a turn that ended with this event; None if nothing did."""
    match event:
        case ev.ErrorEvent():
            return TurnFailed(event.code, event.message)
        case ev.Interrupted():
            why = "a user stopped it" if event.reason == "user" else "the server stopped"
            return TurnFailed("interrupted", f"the turn was ended before its answer was complete: {why}")
        case ev.InputWithdrawn():
            return TurnFailed("withdrawn", "a user took the message back before its turn began")
        case ev.ShutdownEvent():
            return TurnFailed("session_closed", f"the session was shut down: {event.reason}")
    return None
