"""Hub errors: why a call failed and what to do, in text for the model, without tokens and tracebacks."""

from agent.util.errors import ToolError
from agent.util.text import one_line

LOGIN_NEEDED = (
    "no Hugging Face token of the session's owner is known, and the server's own is never used: "
    "the owner has to log in with Hugging Face"
)
_MESSAGE_CHARS_MAX = 300


class HubError(ToolError):
    """A call failed; it may have had an effect. The message is for the model."""


class HubRefusal(HubError):
    """The Hub refused the call: nothing was done."""


class NotReached(Exception):
    """A request got no answer, and the library would send it again."""


class CallStopped(Exception):
    """The caller has left, or the call's time is over."""


class AnswerTooLarge(Exception):
    """The answer holds more bytes than the call accepts."""


def refusal_text(
    status: int | None, message: str | None, *, missing: bool, gated: bool, wait_s: str, known: bool
) -> str:
    """What an HTTP error of the Hub means, as text for the model.

    `status`: of the HTTP answer. `message`: the Hub's own text. `missing`: the Hub says that there is no such repository,
    file, revision or job, or none that this owner may see. `gated`: the owner has to request access first. `wait_s`: the
    answer's `Retry-After` in seconds, or empty. `known`: the request carried the owner's token.
    """
    if gated:
        text = "access has to be asked for first: the owner does that on the repository's page"
    elif missing and status == 401 and known:
        text = (
            "there is no such repository, or the owner's token is no longer good: check the name; if it is right, "
            "the owner has to log in with Hugging Face again"
        )
    elif missing or status == 404:
        hidden = "" if known else "; nobody is logged in, and private ones are shown to their owners alone"
        text = f"there is no such thing there, or it is private{hidden}: check the name, the type and the revision"
    elif status == 401:
        text = "it does not take the owner's token: the owner has to log in with Hugging Face again"
        text = text if known else LOGIN_NEEDED
    elif status == 402:
        text = "it wants to be paid: the owner needs credit or another plan"
    elif status == 403:
        text = "the owner's token may not do that: it needs another scope, or the owner a right in that organization"
    elif status == 409:
        text = "it is there already, or somebody else changed it meanwhile"
    elif status == 413:
        text = "that is too large for it"
    elif status == 429:
        text = f"too many requests: wait {wait_s} s" if wait_s else "too many requests: wait a few minutes"
    elif status is not None and status >= 500:
        text = "it has a fault of its own or is overloaded: try again in a while"
    else:
        text = "it did not take the request"
    quoted = f"; it says: {one_line(message, _MESSAGE_CHARS_MAX)!r}" if message else ""
    return f"the Hub refused ({status}): {text}{quoted}"
